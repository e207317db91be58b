//! Who may speak through the NAT, and what it never reaches: its own host.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that is wrong should say so at once"
)]

mod lab;

use std::net::{IpAddr, UdpSocket};
use std::thread;
use std::time::Duration;

use culvert_netstack::NatDrop;
use lab::device::Device;
use lab::host_only::HOST_ONLY;
use lab::packets::{echo, error_of, fix_header_sum, open, tcp, udp};
use lab::servers::echo_server;
use lab::{CONNECTOR, SERVER, in_a_private_network, ip};

const RANGES: &[&str] = &["10.9.0.0/16", "fd12::/64"];

#[test]
fn the_connectors_own_address_answers_pings_and_nothing_else() {
    in_a_private_network(|| {
        let mut device = Device::new(RANGES);

        device.send(&echo(CONNECTOR, 3, 4, 64, b"alive?"));
        device.send(&udp(CONNECTOR, 4000, 53, 64, b"?"));

        let (from, _, message) = open(&device.seen[0]);
        assert_eq!(
            (from, message[0], &message[4..]),
            (ip(CONNECTOR), 0, &b"\0\x03\0\x04alive?"[..])
        );
        assert_eq!(
            (error_of(&device.seen[1]).1, error_of(&device.seen[1]).2),
            (3, 13)
        );
        assert_eq!(device.nat.flows(), 0);
    });
}

#[test]
fn what_only_the_connectors_host_may_reach_is_refused_and_counted_in_every_spelling() {
    in_a_private_network(|| {
        let ranges = [
            "0.0.0.0/0",
            "::/0",
            "169.254.0.0/16",
            "127.0.0.0/8",
            "fe80::/10",
        ];
        let mut device = Device::new(&ranges);
        // Something listens on each, so that a connection would be seen to succeed.
        let _loopback = UdpSocket::bind("127.0.0.1:53").unwrap();
        let _loopback_v6 = UdpSocket::bind("[::1]:53").unwrap();

        for target in HOST_ONLY {
            device.seen.clear();
            let protocol = if ip(target).is_ipv4() { 1 } else { 58 };
            let before = refused(&device);
            device.send(&udp(target, 4000, 53, 64, b"?"));
            device.send(&echo(target, 1, 1, 64, b"?"));
            device.send(&tcp(target, 4000, 53, 2, 1, 0));
            thread::sleep(Duration::from_millis(1));
            device.step();

            assert_eq!(refused(&device), before + 3, "{target}");
            assert_eq!(device.nat.flows(), 0, "{target}");
            let logged = device.nat.take_refused();
            assert!(
                logged
                    .iter()
                    .all(|refused| refused.destination == ip(target))
            );
            assert_eq!(logged.len(), 3, "{target}");
            assert_eq!(device.seen.len(), 3, "{target}");
            for answer in &device.seen {
                let (_, kind, code, _) = error_of(answer);
                let prohibited = if protocol == 1 { (3, 13) } else { (1, 1) };
                assert_eq!((kind, code), prohibited, "{target}");
            }
        }
    });
}

#[test]
fn a_range_that_names_one_loopback_address_opens_it() {
    in_a_private_network(|| {
        let port = echo_server("127.0.0.1");
        let mut device = Device::new(&["127.0.0.1/32"]);

        device.send(&udp("127.0.0.1", 4000, port, 64, b"hello"));
        device.until("an echo", |device| !device.seen.is_empty());

        assert_eq!(open(&device.seen[0]).2[8..], *b"hello");
    });
}

#[test]
fn sources_outside_the_overlay_are_dropped_without_a_word() {
    in_a_private_network(|| {
        let mut device = Device::new(RANGES);
        for source in [
            "10.9.0.10",
            CONNECTOR,
            "127.0.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "100.97.0.1",
        ] {
            let mut packet = udp(SERVER, 4000, 53, 64, b"?");
            let IpAddr::V4(source) = ip(source) else {
                panic!("not of one family")
            };
            rewrite_source(&mut packet, source.octets());
            device.send(&packet);
        }

        assert_eq!(device.nat.drops().of(NatDrop::SpoofedSource), 6);
        assert_eq!((device.seen.len(), device.nat.flows()), (0, 0));
    });
}

fn refused(device: &Device) -> u64 {
    device.nat.drops().of(NatDrop::HostOnly) + device.nat.drops().of(NatDrop::NotAHost)
}

fn rewrite_source(packet: &mut [u8], source: [u8; 4]) {
    packet[12..16].copy_from_slice(&source);
    fix_header_sum(packet);
}
