//! Explicit congestion notification (RFC 6040) through a gateway and a connector, line 36. Needs root, `wg` and `nft`.
//!
//! ```text
//!   device 10.5.0.1 ══ 192.0.2.0/24 ══ gateway ══ 198.51.100.0/24 ══ connector 10.9.0.1 ── target 10.9.0.10
//! ```
//! Routers of the two wires are where the mark on the outside is set: where it comes in.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    unreachable_pub,
    dead_code,
    reason = "a test that is wrong should say so at once"
)]

#[path = "connector/conversation.rs"]
mod conversation;
mod device;
#[path = "connector/gateway.rs"]
mod gateway;
mod gateway_lab;
mod lab;
mod marks;
#[path = "../../netstack/tests/lab/packets.rs"]
mod packets;
#[path = "connector/process.rs"]
mod process;

use std::net::{IpAddr, SocketAddr};
use std::thread::sleep;
use std::time::{Duration, Instant};

use conversation::{PRIVATE, base64, connector_key};
use culvert_core::{PrivateKey, PublicKey};
use culvert_udp::{Door, Inbox, Outbox, Route};
use device::Device;
use gateway_lab::Gateway;
use lab::folder::Folder;
use lab::{ENGINE, Host, unique};
use marks::{
    MARKS, brought_in, count_incoming, counted, door, put_outside, receive_marks, send_marks,
};
use process::Engine;
use serde_json::{Value, json};

/// Of the device, which `packets` wants in both families.
const DEVICE: &str = "10.5.0.1";
const DEVICE_V6: &str = "fd55::1";
const GATEWAY_KEY: [u8; 32] = [9; 32];
const GATEWAY_PORT: u16 = 51820;
const NOBODY: u32 = 65534;
const ROOT: u32 = 0;

#[test]
fn line_36_marks_of_either_wire_reach_both_ends_through_a_gateway_and_a_user_space_connector() {
    marks_of_either_wire_reach_both_ends(false);
}

#[test]
fn line_36_marks_of_either_wire_reach_both_ends_through_a_gateway_and_a_kernel_mode_connector() {
    marks_of_either_wire_reach_both_ends(true);
}

#[test]
fn line_36_what_a_gateway_and_a_connector_seal_carries_the_inner_mark_and_no_dscp() {
    for with_tun in [false, true] {
        let (hosts, folder) = (Hosts::new(), Folder::new());
        let _site = Site::start(&hosts, &folder, with_tun);
        let (near, far, back) = conversation(&hosts);
        count_incoming(&hosts.connector, "udp sport 51820");
        count_incoming(&hosts.gateway, "iifname uplink udp dport 51820");
        count_incoming(&hosts.device, "udp sport 51820");

        for _ in 0..10 {
            send_marks(&near, far.local_address());
            assert_eq!(receive_marks(&far), MARKS.map(Some));
            send_marks(&far, back);
            assert_eq!(receive_marks(&near), MARKS.map(Some));
        }

        for host in [&hosts.connector, &hosts.gateway, &hosts.device] {
            let ([none, marked @ ..], with_dscp) = counted(host);
            assert!(none >= 10, "keepalives count too: {none}");
            assert_eq!((marked, with_dscp), ([10; 3], 0), "at {}", host.name);
        }
    }
}

fn marks_of_either_wire_reach_both_ends(with_tun: bool) {
    let (hosts, folder) = (Hosts::new(), Folder::new());
    let mut site = Site::start(&hosts, &folder, with_tun);
    let (near, far, back) = conversation(&hosts);
    let out = [
        (&hosts.gateway, "iifname wire udp dport 51820"),
        (&hosts.connector, "udp sport 51820"),
    ];
    let home = [
        (&hosts.gateway, "iifname uplink udp dport 51820"),
        (&hosts.device, "udp sport 51820"),
    ];
    for outside in MARKS {
        for (host, matching) in out {
            put_outside(host, matching, outside);
            send_marks(&near, far.local_address());
            let came = receive_marks(&far);
            assert_eq!(came, brought_in(outside), "out, {outside:?} at {matching}");
            host.nft("delete table inet path");
        }
        for (host, matching) in home {
            put_outside(host, matching, outside);
            send_marks(&far, back);
            let came = receive_marks(&near);
            assert_eq!(came, brought_in(outside), "home, {outside:?} at {matching}");
            host.nft("delete table inet path");
        }
    }
    // What can not say that it met congestion was dropped, and not silently: once on each of the gateway's wires, once
    // where the connector opens.
    let drops = |status: Value| status["drops"]["congestion"].clone();
    assert_eq!(drops(site.gateway.ask("status", Value::Null)), 2);
    let status = site.connector.ask("status", Value::Null)["result"].clone();
    assert_eq!(drops(status), 1);
}

/// A door of the device's, one of the target's, and where the target sees the device.
fn conversation(hosts: &Hosts) -> (Door, Door, SocketAddr) {
    let (near, far) = (
        door(&hosts.device, "0.0.0.0:0"),
        door(&hosts.target, "10.9.0.10:0"),
    );
    let (mut outbox, mut inbox) = (Outbox::new(), Inbox::new(1, 0));
    let mut batch = outbox.batch(&near);
    batch.push(Route::to(far.local_address()), b"hello");
    assert_eq!(batch.send().sent, 1);
    let deadline = Instant::now() + Duration::from_secs(5);
    while inbox.receive(&far).unwrap() == 0 {
        assert!(Instant::now() < deadline, "the target hears nothing");
        sleep(Duration::from_millis(5));
    }
    let back = inbox.messages().next().unwrap().from;
    (near, far, back)
}

struct Hosts {
    device: Host,
    gateway: Host,
    connector: Host,
    target: Host,
}

impl Hosts {
    fn new() -> Hosts {
        let ((device, gateway), connector, target) = (Host::pair(), Host::new(), Host::new());
        gateway.connect("uplink", &connector, "uplink");
        connector.connect("lan", &target, "lan");
        gateway.has("uplink", &["198.51.100.1/24"]);
        connector.has("uplink", &["198.51.100.2/24"]);
        connector.has("lan", &["10.9.0.1/24"]);
        target.has("lan", &["10.9.0.10/24"]);
        let sysctl = || {
            std::fs::write("/proc/sys/net/ipv4/ping_group_range", "0 2147483647").unwrap();
        };
        connector.within(sysctl).join().unwrap();
        Hosts {
            device,
            gateway,
            connector,
            target,
        }
    }
}

/// The three engines.
struct Site<'h> {
    device: Device<'h>,
    gateway: Gateway,
    connector: Engine,
}

impl<'h> Site<'h> {
    fn start(hosts: &'h Hosts, folder: &Folder, with_tun: bool) -> Site<'h> {
        let device = Device::start(&hosts.device, folder, 1);
        let mut gateway = Gateway::start_watched(hosts.gateway.command(ENGINE, ""), "", |_| ());
        gateway.configure(&gateway_config(&device));
        let mut connector = match with_tun {
            true => kernel_connector(&hosts.connector),
            false => start_connector(&hosts.connector, NOBODY, Vec::new()),
        };
        let answer = connector.ask("configure", connector_config());
        assert!(answer["result"]["hash"].is_string(), "{answer}");
        let key = base64(gateway_key().as_bytes());
        device.wg(&format!(
            "peer {key} endpoint 192.0.2.2:{GATEWAY_PORT} allowed-ips 10.9.0.0/24"
        ));
        let route = format!("route add 10.9.0.0/24 dev {}", device.name);
        hosts.device.ip(&route);
        assert!(
            (0..10).any(|_| hosts.device.reaches("10.9.0.10")),
            "the target is never reached"
        );
        Site {
            device,
            gateway,
            connector,
        }
    }
}

fn start_connector(host: &Host, user: u32, options: Vec<String>) -> Engine {
    let name = unique("c");
    let start = move || {
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        Engine::start_as(user, &name, &options)
    };
    host.within(start).join().unwrap()
}

fn kernel_connector(host: &Host) -> Engine {
    let tun = unique("t");
    let engine = start_connector(host, ROOT, vec!["--tun".to_owned(), tun.clone()]);
    host.has(&tun, &["10.5.0.2/32"]);
    host.ip(&format!("link set {tun} up"));
    host.ip(&format!("route add 10.5.0.0/24 dev {tun}"));
    host.must("sysctl", "-qw net.ipv4.ip_forward=1");
    host.nft("table ip nat { chain out { type nat hook postrouting priority 100; oifname lan masquerade; }; }");
    engine
}

fn gateway_key() -> PublicKey {
    PrivateKey::from_bytes(GATEWAY_KEY).public_key()
}

fn gateway_config(device: &Device<'_>) -> Value {
    json!({
        "privateKey": base64(&GATEWAY_KEY), "listenPort": GATEWAY_PORT, "mtu": 1420,
        "peers": [
            { "kind": "device", "id": "laptop", "publicKey": device.keys.public,
              "addresses": [DEVICE], "subjects": ["everyone"], "expiresAt": null },
            { "kind": "connector", "id": "office-a", "publicKey": base64(connector_key().as_bytes()),
              "addresses": ["10.5.0.2"], "networkId": "office", "healthy": true },
        ],
        "networks": [{ "id": "office", "ranges": ["10.9.0.0/24"] }],
        "rules": [{ "id": "all", "name": "all", "action": "allow", "subjects": ["everyone"],
            "networkIds": [], "ranges": [], "protocol": "any", "ports": [] }],
    })
}

fn connector_config() -> Value {
    json!({
        "privateKey": base64(PRIVATE.as_slice()), "mtu": 1420, "addresses": ["10.5.0.2"],
        "ranges": ["10.9.0.0/24"], "overlay": ["10.5.0.0/24"],
        "peers": [{
            "id": "gw", "publicKey": base64(gateway_key().as_bytes()),
            "endpoints": [format!("198.51.100.1:{GATEWAY_PORT}")], "keepaliveSeconds": 25,
        }],
    })
}

/// As `packets` wants it.
fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}
