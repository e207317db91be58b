//! The shards of a connector's flows without threads, for `native/fuzz`: who holds the desk says when each of them has its turn.

use std::io;
use std::time::Instant;

use culvert_netstack::{Batch, Entrance, Nat, NatConfig, NatLimits, PeerTag};

use super::plane::translating::Translating;
use super::shard::{Room, Shard};

pub struct ShardDesk {
    entrance: Entrance,
    first: Nat,
    others: Vec<Shard>,
    room: Room,
}

impl ShardDesk {
    /// # Errors
    /// When the system has no descriptors left.
    pub fn new(
        config: &NatConfig,
        limits: NatLimits,
        now: Instant,
        count: usize,
    ) -> io::Result<ShardDesk> {
        let mut nats = Nat::shards(config, limits, now, count)?.into_iter();
        Ok(ShardDesk {
            entrance: Entrance::new(config, count),
            first: nats.next().ok_or(io::ErrorKind::InvalidInput)?,
            others: nats.map(Shard::new).collect::<io::Result<_>>()?,
            room: Room::default(),
        })
    }

    /// What one receive of the plane does with what it has brought: into the first shard, whose answers go to `out`, or left for another
    /// one. Gives back how many packets found no room there.
    pub fn receive<'p>(
        &mut self,
        now: Instant,
        packets: impl Iterator<Item = (PeerTag, &'p [u8])>,
        out: &mut Batch,
    ) -> u64 {
        let mut translating = Translating {
            now,
            entrance: &mut self.entrance,
            nat: &mut self.first,
            helpers: &self.others,
            to_devices: out,
            left_for: 0,
            overrun: 0,
        };
        packets.for_each(|(peer, packet)| translating.handle(peer, packet));
        translating.finish()
    }

    /// Of the plane with the first shard, 0, or of a helper with another one.
    pub fn take_turn(&mut self, number: usize, now: Instant, out: &mut Batch) {
        let Some(helper) = number.checked_sub(1) else {
            self.entrance.handle_timeout(now);
            self.first.handle_ready(now, out);
            return drop(self.first.take_refused());
        };
        if let Some(shard) = self.others.get(helper) {
            drop(shard.take_turn(now, &mut self.room, out));
        }
    }

    pub fn configure(&mut self, now: Instant, config: &NatConfig, out: &mut Batch) {
        self.entrance.configure(config);
        self.first.configure(now, config, out);
        for shard in &self.others {
            shard.nat().configure(now, config, out);
        }
    }

    pub fn cut_all(&mut self, now: Instant, out: &mut Batch) {
        self.first.cut_all(now, out);
        for shard in &self.others {
            shard.nat().cut_all(now, out);
        }
    }

    /// When one of them wants a turn although nothing gets ready.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let others = self.others.iter().map(|shard| shard.nat().poll_timeout());
        let own = [self.first.poll_timeout(), self.entrance.poll_timeout()];
        others.chain(own).flatten().min()
    }

    pub fn flows(&self) -> usize {
        let others = self.others.iter().map(|shard| shard.nat().flows());
        self.first.flows() + others.sum::<usize>()
    }
}
