//! Congestion marks (RFC 3168) through the NAT.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that is wrong should say so at once"
)]

mod lab;

use std::net::TcpListener;
use std::time::{Duration, Instant};

use culvert_netstack::{Batch, Nat, NatLimits};
use culvert_udp::{Binding, Door, Ecn, Inbox, Outbox, Route};
use lab::device::Device;
use lab::packets::{echo, fix_header_sum, open, tcp, udp};
use lab::{GATEWAY, SERVER, SERVER_V6, at, config, in_a_private_network};

const RANGES: &[&str] = &["10.9.0.0/16", "fd12::/64"];
const MARKS: [Ecn; 4] = [
    Ecn::NotCapable,
    Ecn::Capable1,
    Ecn::Capable0,
    Ecn::CongestionExperienced,
];
const SYN: u8 = 2;
const SYN_ACK: u8 = 0x12;
/// CWR and ECE: with SYN they offer to heed marks.
const OFFER: u8 = 0xc0;

#[test]
fn datagrams_keep_their_mark_there_and_back_whatever_the_one_before_had() {
    in_a_private_network(|| {
        for address in [SERVER, SERVER_V6] {
            let server = Door::bind(&Binding::to(at(address, 0))).unwrap();
            let port = server.local_address().port();
            let mut device = Device::new(RANGES);
            for there in MARKS {
                for back in MARKS {
                    device.seen.clear();
                    let question = udp(address, 4000, port, 64, b"?");
                    device.send(&marked(question, there));
                    answer(&server, there, back, 1);
                    device.until("the answer", |device| !device.seen.is_empty());

                    open(&device.seen[0]);
                    assert_eq!(mark_of(&device.seen[0]), back, "after {there:?}");
                }
            }
        }
    });
}

#[test]
fn an_answer_that_has_to_be_cut_has_its_mark_on_each_piece() {
    in_a_private_network(|| {
        let server = Door::bind(&Binding::to(at(SERVER, 0))).unwrap();
        let mut device = Device::new(RANGES);

        let question = udp(SERVER, 4000, server.local_address().port(), 64, b"?");
        device.send(&question);
        answer(&server, Ecn::NotCapable, Ecn::CongestionExperienced, 3000);
        device.until("three pieces", |device| device.seen.len() == 3);

        let marks: Vec<Ecn> = device.seen.iter().map(|piece| mark_of(piece)).collect();
        assert_eq!(marks, [Ecn::CongestionExperienced; 3]);
    });
}

#[test]
fn a_ping_keeps_its_mark_there_and_back() {
    in_a_private_network(|| {
        for address in [SERVER, SERVER_V6] {
            let mut device = Device::new(RANGES);
            for mark in MARKS {
                device.seen.clear();
                device.send(&marked(echo(address, 7, 1, 64, b"ping"), mark));
                device.until("a reply", |device| !device.seen.is_empty());

                // A host answers with the mark that it was asked with.
                assert_eq!(mark_of(&device.seen[0]), mark);
            }
        }
    });
}

#[test]
fn a_connection_that_offers_to_heed_marks_is_accepted_without_agreeing() {
    in_a_private_network(|| {
        let listener = TcpListener::bind(at(SERVER, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let limits = NatLimits::for_descriptors(1024);
        let mut nat = Nat::new(&config(RANGES), limits, Instant::now()).unwrap();
        let mut out = Batch::default();

        let offer = tcp(SERVER, 4000, port, SYN | OFFER, 1, 0);
        nat.handle_packet(Instant::now(), GATEWAY, &offer, &mut out);
        let deadline = Instant::now() + Duration::from_secs(5);
        while out.is_empty() && Instant::now() < deadline {
            nat.handle_ready(Instant::now(), &mut out);
        }

        let answer = out.packets().next().unwrap().1;
        assert_eq!((answer[33], mark_of(answer)), (SYN_ACK, Ecn::NotCapable));
    });
}

/// Waits for a datagram of this mark, and answers with so many bytes.
fn answer(server: &Door, expected: Ecn, mark: Ecn, bytes: usize) {
    let (mut inbox, mut outbox) = (Inbox::new(1, 0), Outbox::new());
    let deadline = Instant::now() + Duration::from_secs(5);
    while inbox.receive(server).unwrap() == 0 {
        assert!(Instant::now() < deadline, "nothing came");
    }
    let question = inbox.messages().next().unwrap();
    assert_eq!(question.ecn, expected);
    let payload = vec![7; bytes];
    let mut batch = outbox.batch(server);
    batch.push(
        Route {
            ecn: mark,
            ..Route::to(question.from)
        },
        &payload,
    );
    assert_eq!(batch.send().sent, 1);
}

fn marked(mut packet: Vec<u8>, mark: Ecn) -> Vec<u8> {
    if packet[0] >> 4 == 4 {
        packet[1] |= mark.bits();
        fix_header_sum(&mut packet);
    } else {
        packet[1] |= mark.bits() << 4;
    }
    packet
}

fn mark_of(packet: &[u8]) -> Ecn {
    match packet[0] >> 4 {
        4 => Ecn::from_traffic_class(packet[1]),
        _ => Ecn::from_traffic_class(packet[1] >> 4),
    }
}
