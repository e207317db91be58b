//! Flows: how they begin, who may send on them, what ends them, and what the ends are told.
#![allow(
    clippy::indexing_slicing,
    reason = "a test that is wrong should say so at once"
)]
mod world;

use culvert_switch::config::*;
use culvert_switch::drops::DropReason;
use culvert_switch::switch::{FlowLimits, Verdict};
use world::*;

const DEVICE: &str = "100.96.0.7";
const TARGET: &str = "192.168.0.10";

#[test]
fn a_connection_passes_both_ways_through_one_connector() {
    let mut world = World::new(config());
    let ports = (40000, 22);

    let connector = world.forwarded(LAPTOP, &tcp(DEVICE, TARGET, ports, SYN));

    assert!(connector == TOKYO_A || connector == TOKYO_B);
    let answer = tcp(TARGET, DEVICE, (22, 40000), SYN | ACK);
    assert_eq!(world.forwarded(connector, &answer), LAPTOP);
    assert_eq!(
        world.forwarded(LAPTOP, &tcp(DEVICE, TARGET, ports, ACK)),
        connector
    );
    assert_eq!(world.switch.flow_count(), 1);
}

#[test]
fn udp_and_echo_pass_both_ways_in_both_families() {
    for (device, target) in [(DEVICE, TARGET), ("fd00::7", "fd10::10")] {
        let mut world = World::new(config());

        let connector = world.forwarded(LAPTOP, &udp(device, target, (5000, 53)));
        assert_eq!(
            world.forwarded(connector, &udp(target, device, (53, 5000))),
            LAPTOP
        );

        let connector = world.forwarded(LAPTOP, &echo_request(device, target, 9));
        assert_eq!(
            world.forwarded(connector, &echo_reply(target, device, 9)),
            LAPTOP
        );
        assert_eq!(
            world.stopped(connector, &echo_request(target, device, 9)),
            Some("no-flow")
        );
    }
}

#[test]
fn a_connector_opens_nothing_and_answers_only_its_own_flows() {
    let mut world = World::new(config());
    let connector = world.forwarded(LAPTOP, &udp(DEVICE, TARGET, (5000, 53)));
    let other = if connector == TOKYO_A {
        TOKYO_B
    } else {
        TOKYO_A
    };
    let answer = udp(TARGET, DEVICE, (53, 5000));

    assert_eq!(world.stopped(other, &answer), Some("wrong-connector"));
    assert_eq!(world.stopped(OSAKA, &answer), Some("no-flow"));
    for unasked in [
        tcp(TARGET, DEVICE, (22, 40000), SYN),
        tcp(TARGET, DEVICE, (22, 40000), ACK),
        udp(TARGET, DEVICE, (53, 5001)),
        udp("192.168.0.11", DEVICE, (53, 5000)),
        udp(TARGET, "100.96.0.8", (53, 5000)),
        udp("100.96.0.8", DEVICE, (53, 5000)),
        echo_request(TARGET, DEVICE, 1),
        echo_reply(TARGET, DEVICE, 1),
    ] {
        assert_eq!(world.stopped(connector, &unasked), Some("no-flow"));
    }
    let connection = world.forwarded(LAPTOP, &tcp(DEVICE, TARGET, (40000, 22), SYN));
    let back = tcp(TARGET, DEVICE, (22, 40000), SYN);
    assert_eq!(
        world.stopped(connection, &back),
        Some("no-flow"),
        "a SYN back is no answer"
    );
}

#[test]
fn an_icmp_error_passes_only_about_a_flow_and_only_to_its_device() {
    let mut world = World::new(config());
    let sent = udp(DEVICE, TARGET, (5000, 53));
    let connector = world.forwarded(LAPTOP, &sent);

    // From the target and from a router on the way (traceroute).
    for router in [TARGET, "10.1.1.1", "100.96.1.1"] {
        assert_eq!(
            world.forwarded(connector, &icmp_error(router, DEVICE, &sent)),
            LAPTOP
        );
    }
    assert_eq!(
        world.forwarded(connector, &icmp_error(TARGET, DEVICE, &sent[..28])),
        LAPTOP
    );
    for (name, error) in [
        (
            "about another port",
            icmp_error(TARGET, DEVICE, &udp(DEVICE, TARGET, (5001, 53))),
        ),
        ("to another device", icmp_error(TARGET, "100.96.0.8", &sent)),
        (
            "in a device's name",
            icmp_error("100.96.0.8", DEVICE, &sent),
        ),
        ("from loopback", icmp_error("127.0.0.1", DEVICE, &sent)),
        ("too short to tell", icmp_error(TARGET, DEVICE, &sent[..24])),
    ] {
        assert_eq!(world.stopped(connector, &error), Some("no-flow"), "{name}");
    }
    // A device may say that it does not want an answer.
    let answer = udp(TARGET, DEVICE, (53, 5000));
    assert_eq!(
        world.forwarded(LAPTOP, &icmp_error(DEVICE, TARGET, &answer)),
        connector
    );
    let other = udp(TARGET, DEVICE, (53, 5001));
    assert_eq!(
        world.stopped(LAPTOP, &icmp_error(DEVICE, TARGET, &other)),
        Some("no-flow")
    );
}

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

#[test]
fn flows_survive_a_configuration_that_still_allows_them() {
    let mut world = World::new(config());
    let packet = tcp(DEVICE, TARGET, (40000, 22), SYN);
    let connector = world.forwarded(LAPTOP, &packet);

    let mut changed = config();
    changed.rules.insert(
        0,
        Rule {
            ports: vec![(80, 443)],
            ..block("web", &["everyone"])
        },
    );
    world.configure(changed);

    assert_eq!(world.notices(), []);
    assert_eq!(world.switch.flow_count(), 1);
    let answer = tcp(TARGET, DEVICE, (22, 40000), SYN | ACK);
    assert_eq!(world.forwarded(connector, &answer), LAPTOP);
}

#[test]
fn a_flow_that_the_new_rules_block_is_cut_at_once_for_either_end() {
    for is_device_first in [true, false] {
        let mut world = World::new(config());
        let connector = world.forwarded(LAPTOP, &tcp(DEVICE, TARGET, (40000, 22), SYN));
        let answer = tcp(TARGET, DEVICE, (22, 40000), SYN | ACK);
        world.forwarded(connector, &answer);

        world.configure(Config {
            rules: vec![block("no", &["device:laptop"])],
            ..config()
        });

        let (first, packet) = match is_device_first {
            true => (LAPTOP, tcp(DEVICE, TARGET, (40000, 22), ACK)),
            false => (connector, answer),
        };
        let other = if is_device_first { connector } else { LAPTOP };
        let reset = world.refused(first, &packet);
        assert_sound(&reset);
        assert_eq!(world.switch.flow_count(), 0);
        let told: Vec<_> = world.notices().into_iter().map(|(to, _)| to).collect();
        assert_eq!(told, [other]);
    }
}

#[test]
fn a_sweep_cuts_silent_connections_and_tells_both_ends_with_the_right_sequence() {
    let mut world = World::new(config());
    let connector = world.forwarded(
        LAPTOP,
        &segment(DEVICE, TARGET, (40000, 22), SYN, 100, 0, b""),
    );
    world.forwarded(
        connector,
        &segment(TARGET, DEVICE, (22, 40000), SYN | ACK, 700, 101, b""),
    );
    world.forwarded(
        LAPTOP,
        &segment(DEVICE, TARGET, (40000, 22), ACK, 101, 701, b"hello"),
    );
    world.forwarded(
        connector,
        &segment(TARGET, DEVICE, (22, 40000), ACK, 701, 106, b""),
    );
    world.forwarded(PHONE, &tcp("100.96.0.8", TARGET, (40000, 22), SYN));

    world.configure(Config {
        rules: vec![allow("phone", &["device:phone"])],
        ..config()
    });
    let notices = world.notices();

    assert_eq!(world.switch.flow_count(), 1, "the phone's lives");
    assert_eq!(
        notices.iter().map(|(to, _)| *to).collect::<Vec<_>>(),
        [LAPTOP, connector]
    );
    for ((_, reset), (source, sequence)) in notices.iter().zip([(TARGET, 701), (DEVICE, 106_u32)]) {
        assert_sound(reset);
        let (from, _, _, segment) = parts(reset);
        assert_eq!(from, ip(source));
        assert_eq!(segment[4..8], sequence.to_be_bytes());
        assert_eq!(segment[13], RST);
    }
}

#[test]
fn a_removed_device_is_cut_and_only_its_connector_told() {
    let mut world = World::new(config());
    let connector = world.forwarded(LAPTOP, &tcp(DEVICE, TARGET, (40000, 22), SYN));

    let mut without = config();
    without.devices.remove(0);
    world.configure(without);

    let told: Vec<_> = world.notices().into_iter().map(|(to, _)| to).collect();
    assert_eq!(told, [connector]);
    assert_eq!(world.switch.flow_count(), 0);
    let answer = tcp(TARGET, DEVICE, (22, 40000), SYN | ACK);
    assert_eq!(world.stopped(connector, &answer), Some("no-flow"));
}

#[test]
fn a_device_whose_time_is_over_is_cut_without_any_configuration() {
    let mut until = config();
    until.devices[0].expires_at_unix_ms = Some(1_700_000_060_000);
    let mut world = World::new(until);
    let packet = tcp(DEVICE, TARGET, (40000, 22), SYN);
    let connector = world.forwarded(LAPTOP, &packet);
    let answer = tcp(TARGET, DEVICE, (22, 40000), SYN | ACK);
    world.wait(30_000);
    world.forwarded(connector, &answer);

    assert_eq!(
        world.switch.poll_timeout(world.now).unwrap(),
        world.now.monotonic_ms
    );
    world.notices();
    assert_eq!(
        world.switch.poll_timeout(world.now).unwrap(),
        world.now.monotonic_ms + 30_000
    );
    world.wait(30_000);

    assert_eq!(world.stopped(LAPTOP, &packet), Some("expired"));
    assert_eq!(
        world.stopped(connector, &answer),
        Some("denied"),
        "even before the timer"
    );
    assert_eq!(world.notices(), []);
    assert_eq!(world.switch.flow_count(), 0);
}

#[test]
fn when_a_connector_is_lost_connections_are_reset_and_datagrams_move() {
    let mut world = World::new(config());
    let (connection, datagram) = (
        tcp(DEVICE, TARGET, (40000, 22), SYN),
        udp(DEVICE, TARGET, (5000, 53)),
    );
    let (first, second) = (
        world.forwarded(LAPTOP, &connection),
        world.forwarded(LAPTOP, &datagram),
    );
    for lost in [first, second] {
        world.switch.set_session(lost, false, world.now);
        world.switch.set_session(
            if lost == TOKYO_A { TOKYO_B } else { TOKYO_A },
            true,
            world.now,
        );

        let moved = world.forwarded(LAPTOP, &datagram);

        assert!(moved != lost && moved != OSAKA);
        let from_the_middle = tcp(DEVICE, TARGET, (40000, 22), ACK);
        if lost == first {
            assert_sound(&world.refused(LAPTOP, &from_the_middle));
        }
        world.switch.set_session(lost, true, world.now);
    }
}

#[test]
fn a_silent_download_is_reset_by_the_sweep_when_its_connector_is_lost() {
    let mut world = World::new(config());
    let connector = world.forwarded(LAPTOP, &tcp(DEVICE, TARGET, (40000, 80), SYN));
    world.forwarded(connector, &tcp(TARGET, DEVICE, (80, 40000), SYN | ACK));

    world.switch.set_session(connector, false, world.now);

    let told: Vec<_> = world.notices().into_iter().map(|(to, _)| to).collect();
    assert_eq!(told, [LAPTOP]);
}

#[test]
fn without_any_connector_a_new_connection_hears_that_the_host_is_unreachable() {
    let mut world = World::new(config());
    for connector in [TOKYO_A, TOKYO_B] {
        world.switch.set_session(connector, false, world.now);
    }

    let error = world.refused(LAPTOP, &tcp(DEVICE, TARGET, (40000, 22), SYN));

    assert_sound(&error);
    let (_, _, protocol, message) = parts(&error);
    assert_eq!((protocol, &message[..2]), (1, &[3, 1][..]));
    // One from before a restart waits for its connector instead.
    let old = world.handle(LAPTOP, &tcp(DEVICE, TARGET, (40001, 22), ACK));
    assert_eq!(old, Verdict::Drop(DropReason::NoConnector));
}

#[test]
fn a_draining_connector_keeps_its_flows_and_gets_no_new_ones() {
    let mut world = World::new(config());
    let connector = world.forwarded(LAPTOP, &tcp(DEVICE, TARGET, (40000, 22), SYN));
    let mut draining = config();
    for candidate in &mut draining.connectors {
        candidate.is_healthy = candidate.handle != connector;
    }
    world.configure(draining);

    assert_eq!(world.notices(), []);
    assert_eq!(
        world.forwarded(LAPTOP, &tcp(DEVICE, TARGET, (40000, 22), ACK)),
        connector
    );
    for port in 1..200 {
        assert_ne!(
            world.forwarded(LAPTOP, &udp(DEVICE, TARGET, (5000, port))),
            connector
        );
    }
}

#[test]
fn a_connector_that_comes_back_has_to_stay_half_a_minute_first() {
    let mut world = World::new(config());
    world.switch.set_session(TOKYO_A, false, world.now);
    world.switch.set_session(TOKYO_A, true, world.now);
    let carried = |world: &mut World, ports: std::ops::Range<u16>| {
        ports
            .filter(|port| world.forwarded(LAPTOP, &udp(DEVICE, TARGET, (5000, *port))) == TOKYO_A)
            .count()
    };

    assert_eq!(carried(&mut world, 1..200), 0);
    world.wait(30_000);
    assert!(carried(&mut world, 200..400) > 50);
}

#[test]
fn a_flow_ends_when_its_patience_does() {
    let cases = [
        (
            "udp without an answer",
            udp(DEVICE, TARGET, (5000, 53)),
            None,
            30_000,
        ),
        (
            "udp with one",
            udp(DEVICE, TARGET, (5000, 53)),
            Some(udp(TARGET, DEVICE, (53, 5000))),
            180_000,
        ),
        ("a SYN", tcp(DEVICE, TARGET, (5000, 22), SYN), None, 60_000),
        (
            "a refused connection",
            tcp(DEVICE, TARGET, (5000, 22), SYN),
            Some(tcp(TARGET, DEVICE, (22, 5000), RST | ACK)),
            10_000,
        ),
        (
            "a connection",
            tcp(DEVICE, TARGET, (5000, 22), SYN),
            Some(tcp(TARGET, DEVICE, (22, 5000), SYN | ACK)),
            86_400_000,
        ),
    ];
    for (name, packet, answer, patience_ms) in cases {
        let mut world = World::new(config());
        let connector = world.forwarded(LAPTOP, &packet);
        if let Some(answer) = answer {
            world.forwarded(connector, &answer);
        }
        world.notices();
        assert_eq!(
            world.switch.poll_timeout(world.now),
            Some(world.now.monotonic_ms + patience_ms),
            "{name}"
        );

        world.wait(patience_ms - 1);
        world.switch.handle_timeout(world.now);
        assert_eq!(world.switch.flow_count(), 1, "{name}");

        world.wait(1);
        world.switch.handle_timeout(world.now);
        assert_eq!(world.switch.flow_count(), 0, "{name}");
    }
}

#[test]
fn a_connection_that_both_ends_close_is_soon_forgotten_and_its_port_usable_again() {
    let mut world = World::new(config());
    let connector = world.forwarded(LAPTOP, &tcp(DEVICE, TARGET, (5000, 22), SYN));
    world.forwarded(connector, &tcp(TARGET, DEVICE, (22, 5000), SYN | ACK));
    world.forwarded(LAPTOP, &tcp(DEVICE, TARGET, (5000, 22), FIN | ACK));
    world.wait(3_000_000);
    world.forwarded(connector, &tcp(TARGET, DEVICE, (22, 5000), ACK));
    world.forwarded(connector, &tcp(TARGET, DEVICE, (22, 5000), FIN | ACK));

    world.forwarded(LAPTOP, &tcp(DEVICE, TARGET, (5000, 22), SYN));
    world.forwarded(connector, &tcp(TARGET, DEVICE, (22, 5000), SYN | ACK));

    world.wait(3_600_000);
    world.switch.handle_timeout(world.now);
    assert_eq!(world.switch.flow_count(), 1);
}

#[test]
fn a_device_with_too_many_flows_loses_its_own_oldest_and_nobody_elses() {
    let limits = FlowLimits {
        per_device: 10,
        overall: 15,
    };
    let mut world = World::with_limits(config(), limits);
    world.forwarded(PHONE, &udp("100.96.0.8", TARGET, (1, 53)));
    let mut connectors = vec![];
    for port in 1..=12 {
        world.wait(1000);
        connectors.push(world.forwarded(LAPTOP, &udp(DEVICE, TARGET, (port, 53))));
    }

    assert_eq!(world.switch.flow_count(), 11);
    for (port, connector) in (1..=12).zip(connectors) {
        let answer = udp(TARGET, DEVICE, (53, port));
        let expected = (port <= 2).then_some("no-flow");
        assert_eq!(world.stopped(connector, &answer), expected, "port {port}");
    }
    for port in 2..=10 {
        world.stopped(PHONE, &udp("100.96.0.8", TARGET, (port, 53)));
    }
    assert_eq!(world.switch.flow_count(), 15);
}

#[test]
fn a_stranger_to_a_full_table_is_turned_away() {
    let limits = FlowLimits {
        per_device: 10,
        overall: 10,
    };
    let mut world = World::with_limits(config(), limits);
    for port in 1..=10 {
        world.forwarded(LAPTOP, &udp(DEVICE, TARGET, (port, 53)));
    }

    let stopped = world.stopped(PHONE, &udp("100.96.0.8", TARGET, (1, 53)));

    assert_eq!(stopped, Some("flow-table-full"));
    world.forwarded(LAPTOP, &udp(DEVICE, TARGET, (11, 53)));
}

#[test]
fn a_connection_from_before_a_restart_goes_on_through_the_same_connector() {
    let mut before = World::new(config());
    let packet = |port| tcp(DEVICE, TARGET, (port, 22), ACK);
    let connectors: Vec<_> = (1..100)
        .map(|port| before.forwarded(LAPTOP, &packet(port)))
        .collect();

    let mut after = World::new(config());
    let again: Vec<_> = (1..100)
        .map(|port| after.forwarded(LAPTOP, &packet(port)))
        .collect();

    assert_eq!(connectors, again);
    assert!(connectors.contains(&TOKYO_A) && connectors.contains(&TOKYO_B));
}
