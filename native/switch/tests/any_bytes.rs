//! Whatever bytes come, from whomever: the switch survives them, and none pass in another's name.
#![allow(
    clippy::indexing_slicing,
    reason = "a test that is wrong should say so at once"
)]
mod world;

use culvert_switch::config::PeerHandle;
use proptest::prelude::*;
use world::World;
use world::configuration::*;
use world::packets::*;

proptest! {
    /// A packet that is only looked at must never bring the gateway down.
    #[test]
    fn any_bytes_from_anybody_are_survived(
        bytes in proptest::collection::vec(any::<u8>(), 0..120),
        from in 0_u32..15,
    ) {
        let mut world = World::new(config());

        world.handle(PeerHandle(from), &bytes);
    }

    #[test]
    fn a_good_packet_with_any_byte_changed_never_passes_as_somebody_elses(
        at in 0_usize..48,
        value in any::<u8>(),
    ) {
        let mut packet = udp(DEVICE, TARGET, (40000, 53));
        packet.resize(packet.len().max(at + 1), 0);
        packet[at] = value;
        let mut world = World::new(config());

        if world.stopped(LAPTOP, &packet).is_none() {
            let (source, ..) = parts(&packet);
            prop_assert_eq!(source, ip(DEVICE));
        }
    }
}
