//! Inner packets of devices on their way to the NAT: into the plane's own shard, or left for the thread of another.

use std::time::Instant;

use culvert_netstack::{Batch, Entrance, Nat, PeerTag};

use super::super::shard::Shard;

/// For what one receive has brought.
pub(in crate::connector) struct Translating<'a, H> {
    pub(in crate::connector) now: Instant,
    pub(in crate::connector) entrance: &'a mut Entrance,
    pub(in crate::connector) nat: &'a mut Nat,
    /// Of the second shard, the third, and so on.
    pub(in crate::connector) helpers: &'a [H],
    pub(in crate::connector) to_devices: &'a mut Batch,
    /// Of the helpers, a bit for each that has got something.
    pub(in crate::connector) left_for: u16,
    /// Packets that a helper had no room for.
    pub(in crate::connector) overrun: u64,
}

impl<H: AsRef<Shard>> Translating<'_, H> {
    pub(in crate::connector) fn handle(&mut self, peer: PeerTag, packet: &[u8]) {
        let Some((shard, sorted)) = self.entrance.sort(self.now, packet) else {
            return;
        };
        let number = shard.wrapping_sub(1);
        let Some(helper) = self.helpers.get(number) else {
            let Self { nat, now, .. } = self;
            return nat.handle_sorted(*now, peer, &sorted, self.to_devices);
        };
        self.left_for |= 1 << number;
        self.overrun += u64::from(!helper.as_ref().leave(peer, &sorted));
    }

    /// The acknowledgements, and what is to be written to targets. Returns what was lost.
    pub(in crate::connector) fn finish(self) -> u64 {
        // Once for all that one receive has brought, and before this thread's own work.
        for (number, helper) in self.helpers.iter().enumerate() {
            if self.left_for & (1 << number) != 0 {
                helper.as_ref().bell.ring();
            }
        }
        self.nat.flush(self.now, self.to_devices);
        self.overrun
    }
}
