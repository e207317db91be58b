//! What the sender of a packet that goes no further hears.
#![allow(
    clippy::indexing_slicing,
    reason = "a test that is wrong should say so at once"
)]
mod world;

use culvert_switch::config::Config;
use culvert_switch::drops::DropReason;
use culvert_switch::switch::Verdict;
use world::World;
use world::configuration::*;
use world::packets::*;

#[test]
fn a_denied_connection_is_reset_and_a_denied_datagram_gets_an_icmp_error() {
    for (device, target) in [(DEVICE, TARGET), ("fd00::7", "fd10::10")] {
        let mut world = World::new(Config {
            rules: vec![],
            ..config()
        });

        let reset = world.refused(LAPTOP, &tcp(device, target, (40000, 22), SYN));
        assert_sound(&reset);
        let (from, to, protocol, segment) = parts(&reset);
        assert_eq!((from, to, protocol), (ip(target), ip(device), 6));
        assert_eq!(segment[..4], [0, 22, 0x9c, 0x40]);
        assert_eq!(
            segment[4..12],
            [0, 0, 0, 0, 0, 0, 0x03, 0xe9],
            "sequence 0 acknowledges 1001"
        );
        assert_eq!(segment[13], RST | ACK);

        let datagram = udp(device, target, (40000, 53));
        let error = world.refused(LAPTOP, &datagram);
        assert_sound(&error);
        let (from, to, protocol, message) = parts(&error);
        assert_eq!((from, to), (ip(target), ip(device)));
        let prohibited = if ip(device).is_ipv4() {
            (1, 3, 13)
        } else {
            (58, 1, 1)
        };
        assert_eq!((protocol, message[0], message[1]), prohibited);
        assert_eq!(message[8..], datagram);

        world.refused(LAPTOP, &echo_request(device, target, 1));
        assert_eq!(world.switch.drops().of(DropReason::Denied), 3);
    }
}

#[test]
fn a_refused_segment_from_the_middle_is_reset_at_the_sequence_it_asks_for() {
    let mut world = World::new(Config {
        rules: vec![],
        ..config()
    });

    let reset = world.refused(LAPTOP, &tcp(DEVICE, TARGET, (40000, 22), ACK));

    assert_sound(&reset);
    let (.., segment) = parts(&reset);
    assert_eq!(segment[4..8], 5000_u32.to_be_bytes());
    assert_eq!(segment[13], RST);
}

#[test]
fn resets_and_errors_are_never_answered() {
    let mut world = World::new(Config {
        rules: vec![],
        ..config()
    });

    for packet in [
        tcp(DEVICE, TARGET, (40000, 22), RST),
        tcp(DEVICE, TARGET, (40000, 22), RST | ACK),
        icmp_error(DEVICE, TARGET, &udp(TARGET, DEVICE, (53, 5000))),
        echo_reply(DEVICE, TARGET, 1),
        udp(DEVICE, "224.0.0.251", (5353, 5353)),
        udp(DEVICE, "255.255.255.255", (68, 67)),
    ] {
        assert!(matches!(world.handle(LAPTOP, &packet), Verdict::Drop(_)));
    }
}

#[test]
fn answers_are_limited_for_each_device_and_drops_still_counted() {
    let mut world = World::new(Config {
        rules: vec![],
        ..config()
    });

    let answered = (1..=1000)
        .filter(|port| {
            let packet = tcp(DEVICE, TARGET, (40000, *port), SYN);
            matches!(world.handle(LAPTOP, &packet), Verdict::Refuse(_))
        })
        .count();

    assert_eq!(answered, 100);
    assert_eq!(world.switch.drops().of(DropReason::Denied), 1000);
    world.refused(PHONE, &tcp("100.96.0.8", TARGET, (40000, 22), SYN));
}

#[test]
fn a_long_quote_is_cut_to_what_every_host_takes() {
    let mut world = World::new(Config {
        rules: vec![],
        mtu: 0,
        ..config()
    });
    let long = icmp(DEVICE, TARGET, 8, 0, 1, &[7; 3000]);
    let long_ipv6 = icmp("fd00::7", "fd10::10", 128, 0, 1, &[7; 3000]);

    for (packet, length) in [(long, 576), (long_ipv6, 1280)] {
        let error = world.refused(LAPTOP, &packet);
        assert_sound(&error);
        assert_eq!(error.len(), length);
    }
}

#[test]
fn a_packet_above_the_mtu_is_answered_with_the_mtu() {
    let mut world = World::new(config());

    let error = world.refused(LAPTOP, &icmp(DEVICE, TARGET, 8, 0, 1, &[7; 1500]));

    let (.., message) = parts(&error);
    assert_eq!(message[..2], [3, 4]);
    assert_eq!(message[6..8], 1420_u16.to_be_bytes());
}
