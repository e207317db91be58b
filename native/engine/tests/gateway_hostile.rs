//! What a device that is let in may try on a gateway, from a real end of a tunnel to another through the real program:
//! others' names (T17) and packets that two readers read differently (T19). `culvert-switch` has the same tables.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that is wrong should say so at once"
)]
#[path = "../../switch/tests/crafted/mod.rs"]
mod crafted;
#[path = "../../switch/tests/foreign/mod.rs"]
mod foreign;
#[allow(dead_code, reason = "flood.rs uses the rest")]
mod gateway_lab;
#[path = "../../switch/tests/world/mod.rs"]
mod world;

use std::collections::BTreeMap;

use crafted::crafted_packets;
use foreign::FOREIGN_SOURCES;
use gateway_lab::Gateway;
use gateway_lab::packets::udp as datagram;
use gateway_lab::party::Party;
use serde_json::{Value, json};
use world::configuration::{DEVICE, TARGET, ip};
use world::packets::{ACK, SYN, echo_request, icmp_error, tcp, udp};

const DEVICE6: &str = "fd00::7";
const TARGET6: &str = "fd10::10";
/// To a tunnel they are a packet and its padding, which it takes off: what arrives can be read in one way only.
const WHOLE_WITHOUT_PADDING: [&str; 2] = ["trailing bytes", "v6: trailing bytes"];

#[test]
fn no_crafted_packet_comes_out_of_a_gateway_and_each_is_counted_by_its_reason() {
    let mut lab = Lab::new();
    let (padded, crafted): (Vec<_>, Vec<_>) = crafted_packets()
        .into_iter()
        .partition(|(name, ..)| WHOLE_WITHOUT_PADDING.contains(name));
    let mut expected = BTreeMap::new();

    for (name, packet, reason) in crafted {
        lab.send_as_it_is(&packet);
        lab.assert_only_what_follows_arrives(name);
        let reason = if is_whole(&packet) {
            reason
        } else {
            "bad-inner-packet"
        };
        let is_keepalive = packet.is_empty();
        *expected.entry(reason).or_insert(0) += u64::from(!is_keepalive);
    }

    let status = lab.gateway.ask("status", Value::Null);
    assert_eq!(status["drops"], json!(expected));
    assert_eq!(status["flows"], 1, "that of the good packets");
    assert_eq!(padded.len(), WHOLE_WITHOUT_PADDING.len());
    for (name, packet, _) in padded {
        lab.send_as_it_is(&packet);
        let arrived = lab.connector.receive();
        assert!(arrived.len() < packet.len(), "{name}");
        assert_eq!(arrived, packet[..arrived.len()], "{name}");
    }
}

#[test]
fn nothing_in_anothers_name_comes_out_of_a_gateway_and_all_of_it_is_counted() {
    let mut lab = Lab::new();
    let mut sent = 0;

    for source in FOREIGN_SOURCES {
        let to = if ip(source).is_ipv4() {
            TARGET
        } else {
            TARGET6
        };
        for packet in [
            tcp(source, to, (40000, 22), SYN),
            tcp(source, to, (40000, 22), ACK),
            udp(source, to, (40000, 53)),
            echo_request(source, to, 1),
            icmp_error(source, to, &udp(to, source, (53, 40000))),
        ] {
            lab.send_as_it_is(&packet);
            sent += 1;
        }
        lab.assert_only_what_follows_arrives(source);
    }

    let status = lab.gateway.ask("status", Value::Null);
    assert_eq!(status["drops"], json!({ "spoofed-source": sent }));
    assert_eq!(status["flows"], 1, "that of the good packets");
    for (own, to) in [(DEVICE, TARGET), (DEVICE6, TARGET6)] {
        let syn = tcp(own, to, (40000, 22), SYN);
        lab.send_as_it_is(&syn);
        assert_eq!(lab.connector.receive(), syn, "in its own name");
    }
}

struct Lab {
    gateway: Gateway,
    device: Party,
    connector: Party,
}

impl Lab {
    /// The device is the table's, and may reach everything that the connector has.
    fn new() -> Lab {
        let mut gateway = Gateway::start();
        let device = Party::new(&gateway, DEVICE);
        let mut connector = Party::new(&gateway, "100.96.1.1");
        let mut watcher = gateway.watch();
        let mut config = gateway.config(&device, &connector);
        config["peers"][0]["addresses"] = json!([DEVICE, DEVICE6]);
        config["networks"][0]["ranges"] = json!(["192.168.0.0/24", "10.0.0.0/8", "fd10::/32"]);
        config["rules"] = json!([{ "id": "all", "name": "all", "action": "allow", "subjects": ["everyone"],
            "networkIds": [], "ranges": [], "protocol": "any", "ports": [] }]);
        gateway.configure(&config);
        connector.greet();
        assert_eq!(watcher.event("peer-handshake")["id"], "tokyo-a");
        let mut lab = Lab {
            gateway,
            device,
            connector,
        };
        lab.assert_only_what_follows_arrives("nothing");
        lab
    }

    /// Without padding, so that nothing behind its end makes it whole.
    fn send_as_it_is(&mut self, packet: &[u8]) {
        self.device.set_mtu(packet.len());
        self.device.send(packet);
    }

    /// Packets of one peer stay in order: had anything come of what was sent before, it would come first.
    fn assert_only_what_follows_arrives(&mut self, before: &str) {
        let good = datagram(DEVICE, TARGET, 5000, 9, before.as_bytes());
        self.send_as_it_is(&good);
        assert_eq!(self.connector.receive(), good, "behind: {before}");
    }
}

/// Whether a tunnel finds an IP packet in it.
fn is_whole(packet: &[u8]) -> bool {
    let number = |at: usize| usize::from(u16::from_be_bytes([packet[at], packet[at + 1]]));
    match packet.first().map_or(0, |first| first >> 4) {
        4 if packet.len() >= 20 => (20..=packet.len()).contains(&number(2)),
        6 if packet.len() >= 40 => 40 + number(4) <= packet.len(),
        _ => false,
    }
}
