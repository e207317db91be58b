//! Requirement T17: nobody sends in another's name.
mod foreign;
mod world;

use culvert_switch::switch::Verdict;
use foreign::FOREIGN_SOURCES;
use world::World;
use world::configuration::*;
use world::packets::*;

#[test]
fn no_source_but_the_devices_own_addresses_passes() {
    let mut world = World::new(config());

    for source in FOREIGN_SOURCES {
        let to = if ip(source).is_ipv4() {
            "192.168.0.10"
        } else {
            "fd10::10"
        };
        for packet in [
            tcp(source, to, (40000, 22), SYN),
            tcp(source, to, (40000, 22), ACK),
            udp(source, to, (40000, 53)),
            echo_request(source, to, 1),
            icmp_error(source, to, &udp(to, source, (53, 40000))),
        ] {
            let stopped = world.stopped(LAPTOP, &packet);
            assert_eq!(stopped, Some("spoofed-source"), "from {source}");
        }
    }

    let drops: Vec<_> = world.switch.drops().iter().collect();
    assert_eq!(
        drops,
        [("spoofed-source", 5 * FOREIGN_SOURCES.len() as u64)]
    );
    assert_eq!(world.switch.flow_count(), 0);
}

#[test]
fn both_of_a_devices_own_addresses_pass() {
    let mut world = World::new(config());

    world.forwarded(LAPTOP, &tcp("100.96.0.7", "192.168.0.10", (40000, 22), SYN));
    world.forwarded(LAPTOP, &tcp("fd00::7", "fd10::10", (40000, 22), SYN));
}

#[test]
fn an_address_that_moved_to_another_device_takes_no_flow_along() {
    let mut world = World::new(config());
    let packet = udp("100.96.0.7", "192.168.0.10", (40000, 53));
    let connector = world.forwarded(LAPTOP, &packet);

    let mut moved = config();
    moved.devices = vec![device(PHONE, "phone", &["100.96.0.7"])];
    world.configure(moved);

    let back = udp("192.168.0.10", "100.96.0.7", (53, 40000));
    assert_eq!(world.stopped(connector, &back), Some("denied"));
    assert_eq!(world.stopped(LAPTOP, &packet), Some("unknown-peer"));
    world.forwarded(PHONE, &packet);
    assert_eq!(world.forwarded(connector, &back), PHONE);
}

#[test]
fn a_device_reaches_no_overlay_address_even_inside_a_range() {
    let mut wide = config();
    wide.networks[0].ranges.push("0.0.0.0/0".parse().unwrap());
    let mut world = World::new(wide);

    for to in ["100.96.0.8", "100.96.1.1"] {
        let packet = tcp("100.96.0.7", to, (40000, 22), SYN);
        assert_eq!(world.stopped(LAPTOP, &packet), Some("device-to-device"));
    }
    for to in [
        "127.0.0.1",
        "169.254.169.254",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
    ] {
        let packet = udp("100.96.0.7", to, (40000, 80));
        assert_eq!(world.stopped(LAPTOP, &packet), Some("no-route"), "to {to}");
    }
}

#[test]
fn who_tries_a_link_local_address_is_told_at_once_and_no_answer_comes_from_loopback() {
    let mut wide = config();
    wide.networks[0].ranges.push("0.0.0.0/0".parse().unwrap());
    wide.networks[0].ranges.push("::/0".parse().unwrap());
    let mut world = World::new(wide);

    let reset = world.refused(
        LAPTOP,
        &tcp("100.96.0.7", "169.254.169.254", (40000, 80), SYN),
    );
    let error = world.refused(LAPTOP, &udp("100.96.0.7", "169.254.169.254", (40000, 80)));
    let reset_v6 = world.refused(LAPTOP, &tcp("fd00::7", "fe80::1", (40000, 80), SYN));

    for answer in [&reset, &error, &reset_v6] {
        assert_sound(answer);
    }
    assert_eq!((reset[9], reset[33] & RST), (6, RST));
    assert_eq!((error[9], error[20], error[21]), (1, 3, 13));
    assert_eq!((reset_v6[6], reset_v6[53] & RST), (6, RST));
    for silent in ["127.0.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255"] {
        let packet = tcp("100.96.0.7", silent, (40000, 80), SYN);
        assert!(matches!(world.handle(LAPTOP, &packet), Verdict::Drop(_)));
    }
}
