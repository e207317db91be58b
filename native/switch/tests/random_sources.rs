//! Requirement T17 at length: a million sources against the plain lists of who owns what.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that is wrong should say so at once"
)]
mod chance;
mod world;

use std::net::IpAddr;

use chance::Chance;
use culvert_switch::config::{Config, Device, PeerHandle};
use world::World;
use world::configuration::*;
use world::packets::*;

const CASES: u32 = 1_000_000;
const CASES_A_CONFIGURATION: u32 = 500;
/// Of each family, among all devices.
const ADDRESSES: usize = 12;

/// Addresses go from device to device; a packet passes this check when its source is in its sender's list at this moment, and
/// else not.
#[test]
fn of_a_million_packets_those_pass_whose_source_is_in_their_senders_list() {
    let mut chance = Chance(17);
    let mut world = World::new(config());
    let mut devices = vec![];
    let mut counts = [0; 2];
    for case in 0..CASES {
        if case.is_multiple_of(CASES_A_CONFIGURATION) {
            devices = draw_devices(&mut chance);
            world.configure(Config {
                devices: devices.clone(),
                ..config()
            });
        }
        let sender = &devices[chance.below(devices.len())];
        let source = draw_source(&mut chance);

        let stopped = world.stopped(sender.handle, &datagram_from(source));

        let is_own = sender.addresses.contains(&source);
        assert_eq!(
            stopped != Some("spoofed-source"),
            is_own,
            "{} as {source}: {stopped:?}",
            sender.id
        );
        counts[usize::from(is_own)] += 1;
    }

    assert!(counts.iter().all(|count| *count > 100_000), "{counts:?}");
}

/// Two to six; some addresses are nobody's.
fn draw_devices(chance: &mut Chance) -> Vec<Device> {
    let numbers = 0..2 + chance.below(5);
    let mut devices: Vec<Device> = numbers
        .map(|number| device(PeerHandle(100 + number as u32), &format!("d{number}"), &[]))
        .collect();
    for number in 0..ADDRESSES {
        for address in [format!("100.96.0.{number}"), format!("fd00::{number:x}")] {
            let owner = chance.below(devices.len() + 1);
            if let Some(device) = devices.get_mut(owner) {
                device.addresses.push(ip(&address));
            }
        }
    }
    devices
}

/// One of those, or, one time in four, one of those with a bit turned.
fn draw_source(chance: &mut Chance) -> IpAddr {
    let number = chance.below(ADDRESSES);
    let turned = match chance.below(4) {
        0 => 1_u128 << chance.below(128),
        _ => 0,
    };
    match chance.below(2) {
        0 => IpAddr::from(((0x6460_0000 + number as u32) ^ turned as u32).to_be_bytes()),
        _ => IpAddr::from((((0xfd00 << 112) + number as u128) ^ turned).to_be_bytes()),
    }
}

fn datagram_from(source: IpAddr) -> Vec<u8> {
    let ports = [0x9c, 0x40, 0, 53, 0, 8, 0, 0];
    match source {
        IpAddr::V4(source) => {
            let mut packet = vec![0x45, 0, 0, 28, 0, 0, 0x40, 0, 64, 17, 0, 0];
            packet.extend(source.octets());
            packet.extend([192, 168, 0, 10]);
            fix_ipv4_checksum(&mut packet);
            packet.extend(ports);
            packet
        }
        IpAddr::V6(source) => {
            let mut packet = vec![0x60, 0, 0, 0, 0, 8, 17, 64];
            packet.extend(source.octets());
            packet.extend([0xfd, 0x10, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10]);
            packet.extend(ports);
            packet
        }
    }
}
