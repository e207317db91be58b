//! Bytes from one host to another, compared one by one.
#![allow(unreachable_pub, clippy::unwrap_used, clippy::indexing_slicing)] // for tests only

use std::io::{Read, Write};
use std::iter;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::mpsc::channel;
use std::thread::sleep;
use std::time::Duration;

use crate::lab::Host;

const PATIENCE: Duration = Duration::from_secs(20);
const BURST: usize = 20;

/// TCP, as fast as it goes, so that the kernel hands over super-packets.
pub fn stream(from: &Host, to: &Host, address: &str, bytes: usize) {
    let (tell, told) = channel();
    let listen = SocketAddr::new(address.parse().unwrap(), 0);
    let receiver = to.within(move || {
        let listener = TcpListener::bind(listen).unwrap();
        tell.send(listener.local_addr().unwrap()).unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut received = Vec::with_capacity(bytes);
        stream.read_to_end(&mut received).unwrap();
        received
    });
    let port = told.recv_timeout(PATIENCE).unwrap();
    let sender = from.within(move || {
        let mut stream = TcpStream::connect(port).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(&pattern(bytes, 0)).unwrap();
    });
    sender.join().unwrap();
    // Not assert_eq: nobody wants to read millions of bytes.
    assert!(
        receiver.join().unwrap() == pattern(bytes, 0),
        "the stream to {address} came out different"
    );
}

/// UDP of all sizes that fit, and some that have to be fragmented; then bursts of one size, which get glued. Slowly
/// enough that none is lost.
pub fn datagrams(from: &Host, to: &Host, address: &str) {
    let singles = (0..300).map(|number| 1 + number * 7);
    let sizes: Vec<usize> = singles.chain(iter::repeat_n(1300, 10 * BURST)).collect();
    let (tell, told) = channel();
    let listen = SocketAddr::new(address.parse().unwrap(), 0);
    let count = sizes.len();
    let receiver = to.within(move || {
        let socket = UdpSocket::bind(listen).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        tell.send(socket.local_addr().unwrap()).unwrap();
        let mut room = vec![0; 65_536];
        let receive = |_| {
            socket
                .recv(&mut room)
                .map(|bytes| room[..bytes].to_vec())
                .unwrap()
        };
        (0..count).map(receive).collect::<Vec<_>>()
    });
    let port = told.recv_timeout(PATIENCE).unwrap();
    let numbered = sizes.into_iter().enumerate();
    let sent: Vec<Vec<u8>> = numbered
        .map(|(number, size)| pattern(size, number))
        .collect();
    let mut expected = sent.clone();
    let sender = from.within(move || {
        let any = if port.is_ipv4() {
            "0.0.0.0:0"
        } else {
            "[::]:0"
        };
        let socket = UdpSocket::bind(any).unwrap();
        for (number, datagram) in sent.iter().enumerate() {
            socket.send_to(datagram, port).unwrap();
            if number < 300 || number.is_multiple_of(BURST) {
                sleep(Duration::from_micros(500));
            }
        }
    });
    sender.join().unwrap();
    let mut received = receiver.join().unwrap();
    // A fragmented one may be overtaken.
    received.sort();
    expected.sort();
    assert!(
        received == expected,
        "datagrams to {address} came out different"
    );
}

/// Bytes that differ everywhere: nothing may come twice, too late or from elsewhere.
fn pattern(bytes: usize, seed: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64 ^ ((bytes as u64) << 32 | seed as u64);
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state.to_ne_bytes()
    };
    (0..bytes.div_ceil(8))
        .flat_map(|_| next())
        .take(bytes)
        .collect()
}
