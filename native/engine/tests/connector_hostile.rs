//! What others may try on a connector in user space: a device with packets that two readers read differently (T19), and the
//! hosts of its private network with what nobody asked for (T18). Needs root.
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
#[path = "../../switch/tests/crafted/mod.rs"]
mod crafted;
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

use std::collections::BTreeMap;
use std::io::Write;
use std::net::{IpAddr, SocketAddr, SocketAddrV4, TcpListener, UdpSocket};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use conversation::{Conversation, SERVER, connector_key};
use crafted::{Case, crafted_packets};
use gateway::Gateway;
use lab::Host;
use packets::open;
use private_network::{config, in_a_private_network};
use process::{Engine, NOBODY};
use rustix::net::{
    AddressFamily, SendFlags, SocketFlags, SocketType, ipproto, sendto, socket_with,
};
use serde_json::json;
use tap::Tap;
use world::packets::{
    ACK, RST, SYN, echo_reply, echo_request, fix_ipv4_checksum, icmp, icmp_error, parts, segment,
    tcp, udp,
};

const DEVICE: &str = "100.96.0.7";
const DEVICE_V6: &str = "fd00::7";
const TARGETS: [&str; 2] = ["192.168.0.10", "fd10::10"];
/// What is odd about them ends with the tunnel, or where the connector begins a connection of its own for the device's.
const WHOLE_FOR_A_CONNECTOR: [&str; 3] =
    ["trailing bytes", "v6: trailing bytes", "the reserved bit"];
const SITE: &str = "10.9.0.1";
const NEIGHBOUR: &str = "10.9.0.11";

#[test]
fn no_crafted_packet_comes_out_of_a_connector_and_each_is_counted() {
    in_a_private_network(|| crafted_packets_meet_a_connector_of("1"));
}

#[test]
fn no_crafted_packet_comes_out_of_a_connector_of_three_shards_and_each_is_counted() {
    in_a_private_network(|| crafted_packets_meet_a_connector_of("3"));
}

fn crafted_packets_meet_a_connector_of(shards: &str) {
    for (family, address) in [("-4", "192.168.0.10/32"), ("-6", "fd10::10/128")] {
        let added = ["addr", "add", address, "dev", "lo"];
        let done = Command::new("ip").arg(family).args(added).status();
        assert!(done.unwrap().success());
    }
    let mut engine = Engine::start_as(NOBODY, &format!("crafted-{shards}"), &["--shards", shards]);
    let mut gateway = Gateway::new([1; 32], connector_key());
    let ranges = ["10.9.0.0/16", "192.168.0.0/24", "fd10::/32"];
    let mut config = config(&[&gateway], &ranges);
    config["overlay"] = json!(["100.96.0.0/16", "fd00::/48"]);
    engine.ask("configure", config);
    gateway.until("a session", Gateway::has_session);
    let fence = Fence::new();
    let tap = Tap::open();
    let (whole, crafted): (Vec<_>, Vec<_>) = crafted_packets()
        .into_iter()
        .partition(|(name, ..)| WHOLE_FOR_A_CONNECTOR.contains(name));

    for (number, (name, packet, _)) in crafted.iter().enumerate() {
        gateway.send(&piece_of_its_own(packet, number));
        fence.pass(&mut gateway, name);
        assert_eq!(for_targets(&tap), [] as [Vec<u8>; 0], "{name}");
    }

    let counted = count_of_drops(&mut engine, &crafted);
    assert_eq!(counted, crafted.iter().filter(is_a_whole_packet).count());
    assert_eq!(for_targets(&tap), [] as [Vec<u8>; 0], "late");
    assert_eq!(whole.len(), WHOLE_FOR_A_CONNECTOR.len());
    for (name, packet, _) in &whole {
        gateway.send(packet);
        let begin = Instant::now();
        let syn = loop {
            fence.pass(&mut gateway, name);
            if let [syn, ..] = for_targets(&tap).as_slice() {
                break syn.clone();
            }
            assert!(
                begin.elapsed() < Duration::from_secs(5),
                "{name} opens nothing"
            );
        };
        assert_sound_syn(&syn, name);
    }
}

/// Good datagrams of the device's, and what hears them.
struct Fence(UdpSocket);

impl Fence {
    fn new() -> Self {
        let server = UdpSocket::bind((SERVER, 0)).unwrap();
        let patience = Some(Duration::from_secs(5));
        server.set_read_timeout(patience).unwrap();
        Self(server)
    }

    fn pass(&self, gateway: &mut Gateway, name: &str) {
        let port = self.0.local_addr().unwrap().port();
        gateway.send(&packets::udp(SERVER, 4000, port, 64, name.as_bytes()));
        let mut data = [0; 100];
        let (length, from) = self.0.recv_from(&mut data).unwrap();
        assert_eq!(&data[..length], name.as_bytes());
        self.0.send_to(name.as_bytes(), from).unwrap();
        gateway.got.clear();
        gateway.until("the answer to a good datagram", |gateway| {
            gateway
                .got
                .iter()
                .any(|packet| packet.ends_with(name.as_bytes()))
        });
    }
}

fn for_targets(tap: &Tap) -> Vec<Vec<u8>> {
    let mut seen = tap.seen();
    seen.retain(|packet| TARGETS.contains(&parts(packet).1.to_string().as_str()));
    seen
}

/// Of another datagram than the other cases' pieces, with which it could be a whole one.
fn piece_of_its_own(packet: &[u8], number: usize) -> Vec<u8> {
    let mut packet = packet.to_vec();
    if is_v4_piece(&packet) {
        packet[4..6].copy_from_slice(&(1000 + number as u16).to_be_bytes());
        fix_ipv4_checksum(&mut packet);
    }
    packet
}

fn is_v4_piece(packet: &[u8]) -> bool {
    packet.len() >= 20 && packet[0] == 0x45 && (packet[6] & 0x3f, packet[7]) != (0, 0)
}

/// Pieces may be kept for a while instead, and no packet at all is a keepalive.
fn is_a_whole_packet((_, packet, _): &&Case) -> bool {
    let is_v6_piece = packet.len() >= 40 && packet[0] == 0x60 && packet[6] == 44;
    !(packet.is_empty() || is_v4_piece(packet) || is_v6_piece)
}

/// Those of whole packets, once they are as many as these cases have.
fn count_of_drops(engine: &mut Engine, cases: &[Case]) -> usize {
    let expected = cases.iter().filter(is_a_whole_packet).count();
    let begin = Instant::now();
    loop {
        let status = engine.ask("status", json!(null))["result"].clone();
        let mut drops: BTreeMap<String, usize> =
            serde_json::from_value(status["drops"].clone()).unwrap();
        drops.remove("fragment");
        let count = drops.values().sum();
        if count >= expected || begin.elapsed() > Duration::from_secs(5) {
            assert_eq!(status["flows"], 1, "that of the good datagrams: {drops:?}");
            return count;
        }
        sleep(Duration::from_millis(5));
    }
}

/// The kernel's own: neither bits nor bytes of the device's packet around it.
fn assert_sound_syn(packet: &[u8], name: &str) {
    let (_, _, protocol, payload) = parts(packet);
    assert_eq!((protocol, payload[13] & 0x3f), (6, SYN), "{name}");
    assert_eq!(payload.len(), usize::from(payload[12] >> 4) * 4, "{name}");
    if packet[0] >> 4 == 4 {
        assert_eq!(
            (packet[0], packet[6] & 0xbf, packet[7]),
            (0x45, 0, 0),
            "{name}"
        );
    }
}

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

const ANSWER: &[u8] = b"that was asked for";

/// A flow of each kind, and its port on the connector's side.
struct Talk {
    datagrams: UdpSocket,
    asker: SocketAddr,
    stream: std::net::TcpStream,
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
