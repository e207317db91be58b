//! UDP, ping and refusals through the NAT.
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

use culvert_netstack::{NatDrop, NatLimits, PingDoor};
use lab::packets::{echo, error_of, fix_header_sum, open, packet, tcp, udp};
use lab::router::Router;
use lab::{CONNECTOR, Device, SERVER, SERVER_V6, at, echo_server, in_a_private_network, ip, run};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

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

#[test]
fn what_the_nat_cannot_read_to_the_last_byte_goes_nowhere() {
    in_a_private_network(|| {
        let mut device = Device::new(RANGES);
        let good = udp(SERVER, 4000, 53, 64, b"?");
        let mut options = good.clone();
        options[0] = 0x46;
        let mut fragment = good.clone();
        // Of the datagram's nine bytes: neither a first piece nor a last one is like that.
        fragment[6] = 0x20;
        fix_header_sum(&mut fragment);
        let mut wrong_sum = good.clone();
        wrong_sum[28] ^= 1;
        let truncated = good[..good.len() - 1].to_vec();
        let extension = packet(SERVER_V6, 43, 64, vec![17, 0, 0, 0, 0, 0, 0, 0], None);
        let gre = packet(SERVER, 47, 64, vec![0; 8], None);
        let port_zero = udp(SERVER, 4000, 0, 64, b"?");

        for bad in [
            options,
            fragment,
            wrong_sum,
            truncated,
            extension,
            gre,
            port_zero,
            vec![],
        ] {
            device.send(&bad);
        }

        let counted: Vec<(&str, u64)> = device.nat.drops().counted().collect();
        assert_eq!(
            counted,
            [
                ("bad-header", 3),
                ("fragment", 1),
                ("ip-options", 2),
                ("unsupported-protocol", 1),
                ("port-zero", 1)
            ]
        );
        assert_eq!(device.nat.flows(), 0);
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

#[test]
fn no_packet_whatsoever_ends_the_nat() {
    in_a_private_network(|| {
        let device = std::cell::RefCell::new(Device::new(RANGES));
        let listener = std::net::TcpListener::bind(at(SERVER, 2222)).unwrap();
        let mut runner = TestRunner::new(ProptestConfig::with_cases(3000));
        let packets = (
            0..4usize,
            any::<u8>(),
            prop::collection::vec(any::<u8>(), 0..120),
        );

        runner
            .run(&packets, |(kind, flags, noise)| {
                let mut device = device.borrow_mut();
                match kind {
                    0 => device.send(&noise),
                    1 => device.send(&packet(SERVER, 6, 64, noise, None)),
                    2 => device.send(&packet(SERVER_V6, 58, 64, noise, None)),
                    // One real connection that gets every combination of flags and any numbers.
                    _ => {
                        let number =
                            |at: usize| u32::from(*noise.get(at).unwrap_or(&0)) << (flags % 25);
                        device.send(&tcp(SERVER, 4000, 2222, 2, 1, 0));
                        device.step();
                        device.send(&tcp(SERVER, 4000, 2222, flags, number(0), number(1)));
                    }
                }
                device.step();
                Ok(())
            })
            .unwrap();
        drop(listener);
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
