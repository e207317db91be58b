//! Which shard a packet belongs to. All packets of one flow come to one shard, in the order in which they came: the shard
//! hangs on what makes up a [`FlowKey`] and on nothing else. So datagrams that come in pieces, of which only the first shows
//! ports, are put together here, before their shard is known.
//!
//! What routers and targets say about a flow comes to its own socket, and so to its shard, by itself. What a device says about
//! packets of a target goes nowhere, from whichever shard.

use std::borrow::Cow;
use std::hash::{BuildHasher, RandomState};
use std::time::Instant;

use crate::admission::AdmissionRules;
use crate::config::NatConfig;
use crate::drops::NatDrops;
use crate::flow_table::FlowKey;
use crate::inner::{ICMP, ICMPV6, Inner, TCP, UDP, Unparsed};
use crate::reassembly::Reassembly;
use crate::reassembly::arrivals::put_together;

pub struct Entrance {
    rules: AdmissionRules,
    shards: usize,
    /// Nobody else knows it: who could tell the shard of a flow could make one of them do all the work.
    key: RandomState,
    reassembly: Reassembly,
    drops: NatDrops,
}

/// A packet for its shard's [`crate::Nat::handle_sorted`].
#[derive(Debug)]
pub struct Sorted<'p> {
    pub packet: Cow<'p, [u8]>,
    /// Its sender has cut it, so others may.
    pub came_in_pieces: bool,
}

impl<'p> Sorted<'p> {
    fn as_it_came(packet: &'p [u8]) -> Self {
        Self {
            packet: packet.into(),
            came_in_pieces: false,
        }
    }
}

impl Entrance {
    /// To so many shards; at least one.
    pub fn new(config: &NatConfig, shards: usize) -> Self {
        Self {
            rules: AdmissionRules::new(&config.addresses, &config.ranges, &config.overlay),
            shards: shards.max(1),
            key: RandomState::new(),
            reassembly: Reassembly::default(),
            drops: NatDrops::default(),
        }
    }

    /// The number of a shard, from 0 on, and what it is to be given. None: nothing, yet or at all.
    pub fn sort<'p>(&mut self, now: Instant, packet: &'p [u8]) -> Option<(usize, Sorted<'p>)> {
        if self.shards == 1 {
            // It puts pieces together itself.
            return Some((0, Sorted::as_it_came(packet)));
        }
        let shard = match Inner::parse(packet) {
            Ok(inner) => self.shard_of(&inner),
            Err(Unparsed::Fragment) => return self.sort_piece(now, packet),
            // Any of them counts it as what it is.
            Err(Unparsed::Malformed | Unparsed::Options) => 0,
        };
        Some((shard, Sorted::as_it_came(packet)))
    }

    fn sort_piece(&mut self, now: Instant, packet: &[u8]) -> Option<(usize, Sorted<'static>)> {
        let whole = put_together(&mut self.reassembly, &self.rules, now, packet);
        let whole = whole.unwrap_or_else(|reason| {
            self.drops.count(reason);
            None
        })?;
        let shard = Inner::parse(&whole).map_or(0, |inner| self.shard_of(&inner));
        let sorted = Sorted {
            packet: whole.into(),
            came_in_pieces: true,
        };
        Some((shard, sorted))
    }

    fn shard_of(&self, inner: &Inner<'_>) -> usize {
        let hash = self.key.hash_one(flow_of(inner));
        // The upper half of the product: as even as a remainder, without a division.
        ((u128::from(hash) * self.shards as u128) >> 64) as usize
    }

    /// Of datagrams that never became whole, and of nothing else.
    pub fn drops(&self) -> &NatDrops {
        &self.drops
    }

    pub fn configure(&mut self, config: &NatConfig) {
        self.rules = AdmissionRules::new(&config.addresses, &config.ranges, &config.overlay);
    }

    pub fn poll_timeout(&self) -> Option<Instant> {
        self.reassembly.poll_timeout()
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        self.reassembly.handle_timeout(now);
    }
}

/// As the shard itself will name it, where it is of a kind that has flows.
fn flow_of(inner: &Inner<'_>) -> FlowKey {
    let (device_port, target_port) = match (inner.protocol, inner.transport) {
        (TCP | UDP, _) => inner.ports().unwrap_or_default(),
        (ICMP | ICMPV6, &[_, _, _, _, i0, i1, ..]) => (u16::from_be_bytes([i0, i1]), 0),
        _ => (0, 0),
    };
    FlowKey {
        protocol: inner.protocol,
        device: inner.source,
        device_port,
        target: inner.destination,
        target_port,
    }
}
