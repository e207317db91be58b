//! Who may send what, how long, and what is counted: lines 30, 31, 34, 35, 46. Needs root, `wg`, `nft` and `ping`.
//!
//! ```text
//!   near 10.5.0.1 ══ 192.0.2.0/24, fd00:2::/64 ══ far 10.5.0.2
//! ```
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // test builders, outside #[test] functions

mod device;
mod lab;
mod transfer;

use std::net::UdpSocket;
use std::time::Duration;

use device::{Device, two};
use lab::Host;
use lab::folder::{Folder, Keys};

#[test]
fn line_30_the_longest_prefix_chooses_the_peer_and_nothing_leaves_for_nobody() {
    let ((one, other), folder) = (Host::pair(), Folder::new());
    let [near, far] = two(&one, &other, &folder);
    let third = Host::new();
    one.connect("wire3", &third, "wire");
    one.has("wire3", &["198.51.100.1/24"]);
    third.has("wire", &["198.51.100.3/24"]);
    let narrow = Device::start(&third, &folder, 3);
    narrow.knows(&near, "198.51.100.1");
    near.knows(&narrow, "198.51.100.3");
    for (device, address) in [(&far, "10.7.7.7/32"), (&narrow, "10.7.7.7/32")] {
        device.host.has(&device.name, &[address]);
    }
    one.ip(&format!("route add 10.7.0.0/16 dev {}", near.name));

    near.peer(&far, "allowed-ips 10.5.0.2/32,10.7.0.0/16");
    one.must_reach("10.7.7.7");
    assert_eq!(near.transfer_with(&narrow), [0, 0]);

    near.peer(&narrow, "allowed-ips 10.5.0.3/32,10.7.7.0/24");
    let before = near.transfer_with(&far);
    one.must_reach("10.7.7.7");
    assert_eq!(near.transfer_with(&far), before);

    near.peer(&far, "allowed-ips 10.5.0.2/32");
    let before = [near.transfer_with(&far), near.transfer_with(&narrow)];
    let (_, said) = one.run("ping", "-c 2 -W 1 10.7.8.8");
    assert!(said.contains("Destination Host Unreachable"), "{said}");
    let after = [near.transfer_with(&far), near.transfer_with(&narrow)];
    assert_eq!(after, before, "a packet for nobody went to somebody");
}

#[test]
fn line_31_who_speaks_from_an_address_that_a_narrower_prefix_gives_to_another_is_not_heard() {
    let ((one, other), folder) = (Host::pair(), Folder::new());
    let [near, far] = two(&one, &other, &folder);
    let nobody = Keys::new(&folder);
    near.peer(&far, "allowed-ips 10.5.0.0/24,fd55::/64");
    other.has(&far.name, &["10.5.0.9/24", "fd55::9/64"]);
    let hears = |from: &'static str, to: &'static str| heard(&one, &other, from, to);

    assert!(hears("10.5.0.9", "10.5.0.1") && hears("fd55::9", "fd55::1"));

    near.wg(&format!(
        "peer {} allowed-ips 10.5.0.9/32,fd55::9/128",
        nobody.public
    ));
    assert!(!hears("10.5.0.9", "10.5.0.1") && !hears("fd55::9", "fd55::1"));
    assert!(hears("10.5.0.2", "10.5.0.1") && hears("fd55::2", "fd55::1"));

    near.wg(&format!("peer {} remove", nobody.public));
    assert!(hears("10.5.0.9", "10.5.0.1") && hears("fd55::9", "fd55::1"));
}

#[test]
fn line_34_a_narrow_route_is_padded_to_its_multiple_of_16_and_no_further() {
    let ((one, other), folder) = (Host::pair(), Folder::new());
    let [near, far] = two(&one, &other, &folder);
    one.must_reach("10.5.0.2");
    // 1299 bytes become 1312 with padding: 20 + 8 + 32 around them are 1372, which pass; 1373 would not.
    one.nft("table inet narrow { chain out { type filter hook output priority 0; oifname wire meta length > 1372 drop; }; }");
    one.ip(&format!("route add 10.5.0.2/32 dev {} mtu 1299", near.name));

    one.must("ping", "-c 1 -W 1 -M do -s 1271 10.5.0.2");
    let before = near.transfer_with(&far);
    one.must("ping", "-c 1 -W 1 -M do -s 1268 10.5.0.2");

    // 1296 is a multiple already.
    assert_eq!(near.transfer_with(&far)[1] - before[1], 1296 + 32);
    let (is_sent, _) = one.run("ping", "-c 1 -W 1 -M do -s 1272 10.5.0.2");
    assert!(!is_sent, "the route's MTU was not held");
}

#[test]
fn line_35_the_default_mtu_is_1420_and_any_other_takes_effect_at_once() {
    let ((one, other), folder) = (Host::pair(), Folder::new());
    let [near, far] = two(&one, &other, &folder);
    assert!(
        one.ip(&format!("link show {}", near.name))
            .contains("mtu 1420 ")
    );

    for mtu in ["68", "1279", "1280", "1420", "9000", "65535"] {
        for device in [&near, &far] {
            device
                .host
                .ip(&format!("link set {} mtu {mtu}", device.name));
        }

        one.must("ping", "-c 1 -W 6 -s 8 10.5.0.2");
        if mtu != "68" {
            one.must("ping", "-c 1 -W 6 -s 4000 10.5.0.2");
        }
    }
    // Back to what the path carries: a packet of 65535 bytes with WireGuard around it is no datagram any more.
    for device in [&near, &far] {
        device
            .host
            .ip(&format!("link set {} mtu 1420", device.name));
    }
    transfer::stream(&one, &other, "10.5.0.2", 4 << 20);
}

#[test]
fn line_35_large_packets_cross_a_loopback_whole_with_the_interfaces_in_other_namespaces() {
    // As in the kernel's own test: the sockets stay where the engines were started.
    let (outside, one, other) = (Host::new(), Host::new(), Host::new());
    let folder = Folder::new();
    let near = Device::start_with(&outside, &folder, 1, "--mtu 34736");
    let far = Device::start_with(&outside, &folder, 2, "--mtu 34736");
    near.knows(&far, "127.0.0.1");
    far.knows(&near, "[::1]");
    for (device, host) in [(&near, &one), (&far, &other)] {
        outside.ip(&format!("link set {} netns {}", device.name, host.name));
        device.address_on(host);
    }

    for address in ["10.5.0.2", "fd55::2"] {
        one.must(
            "ping",
            &format!("-c 3 -i 0.2 -W 6 -M do -s 34000 {address}"),
        );
        transfer::stream(&one, &other, address, 8 << 20);
        transfer::stream(&other, &one, &address.replace('2', "1"), 8 << 20);
    }
    assert_eq!(one.checksum_errors() + other.checksum_errors(), 0);
}

#[test]
fn line_46_a_handshake_and_ten_pings_count_1428_bytes_out_and_1372_in() {
    let ((one, other), folder) = (Host::pair(), Folder::new());
    let [near, far] = two(&one, &other, &folder);
    assert_eq!(
        near.show("latest-handshakes").split_whitespace().nth(1),
        Some("0")
    );

    one.must("ping", "-c 10 -i 0.02 -W 6 10.5.0.2");

    assert_eq!(near.transfer_with(&far), [1372, 1428]);
    assert_eq!(far.transfer_with(&near), [1428, 1372]);
    let seconds: u64 = near
        .show("latest-handshakes")
        .split_whitespace()
        .nth(1)
        .unwrap()
        .parse()
        .unwrap();
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    assert!(now - seconds < 10, "{seconds}, and now it is {now}");
}

/// Whether one datagram from that address on `other` comes out on `one`.
fn heard(one: &Host, other: &Host, from: &'static str, to: &'static str) -> bool {
    let (tell, told) = std::sync::mpsc::channel();
    let listener = one.within(move || {
        let socket = UdpSocket::bind((to, 7777)).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(3)))
            .unwrap();
        tell.send(()).unwrap();
        matches!(socket.recv_from(&mut [0; 64]), Ok((_, source)) if source.ip().to_string() == from)
    });
    told.recv().unwrap();
    let sender = other.within(move || {
        let socket = UdpSocket::bind((from, 0)).unwrap();
        socket.send_to(b"who am I", (to, 7777)).unwrap();
    });
    sender.join().unwrap();
    listener.join().unwrap()
}
