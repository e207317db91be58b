//! What becomes of flows when connectors are lost, drain and come back.
#![allow(
    clippy::indexing_slicing,
    reason = "a test that is wrong should say so at once"
)]
mod world;

use culvert_switch::drops::DropReason;
use culvert_switch::switch::Verdict;
use world::World;
use world::configuration::*;
use world::packets::*;

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
