//! How TCP connections through the NAT begin, or do not, against real servers.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that is wrong should say so at once"
)]

mod lab;

use std::io::{Read, Write};
use std::thread;
use std::time::Duration;

use culvert_netstack::{NatDrop, NatLimits};
use lab::device::Device;
use lab::packets::{error_of, tcp as segment};
use lab::servers::{serve, serve_many};
use lab::{CONNECTOR, SERVER, SERVER_V6, at, in_a_private_network, ip, run};
use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp::State;

const RANGES: &[&str] = &["10.9.0.0/16", "fd12::/64"];
const SYN: u8 = 2;
const ACK: u8 = 16;

#[test]
fn an_open_port_answers_in_both_families() {
    in_a_private_network(|| {
        for address in [SERVER, SERVER_V6] {
            let port = serve(address, |mut peer| {
                let mut line = [0; 5];
                peer.read_exact(&mut line).unwrap();
                peer.write_all(&line).unwrap();
            });
            let mut device = Device::new(RANGES);
            let handle = device.dial(at(address, port));

            device.until("established", |device| device.tcp(handle).may_send());
            device.tcp(handle).send_slice(b"hello").unwrap();

            device.until("echo", |device| device.tcp(handle).recv_queue() == 5);
        }
    });
}

#[test]
fn a_closed_port_is_refused_without_any_syn_ack() {
    in_a_private_network(|| {
        for address in [SERVER, SERVER_V6] {
            let mut device = Device::new(RANGES);
            let handle = device.dial(at(address, 7));

            device.until("refused", |device| {
                device.tcp(handle).state() == State::Closed
            });

            assert_eq!(
                (device.resets, device.syn_acks, device.nat.flows()),
                (1, 0, 0)
            );
        }
    });
}

#[test]
fn a_filtered_port_stays_silent_until_the_target_is_given_up() {
    in_a_private_network(|| {
        run("nft add table inet filter");
        run("nft add chain inet filter input { type filter hook input priority 0 ; }");
        run("nft add rule inet filter input tcp dport 9 drop");
        let mut device = Device::new(RANGES);
        device.send(&segment(SERVER, 4000, 9, SYN, 1, 0));
        thread::sleep(Duration::from_millis(50));
        device.step();
        assert_eq!(
            (device.resets, device.syn_acks, device.seen.len()),
            (0, 0, 0)
        );

        device.ahead = Duration::from_secs(31);
        device.until("an answer", |device| !device.seen.is_empty());

        let (from, kind, code, quoted) = error_of(&device.seen[0]);
        assert_eq!((from, kind, code), (ip(CONNECTOR), 3, 1));
        assert_eq!(quoted, segment(SERVER, 4000, 9, SYN, 1, 0));
        assert_eq!(device.nat.flows(), 0);
    });
}

#[test]
fn unreachable_and_prohibited_targets_are_told_apart() {
    in_a_private_network(|| {
        run("nft add table inet filter");
        run("nft add chain inet filter input { type filter hook input priority 0 ; }");
        run("nft add rule inet filter input tcp dport 10 reject with icmp type admin-prohibited");
        let mut device = Device::new(&["10.9.0.0/16", "10.8.0.0/16", "fd12::/64"]);
        let cases = [
            ("10.9.1.1", 22, CONNECTOR, 1),
            ("10.9.2.1", 22, CONNECTOR, 13),
            ("10.8.0.1", 22, CONNECTOR, 0),
            (SERVER, 10, SERVER, 13),
        ];

        for (target, port, from, code) in cases {
            device.seen.clear();
            device.send(&segment(target, 4000, port, SYN, 1, 0));
            device.until("an answer", |device| !device.seen.is_empty());

            let (speaker, kind, told, _) = error_of(&device.seen[0]);
            assert_eq!(
                (speaker, kind, told),
                (ip(from), 3, code),
                "{target}:{port}"
            );
        }
        assert_eq!((device.resets, device.syn_acks), (0, 0));
    });
}

#[test]
fn a_full_table_refuses_at_once_and_has_room_again_later() {
    in_a_private_network(|| {
        let port = serve_many(SERVER, |mut peer| drop(peer.read(&mut [0; 1])));
        let limits = NatLimits {
            flows: 8,
            flows_per_device: 4,
        };
        let mut device = Device::with_limits(RANGES, limits);
        let handles: Vec<SocketHandle> = (0..4).map(|_| device.dial(at(SERVER, port))).collect();
        device.until("four open", |device| {
            handles.iter().all(|handle| device.tcp(*handle).may_send())
        });

        device.send(&segment(SERVER, 4000, port, SYN, 1, 0));

        assert_eq!(error_of(&device.seen[0]).1, 3);
        assert_eq!(
            (
                device.nat.flows(),
                device.nat.drops().of(NatDrop::DeviceFull)
            ),
            (4, 1)
        );
        device.tcp(handles[0]).close();
        device.until("one closed", |device| device.nat.flows() == 3);
        device.send(&segment(SERVER, 4001, port, SYN, 1, 0));
        assert_eq!(device.nat.flows(), 4);
    });
}

#[test]
fn a_segment_of_an_unknown_connection_is_reset() {
    in_a_private_network(|| {
        let mut device = Device::new(RANGES);

        device.send(&segment(SERVER, 4000, 22, ACK, 77, 99));

        assert_eq!(
            (device.resets, device.nat.drops().of(NatDrop::NoFlow)),
            (1, 1)
        );
    });
}
