//! Targets in the private network, on threads of their own, and what they can be sent.

use std::net::{TcpListener, TcpStream, UdpSocket};
use std::thread;

use super::at;

/// A UDP server that sends back what it gets; its port.
pub fn echo_server(address: &str) -> u16 {
    let socket = UdpSocket::bind(at(address, 0)).unwrap();
    let port = socket.local_addr().unwrap().port();
    thread::spawn(move || {
        let mut data = vec![0; 65_535];
        while let Ok((len, peer)) = socket.recv_from(&mut data) {
            socket.send_to(&data[..len], peer).unwrap();
        }
    });
    port
}

/// A TCP server that talks to one caller; its port.
pub fn serve(address: &str, talk: impl FnOnce(TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind(at(address, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || talk(listener.accept().unwrap().0));
    port
}

/// One that talks to all.
pub fn serve_many(address: &str, talk: impl Fn(TcpStream) + Send + Copy + 'static) -> u16 {
    let listener = TcpListener::bind(at(address, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for peer in listener.incoming() {
            let Ok(peer) = peer else { continue };
            thread::spawn(move || talk(peer));
        }
    });
    port
}

/// Bytes that do not repeat, the same for a seed.
pub fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}
