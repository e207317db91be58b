//! A connector whose kernel forwards: started with rights and a TUN, which it gives up and keeps. Needs root and `nft`.
//!
//! ```text
//!   gateway 192.0.2.2 ── wire ── connector 192.0.2.1, 10.9.0.1 ── lan ── server 10.9.0.10
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
#[path = "../../switch/tests/crafted/mod.rs"]
mod crafted;
#[path = "../../switch/tests/foreign/mod.rs"]
mod foreign;
#[path = "connector/gateway.rs"]
mod gateway;
#[path = "../../netstack/tests/lab/host_only.rs"]
mod host_only;
mod lab;
#[path = "../../netstack/tests/lab/packets.rs"]
mod packets;
#[path = "connector/process.rs"]
mod process;
#[path = "connector/tap.rs"]
mod tap;
#[path = "../../switch/tests/world/mod.rs"]
mod world;

use std::fs::File;
use std::net::{IpAddr, UdpSocket};
use std::process::Command;
use std::time::Duration;

use conversation::{Conversation, PRIVATE, SERVER, base64, connector_key, tcp_echo};
use crafted::crafted_packets;
use foreign::FOREIGN_SOURCES;
use gateway::Gateway;
use host_only::HOST_ONLY;
use lab::folder::Folder;
use lab::{Host, unique};
use packets::{echo, error_of, open, tcp, udp};
use process::Engine;
use serde_json::{Value, json};
use tap::Tap;
use world::packets as made;

const DEVICE: &str = "100.96.0.7";
const DEVICE_V6: &str = "fd5a::7";
const CONNECTOR: &str = "100.96.0.2";
const SITE: &str = "10.9.0.1";
const ROOT: u32 = 0;
const RANGES: [&str; 3] = ["10.9.0.0/16", "127.0.0.0/8", "169.254.0.0/16"];

#[test]
fn what_is_for_other_hosts_goes_through_the_kernel_and_back_with_all_that_it_answers() {
    let (site, outside, server) = hosts();
    let (mut engine, mut gateway, tun) = start(&site, &outside);

    let conversation = Conversation::start(&mut gateway, within(&server, tcp_echo));
    assert_eq!(conversation.say(&mut gateway, b"hello"), b"hello");
    let seen = within(&server, || UdpSocket::bind((SERVER, 5353)).unwrap());
    gateway.send(&udp(SERVER, 4000, 5353, 64, b"who am I"));
    let (_, from) = seen.recv_from(&mut [0; 100]).unwrap();
    assert_eq!(from.ip(), ip(SITE), "masqueraded");

    // Nothing of it is a flow of the user-space NAT.
    let status = engine.ask("status", json!(null))["result"].clone();
    assert_eq!(status["flows"], 0, "{status}");
    // A traceroute's first step is the connector, by the kernel's own answer.
    gateway.got.clear();
    gateway.send(&udp(SERVER, 4000, 33434, 1, b"hop"));
    gateway.until("an answer", |gateway| !gateway.got.is_empty());
    let (from, kind, code, _) = error_of(&gateway.got[0]);
    assert_eq!((from, kind, code), (ip(CONNECTOR), 11, 0));
    // And a closed port is refused by the server itself.
    gateway.got.clear();
    gateway.send(&udp(SERVER, 4000, 33434, 64, b"end"));
    gateway.until("an answer", |gateway| !gateway.got.is_empty());
    let (from, kind, code, _) = error_of(&gateway.got[0]);
    assert_eq!((from, kind, code), (ip(SERVER), 3, 3));

    let hello = engine.ask("hello", json!(null))["result"].clone();
    assert_eq!(hello["interface"], tun.as_str());
    for rights in ["CapEff", "CapPrm"] {
        assert_eq!(engine.proc_status(rights), "0000000000000000", "{rights}");
    }
    for list in ["-Hlun", "-Hltn"] {
        assert_eq!(site.must("ss", list), "", "ss {list}");
    }
    assert!(engine.terminate().success());
    assert!(
        !site.ip("link").contains(&tun),
        "the interface goes with it"
    );
}

#[test]
fn the_connectors_own_host_and_what_has_to_be_refused_stay_out_of_the_kernel() {
    let (site, outside, _server) = hosts();
    let (mut engine, mut gateway, tun) = start(&site, &outside);
    // Whatever came out of the interface for this host would be counted here.
    site.nft(&format!(
        "table ip test {{ chain input {{ type filter hook input priority 0; iifname {tun} counter; }}; }}"
    ));

    let conversation = Conversation::start_with(
        &mut gateway,
        SITE,
        within(&site, || conversation::tcp_echo_at(SITE)),
    );
    assert_eq!(conversation.say(&mut gateway, b"hello"), b"hello");
    for (to, code) in [
        ("127.0.0.1", 13),
        ("169.254.169.254", 13),
        ("10.10.0.1", 13),
    ] {
        gateway.got.clear();
        gateway.send(&udp(to, 4000, 53, 64, b"?"));
        gateway.until("a refusal", |gateway| !gateway.got.is_empty());
        let (from, kind, got, _) = error_of(&gateway.got[0]);
        assert_eq!((from, kind, got), (ip(CONNECTOR), 3, code), "{to}");
    }
    gateway.got.clear();
    gateway.send(&echo(SITE, 77, 1, 64, b"ping"));
    gateway.until("an echo reply", |gateway| !gateway.got.is_empty());
    assert_eq!(open(&gateway.got[0]).0, ip(SITE));

    let counted = site.must("nft", "list table ip test");
    assert!(counted.contains("packets 0 bytes 0"), "{counted}");
    assert_eq!(engine.ask("status", json!(null))["result"]["flows"], 2);
}

#[test]
fn what_only_the_connectors_host_may_reach_is_refused_logged_and_kept_from_the_kernel() {
    const EVERYTHING: [&str; 5] = [
        "0.0.0.0/0",
        "::/0",
        "169.254.0.0/16",
        "127.0.0.0/8",
        "fe80::/10",
    ];
    const METADATA: &str = "169.254.169.254";
    let ((site, outside, server), folder) = (hosts(), Folder::new());
    let log = folder.join("log");
    let file = File::create(&log).unwrap();
    let prepare = |command: &mut Command| {
        command.env("CULVERT_LOG", "debug").stderr(file);
    };
    let (mut engine, mut gateway, tun) = start_with(&site, &outside, &EVERYTHING, prepare);
    site.nft(&format!(
        "table inet test {{ chain out_of_the_interface {{ type filter hook prerouting priority -400; iifname {tun} counter; }}; }}"
    ));
    let has_come_out = || {
        let counted = site.must("nft", "list table inet test");
        !counted.contains("packets 0 bytes 0")
    };

    for target in HOST_ONLY {
        gateway.got.clear();
        gateway.send(&udp(target, 4000, 53, 64, b"?"));
        gateway.send(&echo(target, 1, 1, 64, b"?"));
        gateway.send(&tcp(target, 4000, 53, 2, 1, 0));
        gateway.until("three refusals", |gateway| gateway.got.len() >= 3);
        let prohibited = if ip(target).is_ipv4() {
            (3, 13)
        } else {
            (1, 1)
        };
        for answer in &gateway.got {
            let (_, kind, code, _) = error_of(answer);
            assert_eq!((kind, code), prohibited, "{target}");
        }
    }
    let status = engine.ask("status", json!(null))["result"].clone();
    let said = std::fs::read_to_string(&log).unwrap();
    assert!(!has_come_out(), "the kernel was given something");
    assert_eq!(status["flows"], 0, "{status}");
    for target in HOST_ONLY {
        let words = format!(" to {} port ", ip(target));
        assert_eq!(said.matches(&words).count(), 3, "{target}: {said}");
    }
    assert_eq!(said.matches("warn: refused: ").count(), 10, "{said}");

    // What a range names is there, by way of the kernel: so it was the engine that refused it, and the counter counts.
    let named = [&EVERYTHING[..], &["169.254.169.254/32"]].concat();
    server.has("lan", &["169.254.169.254/32"]);
    site.ip(&format!("route add {METADATA}/32 via {SERVER}"));
    let answer = engine.ask("configure", config(&gateway, &named));
    assert!(answer["result"]["hash"].is_string(), "{answer}");
    let metadata = within(&server, || UdpSocket::bind((METADATA, 53)).unwrap());
    metadata
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    gateway.send(&udp(METADATA, 4000, 53, 64, b"?"));
    assert!(metadata.recv_from(&mut [0; 100]).is_ok());
    assert!(has_come_out());
}

/// T17. Which device it was is the gateway's to know; that it was none is the connector's as well.
#[test]
fn what_does_not_come_from_the_overlay_stays_out_of_the_kernel_and_is_counted() {
    let (site, outside, server) = hosts();
    let (mut engine, mut gateway, _tun) = start(&site, &outside);
    let fence = Fence::new(&server);
    let tap = within(&server, Tap::open);
    let of_no_device = FOREIGN_SOURCES
        .into_iter()
        .filter(|source| !source.starts_with("100.96."))
        .chain([CONNECTOR]);
    let mut sent = 0;

    for source in of_no_device {
        let to = if ip(source).is_ipv4() {
            SERVER
        } else {
            "fd12::10"
        };
        gateway.send(&made::tcp(source, to, (40000, 22), made::SYN));
        gateway.send(&made::udp(source, to, (40000, 53)));
        gateway.send(&made::echo_request(source, to, 1));
        sent += 3;
        assert_eq!(fence.what_came_before(&mut gateway, &tap), 0, "{source}");
    }

    let status = engine.ask("status", json!(null))["result"].clone();
    assert_eq!(status["drops"]["spoofed-source"], sent, "{status}");
    assert!(sent > 3 * 50);
}

/// T19. The rest of the table looks like any packet until its ports or flags are read, by the gateway before and by conntrack
/// behind.
#[test]
fn pieces_options_and_protocols_without_ports_stay_out_of_the_kernel() {
    const NEVER_THE_KERNELS: [&str; 4] = [
        "fragment",
        "ip-options",
        "extension-header",
        "unsupported-protocol",
    ];
    let (site, outside, server) = hosts();
    server.has("lan", &["192.168.0.10/24"]);
    site.has("lan", &["192.168.0.1/24"]);
    let ranges = ["10.9.0.0/16", "192.168.0.0/24"];
    let (_engine, mut gateway, _tun) = start_with(&site, &outside, &ranges, |_| ());
    let fence = Fence::new(&server);
    let tap = within(&server, Tap::open);
    let mut count = 0;

    for (name, packet, reason) in crafted_packets() {
        if NEVER_THE_KERNELS.contains(&reason) {
            gateway.send(&packet);
            assert_eq!(fence.what_came_before(&mut gateway, &tap), 0, "{name}");
            count += 1;
        }
    }

    assert!(count >= 30, "{count}");
}

/// Where a good datagram of the device comes out by way of the kernel.
struct Fence(UdpSocket);

impl Fence {
    const PORT: u16 = 5353;

    fn new(server: &Host) -> Self {
        let socket = within(server, || UdpSocket::bind((SERVER, Self::PORT)).unwrap());
        let patience = Some(Duration::from_secs(5));
        socket.set_read_timeout(patience).unwrap();
        Self(socket)
    }

    /// How many other packets came to the server until one more did. IPv6, which is not the kernel's, is only neighbours' talk.
    fn what_came_before(&self, gateway: &mut Gateway, tap: &Tap) -> usize {
        gateway.send(&udp(SERVER, 4000, Self::PORT, 64, b"good"));
        self.0.recv_from(&mut [0; 100]).unwrap();
        let mut seen = tap.seen();
        seen.retain(|packet| packet[0] >> 4 == 4 && !packet.ends_with(b"good"));
        seen.len()
    }
}

#[test]
fn an_interface_that_is_taken_away_ends_the_engine_so_that_it_is_started_anew() {
    let (site, outside, _server) = hosts();
    let (mut engine, _gateway, tun) = start(&site, &outside);

    site.ip(&format!("link del {tun}"));

    let status = engine.child.wait().unwrap();
    assert_eq!(status.code(), Some(1));
}

fn hosts() -> (Host, Host, Host) {
    let ((site, outside), server) = (Host::pair(), Host::new());
    site.connect("lan", &server, "lan");
    site.has("lan", &["10.9.0.1/24"]);
    server.has("lan", &["10.9.0.10/24"]);
    within(&site, || {
        std::fs::write("/proc/sys/net/ipv4/ping_group_range", "0 2147483647").unwrap();
    });
    (site, outside, server)
}

fn start(site: &Host, outside: &Host) -> (Engine, Gateway, String) {
    start_with(site, outside, &RANGES, |_| ())
}

/// The least that a kernel needs for it; the real rules are the connector's, in TypeScript.
fn start_with(
    site: &Host,
    outside: &Host,
    ranges: &[&str],
    prepare: impl FnOnce(&mut Command) + Send + 'static,
) -> (Engine, Gateway, String) {
    let tun = unique("t");
    let name = tun.clone();
    let mut engine = within(site, move || {
        let called = format!("kernel-{name}");
        Engine::prepared_as(ROOT, &called, &["--tun", &name], prepare, |_| ())
    });
    site.ip(&format!("addr add {CONNECTOR}/32 dev {tun}"));
    site.ip(&format!("link set {tun} up"));
    site.ip(&format!("route add 100.96.0.0/16 dev {tun}"));
    site.must("sysctl", "-qw net.ipv4.ip_forward=1");
    site.nft("table ip nat { chain out { type nat hook postrouting priority 100; oifname lan masquerade; }; }");
    let mut gateway = within(outside, || {
        Gateway::at("192.0.2.2:51820", [1; 32], connector_key())
    });
    let answer = engine.ask("configure", config(&gateway, ranges));
    assert!(answer["result"]["hash"].is_string(), "{answer}");
    gateway.until("a session", Gateway::has_session);
    (engine, gateway, tun)
}

fn within<T: Send + 'static>(host: &Host, work: impl FnOnce() -> T + Send + 'static) -> T {
    host.within(work).join().unwrap()
}

fn config(gateway: &Gateway, ranges: &[&str]) -> Value {
    json!({
        "privateKey": base64(PRIVATE.as_slice()), "mtu": 1420, "addresses": [CONNECTOR, "fd5a::2"],
        "ranges": ranges, "overlay": ["100.96.0.0/16", "fd5a::/48"],
        "peers": [{
            "id": "gw", "publicKey": base64(gateway.key.as_bytes()),
            "endpoints": ["192.0.2.2:51820"], "keepaliveSeconds": 25,
        }],
    })
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}
