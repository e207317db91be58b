//! Flows: how they begin, who may send on them, when they end by themselves, and how many there may be.
#![allow(
    clippy::indexing_slicing,
    reason = "a test that is wrong should say so at once"
)]
mod world;

use culvert_switch::switch::FlowLimits;
use world::World;
use world::configuration::*;
use world::packets::*;

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
