//! Bytes from one host to another, compared one by one.
#![allow(unreachable_pub, clippy::unwrap_used, clippy::indexing_slicing)] // for tests only

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::mpsc::channel;
use std::time::Duration;

use crate::lab::Host;

const PATIENCE: Duration = Duration::from_secs(20);

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
        stream.write_all(&pattern(bytes)).unwrap();
    });
    sender.join().unwrap();
    // Not assert_eq: nobody wants to read millions of bytes.
    assert!(
        receiver.join().unwrap() == pattern(bytes),
        "the stream to {address} came out different"
    );
}

/// UDP of all sizes that fit, and some that have to be fragmented, slowly enough that none is lost.
pub fn datagrams(from: &Host, to: &Host, address: &str) {
    let sizes: Vec<usize> = (0..300).map(|number| 1 + number * 7).collect();
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
    let sent: Vec<Vec<u8>> = sizes.into_iter().map(pattern).collect();
    let expected = sent.clone();
    let sender = from.within(move || {
        let any = if port.is_ipv4() {
            "0.0.0.0:0"
        } else {
            "[::]:0"
        };
        let socket = UdpSocket::bind(any).unwrap();
        for datagram in &sent {
            socket.send_to(datagram, port).unwrap();
            std::thread::sleep(Duration::from_micros(300));
        }
    });
    sender.join().unwrap();
    let mut received = receiver.join().unwrap();
    // A fragmented one may be overtaken.
    received.sort_by_key(Vec::len);
    assert!(
        received == expected,
        "datagrams to {address} came out different"
    );
}

/// Bytes that differ everywhere: nothing may come twice, too late or from elsewhere.
fn pattern(bytes: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64 ^ bytes as u64;
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
