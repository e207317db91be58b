//! The routes of the outer packets: marks, loops, translators, errors. Lines 24, 27, 39, 40, 41, 42. Needs root, `wg`, `nft`,
//! `conntrack` and `ping`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // test builders, outside #[test] functions

mod device;
mod lab;

use std::collections::VecDeque;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use device::{Device, two};
use lab::Host;
use lab::folder::Folder;

/// Far more than two handshakes that begin at once are apart, so they always cross.
const SLOW: Duration = Duration::from_millis(150);

#[test]
fn line_27_both_begin_at_once_over_a_slow_network_and_converge() {
    let ((one, other), folder) = (Host::pair(), Folder::new());
    let near = Device::start(&one, &folder, 1);
    let far = Device::start(&other, &folder, 2);
    let (is_over, initiations) = (Arc::new(AtomicBool::new(false)), Arc::default());
    let relay = {
        let (is_over, initiations) = (Arc::clone(&is_over), Arc::clone(&initiations));
        other.within(move || relay(&is_over, &initiations))
    };
    for round in 1..=3 {
        for (device, peer, inner) in [(&near, &far, 2), (&far, &near, 1)] {
            device.peer(peer, "remove");
            device.peer(
                peer,
                &format!("endpoint 192.0.2.2:4000 allowed-ips 10.5.0.{inner}/32"),
            );
        }
        let began = initiations.load(Ordering::Relaxed);
        let both = one.start("ping", "-c 3 -i 0.2 -W 6 10.5.0.2");
        other.must("ping", "-c 3 -i 0.2 -W 6 10.5.0.1");
        drop(both);
        let begun = initiations.load(Ordering::Relaxed) - began;
        // One each; a retry each on a machine so busy that an answer takes five seconds.
        assert!(
            (2..=4).contains(&begun),
            "{begun} initiations in round {round}"
        );

        let said = one.must("ping", "-c 10 -i 0.1 -W 5 10.5.0.2");
        assert!(said.contains(" 0% packet loss"), "{said}");
        assert_eq!(
            initiations.load(Ordering::Relaxed) - began,
            begun,
            "they began again"
        );
    }
    is_over.store(true, Ordering::Relaxed);
    relay.join().unwrap();
}

/// Between near and far, at 192.0.2.2:4000: each datagram leaves as it came, but later.
fn relay(is_over: &AtomicBool, initiations: &AtomicUsize) {
    let socket = UdpSocket::bind("192.0.2.2:4000").unwrap();
    socket
        .set_read_timeout(Some(Duration::from_millis(2)))
        .unwrap();
    let [near, far]: [SocketAddr; 2] =
        ["192.0.2.1:1111", "192.0.2.2:2111"].map(|at| at.parse().unwrap());
    let (mut waiting, mut room) = (VecDeque::new(), [0; 2048]);
    while !is_over.load(Ordering::Relaxed) {
        if let Ok((length, from)) = socket.recv_from(&mut room) {
            initiations.fetch_add(usize::from(room[0] == 1), Ordering::Relaxed);
            let to = if from == far { near } else { far };
            waiting.push_back((Instant::now() + SLOW, to, room[..length].to_vec()));
        }
        while let Some((_, to, datagram)) = waiting.pop_front_if(|(due, ..)| *due <= Instant::now())
        {
            socket.send_to(&datagram, to).unwrap();
        }
    }
}

/// Everything goes into the tunnel but what carries it, told apart by the mark, as wg-quick does it.
#[test]
fn line_39_marked_packets_escape_a_default_route_that_leads_into_the_tunnel() {
    let ((one, other), folder) = (Host::pair(), Folder::new());
    let near = Device::start_with(&one, &folder, 1, "--fwmark 0xca6c");
    let far = Device::start(&other, &folder, 2);
    near.peer(&far, "endpoint 192.0.2.2:2111 allowed-ips 0.0.0.0/0,::/0");
    far.knows(&near, "192.0.2.1");
    other.has("lo", &["203.0.113.7/32", "fd77::7/128"]);
    one.ip(&format!("route add default dev {} table 51820", near.name));
    one.ip(&format!(
        "-6 route add default dev {} table 51820",
        near.name
    ));
    for family in ["-4", "-6"] {
        one.ip(&format!("{family} rule add not fwmark 0xca6c table 51820"));
        one.ip(&format!(
            "{family} rule add table main suppress_prefixlength 0"
        ));
    }

    one.must_reach("203.0.113.7");
    one.must_reach("fd77::7");
    near.peer(&far, "endpoint [fd00:2::2]:2111");
    one.must_reach("203.0.113.7");
    one.must_reach("fd77::7");

    // Without the mark the outer packets would follow the rule into the tunnel, where a session cannot begin.
    near.wg("fwmark 0");
    near.peer(&far, "endpoint 198.51.100.9:2111");
    assert!(!one.reaches("203.0.113.7"));
}

#[test]
fn line_40_a_peer_whose_endpoint_lies_behind_itself_makes_no_storm() {
    let ((one, other), folder) = (Host::pair(), Folder::new());
    let [near, far] = two(&one, &other, &folder);
    one.must_reach("10.5.0.2");
    one.must_reach("fd55::2");
    for loops in ["10.5.0.2", "[fd55::2]"] {
        near.peer(&far, &format!("endpoint {loops}:2111"));
        let before = near.transfer_with(&far)[1];

        one.run("ping", "-c 10 -i 0.01 -W 1 10.5.0.2");
        one.run("ping", "-c 10 -i 0.01 -s 3000 -W 1 10.5.0.2");

        let sent = near.transfer_with(&far)[1] - before;
        assert!(sent < 70_000, "{sent} bytes for 20 pings");
    }
    near.peer(&far, "endpoint 192.0.2.2:2111");
    one.must_reach("10.5.0.2");
}

#[test]
fn line_40_two_peers_whose_endpoints_lie_behind_each_other_make_no_storm() {
    let ((one, other), folder) = (Host::pair(), Folder::new());
    let [near, far] = two(&one, &other, &folder);
    let third = Device::start(&other, &folder, 3);
    third.knows(&near, "192.0.2.1");
    near.knows(&third, "192.0.2.2");
    other.ip(&format!("addr del 10.5.0.3/24 dev {}", third.name));
    one.must_reach("10.5.0.2");
    near.peer(&third, "persistent-keepalive 1");
    sleep(Duration::from_millis(300));
    near.peer(&third, "persistent-keepalive 0 endpoint 10.5.0.2:3111");
    near.peer(&far, "endpoint 10.5.0.3:2111");
    let sent = || near.transfer_with(&far)[1] + near.transfer_with(&third)[1];
    let before = sent();

    one.run("ping", "-c 10 -i 0.01 -W 1 10.5.0.2");

    let sent = sent() - before;
    assert!(sent < 70_000, "{sent} bytes for 10 pings");
}

/// ```text
///   near 10.0.0.100, fd0a::100 ── router, masquerades ── far 192.0.2.2, fd00:2::2
/// ```
#[test]
fn line_41_a_peer_behind_a_translator_is_followed_to_each_new_port_and_family() {
    let (behind, folder) = (Translated::new(), Folder::new());
    let (near, far) = behind.devices(&folder);
    near.knows(&far, "192.0.2.2");
    far.expects(&near);
    for outer in ["192.0.2.2", "[fd00:2::2]", "192.0.2.2"] {
        near.peer(&far, &format!("endpoint {outer}:2111"));
        behind.inner.must_reach("10.5.0.2");
        let first = far.endpoint_of(&near);
        let router = if outer.contains(':') {
            "[fd00:2::1]:"
        } else {
            "192.0.2.1:"
        };
        assert!(first.starts_with(router), "{first}");

        behind.forget_all("40000-49999");
        behind.inner.must_reach("10.5.0.2");
        let second = far.endpoint_of(&near);
        behind.forget_all("50000-59999");
        behind.inner.must_reach("10.5.0.2");

        let third = far.endpoint_of(&near);
        assert!(
            second.starts_with(&format!("{router}4")) && third.starts_with(&format!("{router}5")),
            "{second} {third}"
        );
        behind.outer.must_reach("10.5.0.1");
    }
}

#[test]
fn line_24_a_keepalive_holds_a_translator_open_that_forgets_after_two_seconds() {
    let (behind, folder) = (Translated::new(), Folder::new());
    let (near, far) = behind.devices(&folder);
    far.expects(&near);
    near.knows(&far, "192.0.2.2");
    for name in ["udp_timeout", "udp_timeout_stream"] {
        let value = format!("-qw net.netfilter.nf_conntrack_{name}=2");
        behind.router.must("sysctl", &value);
    }
    behind.inner.must_reach("10.5.0.2");

    near.peer(&far, "persistent-keepalive 1");
    sleep(Duration::from_millis(4_000));
    assert!(behind.outer.reaches("10.5.0.1"));

    near.peer(&far, "persistent-keepalive off");
    sleep(Duration::from_millis(4_000));
    assert!(
        !behind.outer.reaches("10.5.0.1"),
        "the translator has not forgotten: nothing is shown by this test"
    );
}

/// ```text
///   client 10.1.0.2, fd01::2 ── near forwards and masquerades ══ far
/// ```
#[test]
fn line_42_who_is_behind_us_and_translated_hears_that_nobody_is_there() {
    let ((one, other), folder) = (Host::pair(), Folder::new());
    let [near, _far] = two(&one, &other, &folder);
    let client = Host::new();
    one.connect("lan", &client, "lan");
    one.has("lan", &["10.1.0.1/24", "fd01::1/64"]);
    client.has("lan", &["10.1.0.2/24", "fd01::2/64"]);
    client.ip("route add default via 10.1.0.1");
    client.ip("-6 route add default via fd01::1");
    one.forwards();
    one.nft(
        "table inet nat { chain out { type nat hook postrouting priority 100; masquerade; }; }",
    );
    one.ip(&format!("route add 10.9.0.0/16 dev {}", near.name));
    one.ip(&format!("-6 route add fd99::/64 dev {}", near.name));
    client.must_reach("10.5.0.2");

    let (_, v4) = client.run("ping", "-c 1 -W 2 10.9.9.9");
    let (_, v6) = client.run("ping", "-c 1 -W 2 fd99::9");

    assert!(v4.contains("Destination Host Unreachable"), "{v4}");
    assert!(v6.contains("Address unreachable"), "{v6}");
}

struct Translated {
    inner: Host,
    router: Host,
    outer: Host,
}

impl Translated {
    fn new() -> Translated {
        let (router, outer) = Host::pair();
        let inner = Host::new();
        inner.connect("lan", &router, "lan");
        inner.has("lan", &["10.0.0.100/24", "fd0a::100/64"]);
        router.has("lan", &["10.0.0.1/24", "fd0a::1/64"]);
        inner.ip("route add default via 10.0.0.1");
        inner.ip("-6 route add default via fd0a::1");
        router.forwards();
        let behind = Translated {
            inner,
            router,
            outer,
        };
        behind.forget_all("30000-39999");
        behind
    }

    fn devices(&self, folder: &Folder) -> (Device<'_>, Device<'_>) {
        (
            Device::start(&self.inner, folder, 1),
            Device::start(&self.outer, folder, 2),
        )
    }

    /// New ports from here on, for flows that it knew too; and nothing comes in that nobody has asked for.
    fn forget_all(&self, ports: &str) {
        self.router.nft(&format!(
            "table inet nat; delete table inet nat; table inet nat {{\n chain out {{ type nat hook postrouting priority 100; \
             oifname wire meta l4proto udp masquerade to :{ports}; oifname wire masquerade; }}\n \
             chain through {{ type filter hook forward priority 0; iifname wire ct state new drop; }}\n}}"
        ));
        self.router.must("conntrack", "-F");
    }
}
