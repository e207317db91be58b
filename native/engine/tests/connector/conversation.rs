//! What a device and a server of the private network say to each other through a connector, and the connector's key.

use std::io::{Read, Write};
use std::net::{TcpListener, UdpSocket};
use std::thread;

use culvert_core::{PrivateKey, PublicKey};

use super::gateway::Gateway;
use super::packets::{self, tcp};

pub const SERVER: &str = "10.9.0.10";
const FIN: u8 = 1;
const SYN: u8 = 2;
const RST: u8 = 4;
const ACK: u8 = 16;
const PSH: u8 = 8;

/// A TCP connection of the device to the server, by hand: no segment is lost here.
pub struct Conversation {
    server: &'static str,
    port: u16,
    next: std::cell::Cell<u32>,
    theirs: std::cell::Cell<u32>,
}

impl Conversation {
    pub fn start(gateway: &mut Gateway, port: u16) -> Self {
        Self::start_with(gateway, SERVER, port)
    }

    pub fn start_with(gateway: &mut Gateway, server: &'static str, port: u16) -> Self {
        gateway.got.clear();
        gateway.send(&tcp(server, 5000, port, SYN, 1000, 0));
        gateway.until("a SYN-ACK", |gateway| {
            gateway.got.iter().any(|packet| packet[33] == SYN | ACK)
        });
        let packet = gateway
            .got
            .iter()
            .find(|packet| packet[33] == SYN | ACK)
            .unwrap();
        let theirs = u32::from_be_bytes(packet[24..28].try_into().unwrap()).wrapping_add(1);
        gateway.send(&tcp(server, 5000, port, ACK, 1001, theirs));
        gateway.got.clear();
        Self {
            server,
            port,
            next: 1001.into(),
            theirs: theirs.into(),
        }
    }

    /// Says it and returns the same number of bytes of the answer.
    pub fn say(&self, gateway: &mut Gateway, words: &[u8]) -> Vec<u8> {
        gateway.got.clear();
        gateway.send(&packets::tcp_with(
            self.server,
            5000,
            self.port,
            ACK | PSH,
            self.next.get(),
            self.theirs.get(),
            words,
        ));
        self.next.set(self.next.get() + words.len() as u32);
        gateway.until("an answer", |gateway| {
            answer_in(gateway).len() >= words.len()
        });
        let answer = answer_in(gateway);
        self.theirs
            .set(self.theirs.get().wrapping_add(answer.len() as u32));
        gateway.send(&tcp(
            self.server,
            5000,
            self.port,
            ACK,
            self.next.get(),
            self.theirs.get(),
        ));
        answer
    }

    /// Has no more to say.
    pub fn finish(&self, gateway: &mut Gateway) {
        let (next, theirs) = (self.next.get(), self.theirs.get());
        gateway.send(&tcp(self.server, 5000, self.port, FIN | ACK, next, theirs));
    }
}

fn answer_in(gateway: &Gateway) -> Vec<u8> {
    let segments = gateway.got.iter().filter(|packet| packet[9] == 6);
    segments
        .flat_map(|packet| packet[20 + usize::from(packet[32] >> 4) * 4..].to_vec())
        .collect()
}

pub fn is_reset(packet: &[u8]) -> bool {
    packet[9] == 6 && packet[33] & RST != 0
}

pub const PRIVATE: [u8; 32] = [0x40; 32];

pub fn connector_key() -> PublicKey {
    PrivateKey::from_bytes(PRIVATE).public_key()
}

pub fn base64(bytes: &[u8]) -> String {
    let mut child = std::process::Command::new("base64")
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    String::from_utf8(child.wait_with_output().unwrap().stdout)
        .unwrap()
        .trim()
        .to_owned()
}

pub fn udp_echo() -> u16 {
    let socket = UdpSocket::bind((SERVER, 0)).unwrap();
    let port = socket.local_addr().unwrap().port();
    thread::spawn(move || {
        let mut data = [0; 2048];
        let (len, peer) = socket.recv_from(&mut data).unwrap();
        socket.send_to(&data[..len], peer).unwrap();
    });
    port
}

pub fn tcp_echo() -> u16 {
    tcp_echo_at(SERVER)
}

pub fn tcp_echo_at(address: &str) -> u16 {
    let listener = TcpListener::bind((address, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let (mut peer, _) = listener.accept().unwrap();
        let mut data = [0; 2048];
        while let Ok(len @ 1..) = peer.read(&mut data) {
            peer.write_all(&data[..len]).unwrap();
        }
    });
    port
}
