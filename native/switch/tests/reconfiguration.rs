//! What a new configuration, or a device's end, does to flows, and what their ends are told.
#![allow(
    clippy::indexing_slicing,
    reason = "a test that is wrong should say so at once"
)]
mod world;

use culvert_switch::config::{Config, Rule};
use world::World;
use world::configuration::*;
use world::packets::*;

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
