//! Ping and traceroute through the NAT.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that is wrong should say so at once"
)]

mod lab;

use std::net::IpAddr;
use std::thread;
use std::time::Duration;

use culvert_netstack::PingDoor;
use lab::device::Device;
use lab::packets::{echo, error_of, open, udp};
use lab::router::Router;
use lab::{CONNECTOR, SERVER, SERVER_V6, in_a_private_network, ip};

const RANGES: &[&str] = &["10.9.0.0/16", "fd12::/64"];

#[test]
fn ping_works_and_keeps_the_devices_identifier() {
    in_a_private_network(|| {
        for (address, reply) in [(SERVER, 0), (SERVER_V6, 129)] {
            let mut device = Device::new(RANGES);
            assert_eq!(device.nat.ping(), PingDoor::PingSocket);

            for sequence in 1..=3 {
                device.send(&echo(address, 0x1234, sequence, 64, b"0123456789"));
                device.until("a reply", |device| {
                    device.seen.len() == usize::from(sequence)
                });
            }

            let (from, _, message) = open(&device.seen[2]);
            assert_eq!((from, message[0], message[1]), (ip(address), reply, 0));
            assert_eq!(message[4..8], [0x12, 0x34, 0, 3]);
            assert_eq!(message[8..], *b"0123456789");
            assert_eq!(device.nat.flows(), 1);
        }
    });
}

#[test]
fn without_a_ping_socket_the_raw_one_serves_and_does_not_mix_two_devices_up() {
    in_a_private_network(|| {
        // Nobody's group is 4294967294: ping sockets are closed, and root still has CAP_NET_RAW.
        std::fs::write("/proc/sys/net/ipv4/ping_group_range", "1 0").unwrap();
        for (address, reply) in [(SERVER, 0), (SERVER_V6, 129)] {
            let mut device = Device::new(RANGES);
            assert_eq!(device.nat.ping(), PingDoor::RawSocket);

            device.send(&echo(address, 1, 1, 64, b"first"));
            device.send(&echo(address, 2, 1, 64, b"second"));
            device.until("two replies", |device| device.seen.len() == 2);
            thread::sleep(Duration::from_millis(20));
            device.step();

            let mut replies: Vec<Vec<u8>> =
                device.seen.iter().map(|packet| open(packet).2).collect();
            replies.sort_by_key(|message| message[5]);
            assert_eq!(replies.len(), 2);
            assert_eq!(
                (replies[0][0], replies[0][5], &replies[0][8..]),
                (reply, 1, &b"first"[..])
            );
            assert_eq!(
                (replies[1][0], replies[1][5], &replies[1][8..]),
                (reply, 2, &b"second"[..])
            );
        }
    });
}

#[test]
fn without_any_door_the_advice_names_the_sysctl_and_ping_is_prohibited() {
    in_a_private_network(|| {
        std::fs::write("/proc/sys/net/ipv4/ping_group_range", "1 0").unwrap();
        drop_net_raw();
        let mut device = Device::new(RANGES);

        device.send(&echo(SERVER, 1, 1, 64, b"x"));

        assert_eq!(device.nat.ping(), PingDoor::NeedsSysctl);
        assert!(
            device
                .nat
                .ping()
                .advice()
                .unwrap()
                .contains("net.ipv4.ping_group_range")
        );
        let (from, kind, code, _) = error_of(&device.seen[0]);
        assert_eq!((from, kind, code), (ip(CONNECTOR), 3, 13));

        std::fs::write("/proc/sys/net/ipv4/ping_group_range", "0 2147483647").unwrap();
        device.seen.clear();
        device.send(&echo(SERVER, 1, 2, 64, b"x"));
        device.until("a reply after following the advice", |device| {
            !device.seen.is_empty()
        });
        assert_eq!(open(&device.seen[0]).2[0], 0);
    });
}

#[test]
fn a_ping_of_an_unreachable_host_says_so() {
    in_a_private_network(|| {
        let mut device = Device::new(RANGES);

        device.send(&echo("10.9.1.1", 9, 1, 64, b"x"));
        device.until("an answer", |device| !device.seen.is_empty());

        let (from, kind, code, _) = error_of(&device.seen[0]);
        assert_eq!((from, kind, code), (ip(CONNECTOR), 3, 1));
    });
}

#[test]
fn traceroute_shows_the_connector_then_the_routers_behind_it_then_the_target() {
    in_a_private_network(|| {
        let _far = Router::new();
        let mut device = Device::new(&["10.9.0.0/16", "10.7.0.0/16"]);

        let mut hops: Vec<(IpAddr, u8, u8)> = Vec::new();
        for hop_limit in 1..=3 {
            device.seen.clear();
            device.send(&udp(
                "10.7.1.2",
                4000,
                33433 + u16::from(hop_limit),
                hop_limit,
                b"probe",
            ));
            device.until("an answer", |device| !device.seen.is_empty());
            let (from, kind, code, _) = error_of(&device.seen[0]);
            hops.push((from, kind, code));
        }
        for hop_limit in 1..=3 {
            device.seen.clear();
            device.send(&echo(
                "10.7.1.2",
                5,
                u16::from(hop_limit),
                hop_limit,
                b"probe",
            ));
            device.until("an answer", |device| !device.seen.is_empty());
            let (from, _, message) = open(&device.seen[0]);
            hops.push((from, message[0], message[1]));
        }

        assert_eq!(
            hops,
            [
                (ip(CONNECTOR), 11, 0),
                (ip("10.7.0.2"), 11, 0),
                (ip("10.7.1.2"), 3, 3),
                (ip(CONNECTOR), 11, 0),
                (ip("10.7.0.2"), 11, 0),
                (ip("10.7.1.2"), 0, 0),
            ]
        );
    });
}

fn drop_net_raw() {
    let mut header = CapHeader {
        version: 0x2008_0522,
        pid: 0,
    };
    let mut data = [[0u32; 3]; 2];
    // SAFETY: version 3 of the header takes two data structures of three words, which these are.
    unsafe {
        assert_eq!(
            libc::syscall(libc::SYS_capget, &raw mut header, &raw mut data),
            0
        );
        data[0][0] &= !(1 << 13);
        assert_eq!(
            libc::syscall(libc::SYS_capset, &raw mut header, &raw const data),
            0
        );
    }
}

#[repr(C)]
struct CapHeader {
    version: u32,
    pid: i32,
}
