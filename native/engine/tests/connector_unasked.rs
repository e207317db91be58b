//! What hosts of the private network may try on a connector in user space, to reach a device that asked them for nothing or
//! for something else (T18). Needs root.
//!
//! ```text
//!   gateway 192.0.2.2 ── wire ── connector 192.0.2.1, 10.9.0.1 ── lan ── server 10.9.0.10 and, also there, 10.9.0.11
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    unreachable_pub,
    dead_code,
    reason = "a test that is wrong should say so at once"
)]

#[path = "connector/conversation.rs"]
mod conversation;
#[path = "connector/gateway.rs"]
mod gateway;
mod lab;
#[path = "../../netstack/tests/lab/packets.rs"]
mod packets;
#[path = "connector/private_network.rs"]
mod private_network;
#[path = "connector/process.rs"]
mod process;
#[path = "connector/tap.rs"]
mod tap;
#[path = "../../switch/tests/world/mod.rs"]
mod world;

use std::io::Write;
use std::net::{IpAddr, SocketAddr, SocketAddrV4, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use conversation::{Conversation, SERVER, connector_key};
use gateway::Gateway;
use lab::Host;
use packets::open;
use private_network::config;
use process::{Engine, NOBODY};
use rustix::net::{
    AddressFamily, SendFlags, SocketFlags, SocketType, ipproto, sendto, socket_with,
};
use tap::Tap;
use world::packets::{
    ACK, RST, SYN, echo_reply, echo_request, icmp, icmp_error, parts, segment, tcp, udp,
};

const DEVICE: &str = "100.96.0.7";
const DEVICE_V6: &str = "fd5a::7";
const SITE: &str = "10.9.0.1";
const NEIGHBOUR: &str = "10.9.0.11";
const ANSWER: &[u8] = b"that was asked for";

#[test]
fn nothing_that_the_private_network_sends_of_its_own_comes_to_a_device() {
    let ((site, outside), server) = (Host::pair(), Host::new());
    site.connect("lan", &server, "lan");
    site.has("lan", &["10.9.0.1/24"]);
    server.has("lan", &["10.9.0.10/24", "10.9.0.11/24"]);
    server.ip(&format!("route add 100.96.0.0/16 via {SITE}"));
    let mut engine = within(&site, || {
        std::fs::write("/proc/sys/net/ipv4/ping_group_range", "0 2147483647").unwrap();
        Engine::start_as(NOBODY, "unasked", &[])
    });
    let mut gateway = within(&outside, || {
        Gateway::at("192.0.2.2:51820", [1; 32], connector_key())
    });
    engine.ask("configure", config(&[&gateway], &["10.9.0.0/16"]));
    gateway.until("a session", Gateway::has_session);
    let arriving = within(&site, Tap::open);
    let mut talk = Talk::begin(&server, &mut gateway, &arriving);
    gateway.got.clear();
    arriving.seen();

    let unasked = talk.unasked();
    let count = unasked.len();
    within(&server, || send_raw(unasked));
    talk.answer();

    for protocol in [6, 17] {
        gateway.until("the answer", |gateway| {
            let mut got = gateway.got.iter();
            got.any(|packet| packet[9] == protocol && packet.ends_with(ANSWER))
        });
    }
    let late = Instant::now();
    while late.elapsed() < Duration::from_millis(100) {
        gateway.step();
    }
    for packet in &gateway.got {
        assert!(packet.ends_with(ANSWER), "a device got {packet:?}");
        assert_eq!(open(packet).0, ip(SERVER));
    }
    let mut arrived = arriving.seen();
    arrived.retain(|packet| [ip(SERVER), ip(NEIGHBOUR)].contains(&parts(packet).0));
    assert!(arrived.len() >= count + 2, "{} of {count}", arrived.len());
}

/// A flow of each kind, and its port on the connector's side.
struct Talk {
    datagrams: UdpSocket,
    asker: SocketAddr,
    stream: TcpStream,
    listens_at: u16,
    ping: u16,
}

impl Talk {
    fn begin(server: &Host, gateway: &mut Gateway, arriving: &Tap) -> Self {
        let (datagrams, listener) = within(server, || {
            let datagrams = UdpSocket::bind((SERVER, 5353)).unwrap();
            (datagrams, TcpListener::bind((SERVER, 0)).unwrap())
        });
        gateway.send(&packets::udp(SERVER, 4000, 5353, 64, b"?"));
        let (_, asker) = datagrams.recv_from(&mut [0; 100]).unwrap();
        let listens_at = listener.local_addr().unwrap().port();
        Conversation::start(gateway, listens_at);
        let (stream, _) = listener.accept().unwrap();
        gateway.got.clear();
        gateway.send(&packets::echo(SERVER, 77, 1, 64, b"?"));
        gateway.until("an echo reply", |gateway| gateway.got.len() == 1);
        let seen = arriving.seen();
        let request = seen.iter().find(|packet| packet[9] == 1 && packet[20] == 8);
        let ping = request.map(|packet| u16::from_be_bytes([packet[24], packet[25]]));
        Self {
            datagrams,
            asker,
            stream,
            listens_at,
            ping: ping.unwrap(),
        }
    }

    fn unasked(&self) -> Vec<Vec<u8>> {
        [
            straight_to_the_device(self.listens_at),
            self.what_strangers_send(),
            self.errors_about_what_was_never_sent(),
        ]
        .concat()
    }

    /// To the connector's end of a flow, but not from its other end, or not of it.
    fn what_strangers_send(&self) -> Vec<Vec<u8>> {
        let (to_udp, to_tcp) = (self.asker.port(), self.stream.peer_addr().unwrap().port());
        let wild = 0x7fff_0000;
        let from_the_peer = |flags, data: &[u8]| {
            segment(
                SERVER,
                SITE,
                (self.listens_at, to_tcp),
                flags,
                wild,
                wild,
                data,
            )
        };
        vec![
            udp(SERVER, SITE, (5354, to_udp)),
            udp(NEIGHBOUR, SITE, (5353, to_udp)),
            udp(SERVER, SITE, (5353, to_udp ^ 1)),
            tcp(NEIGHBOUR, SITE, (self.listens_at, to_tcp), ACK),
            tcp(NEIGHBOUR, SITE, (self.listens_at, to_tcp), RST),
            tcp(SERVER, SITE, (self.listens_at ^ 1, to_tcp), RST),
            tcp(SERVER, SITE, (40000, to_tcp), SYN),
            tcp(SERVER, SITE, (40000, 22), SYN),
            from_the_peer(RST, b""),
            from_the_peer(SYN, b""),
            from_the_peer(SYN | ACK, b""),
            from_the_peer(ACK, b"somebody else's words"),
            echo_reply(SERVER, SITE, self.ping ^ 1),
            echo_request(SERVER, SITE, self.ping),
        ]
    }

    fn errors_about_what_was_never_sent(&self) -> Vec<Vec<u8>> {
        let (udp_port, tcp_port) = (self.asker.port(), self.stream.peer_addr().unwrap().port());
        let never_sent = [
            udp(SITE, SERVER, (udp_port ^ 1, 5353)),
            udp(SITE, SERVER, (udp_port, 5354)),
            udp(SITE, NEIGHBOUR, (udp_port, 5353)),
            tcp(SITE, SERVER, (tcp_port, self.listens_at ^ 1), ACK),
            tcp(SITE, NEIGHBOUR, (tcp_port, self.listens_at), ACK),
            echo_request(SITE, SERVER, self.ping ^ 1),
            udp(DEVICE, SERVER, (4000, 5353)),
            tcp(DEVICE, SERVER, (5000, self.listens_at), ACK),
        ];
        let mut errors: Vec<_> = never_sent
            .iter()
            .map(|quoted| icmp_error(SERVER, SITE, quoted))
            .collect();
        let (time_exceeded, redirect) = (11, 5);
        for kind in [time_exceeded, redirect] {
            errors.push(icmp(NEIGHBOUR, SITE, kind, 0, 0, &never_sent[0]));
        }
        errors
    }

    /// What was asked for comes behind all that was not.
    fn answer(&mut self) {
        self.datagrams.send_to(ANSWER, self.asker).unwrap();
        self.stream.write_all(ANSWER).unwrap();
    }
}

/// As if the connector's machine were a router.
fn straight_to_the_device(listens_at: u16) -> Vec<Vec<u8>> {
    let mut unasked = vec![];
    for from in [SERVER, NEIGHBOUR] {
        for flags in [SYN, ACK, RST, SYN | ACK] {
            unasked.push(tcp(from, DEVICE, (listens_at, 5000), flags));
        }
        unasked.push(tcp(from, DEVICE, (40000, 22), SYN));
        unasked.push(udp(from, DEVICE, (5353, 4000)));
        unasked.push(echo_request(from, DEVICE, 77));
        unasked.push(echo_reply(from, DEVICE, 77));
        let asked = udp(DEVICE, SERVER, (4000, 5353));
        unasked.push(icmp_error(from, DEVICE, &asked));
    }
    unasked
}

/// raw(7)
fn send_raw(packets: Vec<Vec<u8>>) {
    let (family, flags) = (AddressFamily::INET, SocketFlags::CLOEXEC);
    let socket = socket_with(family, SocketType::RAW, flags, Some(ipproto::RAW)).unwrap();
    for packet in packets {
        let IpAddr::V4(to) = parts(&packet).1 else {
            panic!("{packet:?} is not IPv4");
        };
        sendto(
            &socket,
            &packet,
            SendFlags::empty(),
            &SocketAddrV4::new(to, 0),
        )
        .unwrap();
    }
}

fn within<T: Send + 'static>(host: &Host, work: impl FnOnce() -> T + Send + 'static) -> T {
    host.within(work).join().unwrap()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}
