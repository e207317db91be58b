//! Requirement T19: packets made to be read in two ways. None may pass, and none may upset the switch.
mod crafted;
mod world;

use crafted::crafted_packets;
use world::World;
use world::configuration::*;

#[test]
fn no_crafted_packet_passes_and_each_is_counted_by_its_reason() {
    for (name, packet, reason) in crafted_packets() {
        let mut world = World::new(config());

        assert_eq!(world.stopped(LAPTOP, &packet), Some(reason), "{name}");

        assert_eq!(
            world.switch.drops().iter().collect::<Vec<_>>(),
            [(reason, 1)],
            "{name}"
        );
        assert_eq!(world.switch.flow_count(), 0, "{name}");
    }
}
