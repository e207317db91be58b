//! Bytes from one host to another, compared one by one.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic
)] // for tests only

pub mod numbered;

use std::io::{Read, Write};
use std::iter;
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::mpsc::channel;
use std::thread::{JoinHandle, sleep};
use std::time::Duration;

use crate::lab::Host;

const PATIENCE: Duration = Duration::from_secs(20);
const SINGLES: usize = 300;
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

/// As [`stream`], of any length: neither end holds more than a piece of it.
pub fn long_stream(from: &Host, to: &Host, address: &str, bytes: u64) {
    let (receiver, place) = listen_on(to, address, compare_long);
    let sender = from.within(move || send_long(TcpStream::connect(place).unwrap(), bytes));
    sender.join().unwrap();
    assert_eq!(receiver.join().unwrap(), bytes, "bytes to {address}");
}

/// As [`long_stream`], but who asks receives: the way back through somebody who lets nobody in.
pub fn long_answer(asker: &Host, server: &Host, address: &str, bytes: u64) {
    let (sender, place) = listen_on(server, address, move |stream| send_long(stream, bytes));
    let receiver = asker.within(move || compare_long(TcpStream::connect(place).unwrap()));
    assert_eq!(receiver.join().unwrap(), bytes, "bytes from {address}");
    sender.join().unwrap();
}

/// Whoever connects there first is served so.
fn listen_on<T: Send + 'static>(
    host: &Host,
    address: &str,
    serve: impl FnOnce(TcpStream) -> T + Send + 'static,
) -> (JoinHandle<T>, SocketAddr) {
    let (tell, told) = channel();
    let listen = SocketAddr::new(address.parse().unwrap(), 0);
    let server = host.within(move || {
        let listener = TcpListener::bind(listen).unwrap();
        tell.send(listener.local_addr().unwrap()).unwrap();
        serve(listener.accept().unwrap().0)
    });
    (server, told.recv_timeout(PATIENCE).unwrap())
}

fn send_long(mut stream: TcpStream, bytes: u64) {
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    let (period, mut sent) = (pattern(PERIOD, 1), 0);
    while sent < bytes {
        let rest = usize::try_from(bytes - sent).unwrap_or(PERIOD).min(PERIOD);
        stream.write_all(&period[..rest]).unwrap();
        sent += rest as u64;
    }
}

/// In quantity or only in part: `npm run soak -- --gigabytes N --only WORDS`.
pub fn asked_for(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// A prime: no power of two that comes too often or not at all goes unseen.
const PERIOD: usize = 1_000_003;

/// How many bytes came, each of them right.
fn compare_long(mut stream: TcpStream) -> u64 {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let (period, mut room, mut received) = (pattern(PERIOD, 1), vec![0; 1 << 18], 0_u64);
    loop {
        let count = stream.read(&mut room).unwrap();
        if count == 0 {
            return received;
        }
        let mut came = &room[..count];
        while !came.is_empty() {
            let place = usize::try_from(received % PERIOD as u64).unwrap();
            let length = came.len().min(PERIOD - place);
            let is_right = came[..length] == period[place..place + length];
            assert!(
                is_right,
                "within {length} bytes from {received} on one is wrong"
            );
            received += length as u64;
            came = &came[length..];
        }
    }
}

/// UDP of all sizes that fit, and some that have to be fragmented; then bursts of one size, which get glued. None may
/// come out different or twice; a few may be lost, for a starved wireguard-go drops what its socket can not hold.
pub fn datagrams(from: &Host, to: &Host, address: &str) {
    let (tell, told) = channel();
    let listen = SocketAddr::new(address.parse().unwrap(), 0);
    let receiver = to.within(move || {
        let socket = UdpSocket::bind(listen).unwrap();
        hold_all(&socket);
        tell.send(socket.local_addr().unwrap()).unwrap();
        receive_until_quiet(&socket)
    });
    let to_port = told.recv_timeout(PATIENCE).unwrap();
    let mut sent = numbered_datagrams();
    let sending = sent.clone();
    let sender = from.within(move || send_paced(to_port, &sending));
    sender.join().unwrap();

    let received = receiver.join().unwrap();
    let count = sent.len();
    for datagram in &received {
        let place = sent.iter().position(|one| one == datagram);
        sent.swap_remove(place.expect("a datagram came out different, or twice"));
    }
    assert!(
        sent.len() * 20 <= count,
        "{} of {count} datagrams to {address} were lost",
        sent.len()
    );
}

fn numbered_datagrams() -> Vec<Vec<u8>> {
    let singles = (0..SINGLES).map(|number| 8 + number * 7);
    let sizes = singles.chain(iter::repeat_n(1300, 10 * BURST));
    sizes
        .enumerate()
        .map(|(number, size)| pattern(size, number))
        .collect()
}

fn send_paced(to: SocketAddr, datagrams: &[Vec<u8>]) {
    let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).unwrap();
    for (number, datagram) in datagrams.iter().enumerate() {
        socket.send_to(datagram, to).unwrap();
        if number < SINGLES {
            sleep(Duration::from_micros(500));
        } else if number.is_multiple_of(BURST) {
            // wireguard-go's socket holds about three bursts; on a busy machine it may not run for that long.
            sleep(Duration::from_millis(20));
        }
    }
}

fn receive_until_quiet(socket: &UdpSocket) -> Vec<Vec<u8>> {
    let mut room = vec![0; 65_536];
    let mut received = Vec::new();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    while let Ok(bytes) = socket.recv(&mut room) {
        received.push(room[..bytes].to_vec());
        socket
            .set_read_timeout(Some(Duration::from_secs(1)))
            .unwrap();
    }
    received
}

/// On a busy machine the reader may not run for a while; what it misses then would not be the engine's loss.
fn hold_all(socket: &UdpSocket) {
    let bytes: libc::c_int = 8 << 20;
    // SAFETY: bytes outlives the call, and its size is told.
    let done = unsafe {
        let (place, size) = ((&raw const bytes).cast(), size_of::<libc::c_int>() as u32);
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_RCVBUFFORCE,
            place,
            size,
        )
    };
    assert_eq!(done, 0, "{}", std::io::Error::last_os_error());
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
