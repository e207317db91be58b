//! Datagrams through the NAT, and those that are refused.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that is wrong should say so at once"
)]

mod lab;

use std::net::UdpSocket;
use std::thread;
use std::time::Duration;

use culvert_netstack::{NatDrop, NatLimits};
use lab::device::Device;
use lab::packets::{error_of, open, udp};
use lab::servers::echo_server;
use lab::{SERVER, SERVER_V6, at, in_a_private_network, ip, run};

const RANGES: &[&str] = &["10.9.0.0/16", "fd12::/64"];

#[test]
fn datagrams_go_there_and_back_in_both_families() {
    in_a_private_network(|| {
        for address in [SERVER, SERVER_V6] {
            let port = echo_server(address);
            let mut device = Device::new(RANGES);

            device.send(&udp(address, 4000, port, 64, b"ping"));
            device.until("an echo", |device| !device.seen.is_empty());

            let (from, protocol, datagram) = open(&device.seen[0]);
            assert_eq!((from, protocol), (ip(address), 17));
            assert_eq!(
                datagram[..4],
                [port.to_be_bytes(), 4000u16.to_be_bytes()].concat()
            );
            assert_eq!(datagram[8..], *b"ping");
        }
    });
}

#[test]
fn nobody_else_in_the_private_network_gets_a_datagram_into_the_overlay() {
    in_a_private_network(|| {
        run("ip addr add 10.9.0.66/32 dev lo");
        let server = UdpSocket::bind(at(SERVER, 0)).unwrap();
        let port = server.local_addr().unwrap().port();
        let mut device = Device::new(RANGES);
        device.send(&udp(SERVER, 4000, port, 64, b"?"));
        let (_, flow) = server.recv_from(&mut [0; 64]).unwrap();

        // From another host, and from another port of the very server.
        UdpSocket::bind("10.9.0.66:0")
            .unwrap()
            .send_to(b"evil", flow)
            .unwrap();
        UdpSocket::bind(at(SERVER, 0))
            .unwrap()
            .send_to(b"evil", flow)
            .unwrap();
        server.send_to(b"good", flow).unwrap();
        device.until("the answer", |device| !device.seen.is_empty());
        device.step();

        let heard: Vec<Vec<u8>> = device
            .seen
            .iter()
            .map(|packet| open(packet).2[8..].to_vec())
            .collect();
        assert_eq!(heard, [b"good"]);
    });
}

#[test]
fn a_closed_udp_port_is_port_unreachable_from_the_target_itself() {
    in_a_private_network(|| {
        for (address, kind, code) in [(SERVER, 3, 3), (SERVER_V6, 1, 4)] {
            let mut device = Device::new(RANGES);
            let request = udp(address, 4000, 7, 64, b"anybody?");

            device.send(&request);
            device.until("an answer", |device| !device.seen.is_empty());

            let (from, told, why, quoted) = error_of(&device.seen[0]);
            assert_eq!((from, told, why), (ip(address), kind, code));
            // Ports and length, which is what the device finds its socket by.
            let head = if kind == 3 { 20 } else { 40 };
            assert_eq!(quoted[head..head + 6], request[head..head + 6]);
        }
    });
}

#[test]
fn quiet_conversations_end_and_dns_ends_first() {
    in_a_private_network(|| {
        let dns = UdpSocket::bind(at(SERVER, 53)).unwrap();
        thread::spawn(move || {
            let (_, peer) = dns.recv_from(&mut [0; 64]).unwrap();
            dns.send_to(b"answer", peer).unwrap();
        });
        let other = echo_server(SERVER);
        let mut device = Device::new(RANGES);
        device.send(&udp(SERVER, 4000, 53, 64, b"?"));
        device.send(&udp(SERVER, 4000, other, 64, b"?"));
        device.until("both answered", |device| device.seen.len() == 2);

        let mut open_after = Vec::new();
        for seconds in [9, 31, 179, 182] {
            device.ahead = Duration::from_secs(seconds);
            device.step();
            device.step();
            open_after.push(device.nat.flows());
        }

        assert_eq!(open_after, [2, 1, 1, 0]);
    });
}

#[test]
fn a_flood_of_new_datagram_flows_stays_bounded() {
    in_a_private_network(|| {
        let limits = NatLimits {
            flows: 32,
            flows_per_device: 16,
        };
        let mut device = Device::with_limits(RANGES, limits);

        for port in 1..=500 {
            device.send(&udp(SERVER, 4000, port, 64, b"?"));
        }

        assert_eq!(device.nat.flows(), 16);
        assert_eq!(device.nat.drops().of(NatDrop::DeviceFull), 484);
    });
}

#[test]
fn a_firewall_that_rejects_is_quoted_word_for_word() {
    in_a_private_network(|| {
        run("nft add table inet filter");
        run("nft add chain inet filter input { type filter hook input priority 0 ; }");
        run("nft add rule inet filter input udp dport 99 reject with icmp type host-prohibited");
        let mut device = Device::new(RANGES);

        device.send(&udp(SERVER, 4000, 99, 64, b"?"));
        device.until("an answer", |device| !device.seen.is_empty());

        let (from, kind, code, _) = error_of(&device.seen[0]);
        assert_eq!((from, kind, code), (ip(SERVER), 3, 10));
    });
}
