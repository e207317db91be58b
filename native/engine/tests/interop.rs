//! `culvert-engine device` and wireguard-go, on two hosts: each begins, over both families, with both families inside.
//! Needs root, `wireguard-go`, `wg`, `ping` and `nstat`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // test builders, outside #[test] functions

mod lab;
mod transfer;

use std::thread::sleep;
use std::time::Duration;

use lab::folder::{Folder, Keys};
use lab::running::Running;
use lab::{Host, unique};

#[test]
fn our_device_begins_over_ipv4() {
    Tunnel::new(Outside::V4, With::WireguardGo).carries_everything(First::Ours);
}

#[test]
fn wireguard_go_begins_over_ipv4() {
    Tunnel::new(Outside::V4, With::WireguardGo).carries_everything(First::Theirs);
}

#[test]
fn our_device_begins_over_ipv6() {
    Tunnel::new(Outside::V6, With::WireguardGo).carries_everything(First::Ours);
}

#[test]
fn wireguard_go_begins_over_ipv6() {
    Tunnel::new(Outside::V6, With::WireguardGo).carries_everything(First::Theirs);
}

#[test]
fn two_of_our_devices_carry_everything() {
    Tunnel::new(Outside::V4, With::Ours).carries_everything(First::Ours);
}

#[test]
fn a_preshared_key_is_needed_on_both_sides() {
    let tunnel = Tunnel::new(Outside::V4, With::WireguardGo);
    let secret = Keys::new(&tunnel.folder);
    let set = |host: &Host, interface: &str, peer: &Keys| {
        host.must(
            "wg",
            &format!(
                "set {interface} peer {} preshared-key {}",
                peer.public,
                secret.file.display()
            ),
        );
    };

    set(&tunnel.ours, &tunnel.our_name, &tunnel.their_keys);
    let (is_reached, _) = tunnel.ours.run("ping", "-c 1 -W 1 10.5.0.2");
    assert!(
        !is_reached,
        "a handshake went through although only one side has the key"
    );

    set(&tunnel.theirs, &tunnel.their_name, &tunnel.our_keys);
    tunnel.ours.must("ping", "-c 3 -W 6 10.5.0.2");
}

#[test]
fn a_packet_for_nobody_is_answered_at_once() {
    let tunnel = Tunnel::new(Outside::V4, With::WireguardGo);

    let (_, v4) = tunnel.ours.run("ping", "-c 1 -W 2 10.5.0.77");
    let (_, v6) = tunnel.ours.run("ping", "-c 1 -W 2 fd55::77");

    assert!(v4.contains("Destination Host Unreachable"), "{v4}");
    assert!(v6.contains("Address unreachable"), "{v6}");
}

#[test]
fn port_mark_and_mtu_change_while_packets_flow() {
    let tunnel = Tunnel::new(Outside::V4, With::WireguardGo);
    tunnel.ours.must("ping", "-c 1 -W 3 10.5.0.2");

    tunnel.ours.must(
        "wg",
        &format!("set {} listen-port 3333 fwmark 0x77", tunnel.our_name),
    );
    tunnel
        .ours
        .ip(&format!("link set {} mtu 1300", tunnel.our_name));

    tunnel
        .ours
        .must("ping", "-c 3 -i 0.2 -W 3 -M do -s 1272 10.5.0.2");
    let shown = tunnel.ours.must("wg", &format!("show {}", tunnel.our_name));
    assert!(
        shown.contains("listening port: 3333") && shown.contains("fwmark: 0x77"),
        "{shown}"
    );
    let theirs = tunnel
        .theirs
        .must("wg", &format!("show {} endpoints", tunnel.their_name));
    assert!(
        theirs.contains("192.0.2.1:3333"),
        "the peer has not followed to the new port: {theirs}"
    );
    // The mark is real: a rule that refuses it stops the tunnel.
    tunnel.ours.ip("rule add fwmark 0x77 unreachable");
    let (is_reached, _) = tunnel.ours.run("ping", "-c 1 -W 1 10.5.0.2");
    assert!(
        !is_reached,
        "marked packets left although a rule refuses their mark"
    );
}

const STREAM_BYTES: usize = 20 << 20;

#[derive(Clone, Copy, PartialEq)]
enum Outside {
    V4,
    V6,
}

#[derive(Clone, Copy, PartialEq)]
enum With {
    WireguardGo,
    Ours,
}

#[derive(Clone, Copy, PartialEq)]
enum First {
    Ours,
    Theirs,
}

struct Tunnel {
    ours: Host,
    theirs: Host,
    our_name: String,
    their_name: String,
    our_keys: Keys,
    their_keys: Keys,
    folder: Folder,
    _running: [Running; 2],
}

impl Tunnel {
    fn new(outside: Outside, with: With) -> Tunnel {
        let ((ours, theirs), folder) = (Host::pair(), Folder::new());
        let (our_keys, their_keys) = (Keys::new(&folder), Keys::new(&folder));
        let (our_name, their_name) = (unique("a"), unique("b"));
        let ours_running = ours.start_engine(&our_name, "");
        let theirs_running = match with {
            With::WireguardGo => theirs.start_wireguard_go(&their_name),
            With::Ours => theirs.start_engine(&their_name, ""),
        };
        let wire = if outside == Outside::V4 {
            ["192.0.2.1", "192.0.2.2"]
        } else {
            ["[fd00:2::1]", "[fd00:2::2]"]
        };
        configure(&ours, &our_name, &our_keys, &their_keys, [1, 2], wire[1]);
        configure(
            &theirs,
            &their_name,
            &their_keys,
            &our_keys,
            [2, 1],
            wire[0],
        );
        let _running = [ours_running, theirs_running];
        Tunnel {
            ours,
            theirs,
            our_name,
            their_name,
            our_keys,
            their_keys,
            folder,
            _running,
        }
    }

    fn carries_everything(&self, first: First) {
        let (beginner, address) = match first {
            First::Ours => (&self.ours, ["10.5.0.2", "fd55::2"]),
            First::Theirs => (&self.theirs, ["10.5.0.1", "fd55::1"]),
        };
        for address in address {
            beginner.must("ping", &format!("-c 3 -i 0.2 -W 3 {address}"));
            beginner.must("ping", &format!("-c 2 -i 0.2 -W 3 -s 1372 {address}"));
            // Larger than the tunnel: fragments inside.
            beginner.must("ping", &format!("-c 2 -i 0.2 -W 3 -s 4000 {address}"));
        }
        let before = self.checksum_errors();
        for address in ["10.5.0.2", "fd55::2"] {
            transfer::stream(&self.ours, &self.theirs, address, STREAM_BYTES);
            transfer::datagrams(&self.ours, &self.theirs, address);
        }
        for address in ["10.5.0.1", "fd55::1"] {
            transfer::stream(&self.theirs, &self.ours, address, STREAM_BYTES);
            transfer::datagrams(&self.theirs, &self.ours, address);
        }
        assert_eq!(
            self.checksum_errors(),
            before,
            "packets came out with wrong checksums"
        );
        self.counters_agree();
    }

    fn checksum_errors(&self) -> u64 {
        self.ours.checksum_errors() + self.theirs.checksum_errors()
    }

    /// What one has sent, the other has received: `wg show` counts whole messages on both sides.
    fn counters_agree(&self) {
        sleep(Duration::from_millis(200));
        let [received, sent] = transferred(&self.ours, &self.our_name);
        let [their_received, their_sent] = transferred(&self.theirs, &self.their_name);
        // What a full socket dropped on the way may be missing.
        assert!(
            their_received <= sent && received <= their_sent,
            "more arrived than was sent"
        );
        // Both streams came whole each way.
        let least = 2 * STREAM_BYTES as u64;
        assert!(
            received > least && their_received > least,
            "{received} and {their_received} bytes in"
        );
    }
}

fn configure(host: &Host, name: &str, own: &Keys, other: &Keys, numbers: [u8; 2], wire: &str) {
    let [own_number, other_number] = numbers;
    host.must(
        "wg",
        &format!(
            "set {name} private-key {} listen-port {own_number}111 peer {} endpoint {wire}:{other_number}111 \
             allowed-ips 10.5.0.{other_number}/32,fd55::{other_number}/128",
            own.file.display(),
            other.public,
        ),
    );
    host.ip(&format!("addr add 10.5.0.{own_number}/24 dev {name}"));
    host.ip(&format!("addr add fd55::{own_number}/64 dev {name} nodad"));
    host.ip(&format!("link set {name} up"));
}

fn transferred(host: &Host, name: &str) -> [u64; 2] {
    let shown = host.must("wg", &format!("show {name} transfer"));
    let mut numbers = shown
        .split_whitespace()
        .skip(1)
        .map(|number| number.parse().unwrap());
    [numbers.next().unwrap(), numbers.next().unwrap()]
}
