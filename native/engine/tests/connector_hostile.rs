//! What a device, or a gateway that lets it, may try on a connector in user space: packets that two readers read differently
//! (T19), and sources that are no device's (T17). Needs root.
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
#[path = "../../switch/tests/foreign/mod.rs"]
mod foreign;
#[path = "connector/gateway.rs"]
mod gateway;
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
use std::net::{IpAddr, UdpSocket};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use conversation::{SERVER, connector_key};
use crafted::{Case, crafted_packets};
use foreign::FOREIGN_SOURCES;
use gateway::Gateway;
use ipnet::IpNet;
use private_network::{CONNECTOR, config, in_a_private_network};
use process::{Engine, NOBODY};
use serde_json::json;
use tap::Tap;
use world::packets::{SYN, echo_request, fix_ipv4_checksum, parts, tcp, udp};

const DEVICE: &str = "100.96.0.7";
const DEVICE_V6: &str = "fd00::7";
const OVERLAY: [&str; 2] = ["100.96.0.0/16", "fd00::/48"];
const TARGETS: [&str; 2] = ["192.168.0.10", "fd10::10"];
/// What is odd about them ends with the tunnel, or where the connector begins a connection of its own for the device's.
const WHOLE_FOR_A_CONNECTOR: [&str; 3] =
    ["trailing bytes", "v6: trailing bytes", "the reserved bit"];

#[test]
fn no_crafted_packet_comes_out_of_a_connector_and_each_is_counted() {
    in_a_private_network(|| crafted_packets_meet_a_connector_of("1"));
}

#[test]
fn no_crafted_packet_comes_out_of_a_connector_of_three_shards_and_each_is_counted() {
    in_a_private_network(|| crafted_packets_meet_a_connector_of("3"));
}

fn crafted_packets_meet_a_connector_of(shards: &'static str) {
    let (mut engine, mut gateway) = start("crafted", shards);
    let (fence, tap) = (Fence::new(), Tap::open());
    let (whole, crafted): (Vec<_>, Vec<_>) = crafted_packets()
        .into_iter()
        .partition(|(name, ..)| WHOLE_FOR_A_CONNECTOR.contains(name));

    for (number, (name, packet, _)) in crafted.iter().enumerate() {
        gateway.send(&piece_of_its_own(packet, number));
        fence.pass(&mut gateway, name);
        assert_eq!(for_targets(&tap), [] as [Vec<u8>; 0], "{name}");
    }

    let expected = crafted.iter().filter(is_a_whole_packet).count();
    let counted = once(expected, || {
        let mut drops = drops(&mut engine);
        drops.remove("fragment");
        drops.values().sum()
    });
    assert_eq!(counted, expected);
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

/// Which of the devices it was is the gateway's to know; that it was none is the connector's as well.
#[test]
fn nothing_that_is_from_no_device_comes_out_of_a_connector_and_all_of_it_is_counted() {
    in_a_private_network(|| sources_of_no_device_meet_a_connector_of("1"));
}

#[test]
fn nothing_that_is_from_no_device_comes_out_of_three_shards_and_all_of_it_is_counted() {
    in_a_private_network(|| sources_of_no_device_meet_a_connector_of("3"));
}

fn sources_of_no_device_meet_a_connector_of(shards: &'static str) {
    let (mut engine, mut gateway) = start("sources", shards);
    let (fence, tap) = (Fence::new(), Tap::open());
    let overlay = OVERLAY.map(|range| range.parse::<IpNet>().unwrap());
    let is_a_devices = |source: &&str| overlay.iter().any(|range| range.contains(&ip(source)));
    let of_no_device: Vec<_> = FOREIGN_SOURCES
        .into_iter()
        .filter(|source| !is_a_devices(source))
        .chain([CONNECTOR])
        .collect();

    for source in &of_no_device {
        let to = TARGETS[usize::from(ip(source).is_ipv6())];
        gateway.send(&tcp(source, to, (40000, 22), SYN));
        gateway.send(&udp(source, to, (40000, 53)));
        gateway.send(&echo_request(source, to, 1));
        fence.pass(&mut gateway, source);
        assert_eq!(for_targets(&tap), [] as [Vec<u8>; 0], "{source}");
    }

    let expected = 3 * of_no_device.len();
    let mut all = BTreeMap::new();
    once(expected, || {
        all = drops(&mut engine);
        all.values().sum()
    });
    assert_eq!(all, [("spoofed-source".to_owned(), expected)].into());
    assert_eq!(for_targets(&tap), [] as [Vec<u8>; 0], "late");
}

/// A connector of the targets' ranges, which are there.
fn start(name: &str, shards: &str) -> (Engine, Gateway) {
    for (family, address) in [("-4", "192.168.0.10/32"), ("-6", "fd10::10/128")] {
        let added = ["addr", "add", address, "dev", "lo"];
        let done = Command::new("ip").arg(family).args(added).status();
        assert!(done.unwrap().success());
    }
    let name = format!("{name}-{shards}");
    let mut engine = Engine::start_as(NOBODY, &name, &["--shards", shards]);
    let mut gateway = Gateway::new([1; 32], connector_key());
    let ranges = ["10.9.0.0/16", "192.168.0.0/24", "fd10::/32"];
    let mut config = config(&[&gateway], &ranges);
    config["overlay"] = json!(OVERLAY);
    engine.ask("configure", config);
    gateway.until("a session", Gateway::has_session);
    (engine, gateway)
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

fn drops(engine: &mut Engine) -> BTreeMap<String, usize> {
    let status = engine.ask("status", json!(null))["result"].clone();
    assert_eq!(status["flows"], 1, "that of the good datagrams: {status}");
    serde_json::from_value(status["drops"].clone()).unwrap()
}

/// It, when it is as large as this at last.
fn once(expected: usize, mut count: impl FnMut() -> usize) -> usize {
    let begin = Instant::now();
    loop {
        let counted = count();
        if counted >= expected || begin.elapsed() > Duration::from_secs(5) {
            return counted;
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

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}
