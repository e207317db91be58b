//! Datagrams larger than the tunnel, and ways that are narrower than the tunnel.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that is wrong should say so at once"
)]

mod lab;

use std::net::UdpSocket;
use std::thread;

use culvert_netstack::NatDrop;
use lab::device::Device;
use lab::packets::{echo, error_of, fix_header_sum, open, udp};
use lab::pieces::{cut, reassemble};
use lab::router::Router;
use lab::servers::echo_server;
use lab::{CONNECTOR, MTU, SERVER, SERVER_V6, at, in_a_private_network, ip, run};

const RANGES: &[&str] = &["10.9.0.0/16", "fd12::/64"];

#[test]
fn an_answer_larger_than_the_tunnel_arrives_in_fragments_that_make_it_whole_again() {
    in_a_private_network(|| {
        for address in [SERVER, SERVER_V6] {
            let socket = UdpSocket::bind(at(address, 0)).unwrap();
            let port = socket.local_addr().unwrap().port();
            let answer: Vec<u8> = (0..4000u32).map(|number| number as u8).collect();
            let sent = answer.clone();
            thread::spawn(move || {
                let (_, peer) = socket.recv_from(&mut [0; 64]).unwrap();
                socket.send_to(&sent, peer).unwrap();
            });
            let mut device = Device::new(RANGES);

            device.send(&udp(address, 4000, port, 64, b"give"));
            device.until("three fragments", |device| device.seen.len() == 3);

            assert!(device.seen.iter().all(|fragment| fragment.len() <= MTU));
            assert_eq!(reassemble(&device.seen)[8..], answer);
        }
    });
}

#[test]
fn a_datagram_in_pieces_arrives_whole_and_so_does_its_answer() {
    in_a_private_network(|| {
        for address in [SERVER, SERVER_V6] {
            let port = echo_server(address);
            let mut device = Device::new(RANGES);
            let sent: Vec<u8> = (0..5000u32).map(|number| (number / 3) as u8).collect();
            let mut pieces = cut(&udp(address, 4000, port, 64, &sent), 1368);
            pieces.reverse();

            for piece in &pieces {
                assert!(device.seen.is_empty());
                device.send(piece);
            }
            device.until("four pieces", |device| device.seen.len() == 4);

            assert_eq!(reassemble(&device.seen)[8..], sent);
        }
    });
}

#[test]
fn a_large_ping_in_pieces_is_answered() {
    in_a_private_network(|| {
        for address in [SERVER, SERVER_V6] {
            let mut device = Device::new(RANGES);
            let sent: Vec<u8> = (0..20_000u32).map(|number| (number / 3) as u8).collect();

            for piece in cut(&echo(address, 7, 1, 64, &sent), 1368) {
                device.send(&piece);
            }
            device.until("fifteen pieces", |device| device.seen.len() == 15);

            let head = if address == SERVER { 20 } else { 48 };
            let got: Vec<u8> = device
                .seen
                .iter()
                .flat_map(|piece| &piece[head..])
                .copied()
                .collect();
            assert_eq!(got[4..8], [0, 7, 0, 1]);
            assert_eq!(got[8..], sent);
        }
    });
}

#[test]
fn pieces_that_nothing_follows_are_forgotten_and_open_nothing() {
    in_a_private_network(|| {
        let mut device = Device::new(RANGES);
        let pieces = cut(&udp(SERVER, 4000, 9, 64, &[7; 3000]), 1368);

        device.send(&pieces[0]);
        device.send(&pieces[2]);
        assert!(device.nat.poll_timeout().is_some());
        device.ahead = std::time::Duration::from_secs(31);
        device.step();
        assert_eq!(device.nat.poll_timeout(), None);
        device.send(&pieces[1]);

        assert_eq!((device.nat.flows(), device.seen.len()), (0, 0));
    });
}

#[test]
fn pieces_that_overlap_and_pieces_of_strangers_are_counted_and_go_nowhere() {
    in_a_private_network(|| {
        let mut device = Device::new(RANGES);
        let whole = udp(SERVER, 4000, 9, 64, &[7; 3000]);
        let mut stranger = cut(&whole, 1368)[0].clone();
        stranger[12..16].copy_from_slice(&[10, 9, 0, 10]);
        fix_header_sum(&mut stranger);

        device.send(&cut(&whole, 1368)[0]);
        device.send(&cut(&whole, 1360)[1]);
        device.send(&stranger);

        let counted: Vec<(&str, u64)> = device.nat.drops().counted().collect();
        assert_eq!(counted, [("fragment", 1), ("spoofed-source", 1)]);
    });
}

#[test]
fn who_asks_not_to_be_cut_hears_how_narrow_the_way_is() {
    in_a_private_network(|| {
        run("ip link set lo mtu 1300");
        for (address, kind, code, at) in [(SERVER, 3, 4, 6), (SERVER_V6, 2, 0, 4)] {
            let port = echo_server(address);
            let mut device = Device::new(RANGES);
            let datagram = udp(address, 4000, port, 64, &[7; 1320]);

            for (packet, already) in [(&datagram, 0), (&echo(address, 7, 1, 64, &[7; 1320]), 1)] {
                device.send(packet);
                device.until("an answer", |device| device.seen.len() > already);
                let (from, told, why, _) = error_of(&device.seen[already]);
                let own = if kind == 3 { CONNECTOR } else { "fd5a::2" };
                assert_eq!((from, told, why), (ip(own), kind, code));
                let (_, _, message) = open(&device.seen[already]);
                assert_eq!(
                    message[at..8]
                        .iter()
                        .fold(0, |mtu, byte| mtu << 8 | u32::from(*byte)),
                    1300
                );
            }
            assert_eq!(device.nat.drops().of(NatDrop::SendFailed), 0);
        }
    });
}

#[test]
fn who_may_be_cut_gets_through_a_narrow_way() {
    in_a_private_network(|| {
        run("ip link set lo mtu 1300");
        let port = echo_server(SERVER);
        let mut device = Device::new(RANGES);
        let mut datagram = udp(SERVER, 4000, port, 64, &[7; 1320]);
        datagram[6] = 0;
        fix_header_sum(&mut datagram);

        device.send(&datagram);
        device.until("an echo", |device| !device.seen.is_empty());

        assert_eq!(open(&device.seen[0]).2[8..], [7; 1320]);
    });
}

#[test]
fn the_hop_limit_of_a_reply_tells_how_far_away_the_target_is() {
    in_a_private_network(|| {
        let _far = Router::new();
        let mut device = Device::new(&["10.7.0.0/16"]);
        let mut left = Vec::new();
        for target in ["10.7.0.2", "10.7.1.2"] {
            device.seen.clear();
            device.send(&echo(target, 7, 1, 64, b"?"));
            device.until("an answer", |device| !device.seen.is_empty());
            left.push(device.seen[0][8]);
        }

        assert_eq!(left, [63, 62]);
    });
}
