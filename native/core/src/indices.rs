//! Session indices: random, unique among the living, sharded so that threads rarely meet.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Arc, RwLock, Weak};

use crate::Peer;
use crate::entropy::{self, Entropy};
use crate::locks::{OwnCacheLine, read, write};
use crate::session::Session;

const SHARDS: usize = 64;

#[derive(Clone)]
pub(crate) enum Owner {
    /// An initiation of ours waits for its response.
    Handshake(Weak<Peer>),
    Session(Arc<Session>),
}

/// Which of the owner's threads a peer's data messages shall come to: the index says it, to be read by whoever
/// hands the datagrams out (`SO_REUSEPORT`).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lane {
    number: u8,
    count: u8,
}

impl Lane {
    /// Peers take turns. No lanes are one lane.
    pub(crate) fn of(peer_number: u32, count: u8) -> Self {
        let count = count.max(1);
        Self {
            number: (peer_number % u32::from(count)) as u8,
            count,
        }
    }

    /// The lowest byte, modulo the count, becomes the number. `None` for one in so many bytes that would overflow:
    /// all others stay equally likely.
    fn marked(self, drawn: u32) -> Option<u32> {
        let [byte, rest @ ..] = drawn.to_le_bytes();
        let byte = (byte - byte % self.count).checked_add(self.number)?;
        let [a, b, c] = rest;
        Some(u32::from_le_bytes([byte, a, b, c]))
    }
}

type Shard = HashMap<u32, Owner, BuildHasherDefault<IndexHasher>>;

pub(crate) struct Indices {
    shards: Box<[OwnCacheLine<RwLock<Shard>>]>,
}

impl Indices {
    pub(crate) fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| OwnCacheLine::default()).collect(),
        }
    }

    pub(crate) fn session(&self, index: u32) -> Option<Arc<Session>> {
        match read(self.shard(index)?).get(&index)? {
            Owner::Session(session) => Some(Arc::clone(session)),
            Owner::Handshake(_) => None,
        }
    }

    pub(crate) fn owner(&self, index: u32) -> Option<Owner> {
        read(self.shard(index)?).get(&index).cloned()
    }

    /// A fresh index for a handshake of this peer, which has this lane.
    pub(crate) fn reserve(&self, entropy: &dyn Entropy, peer: &Weak<Peer>, lane: Lane) -> u32 {
        loop {
            let drawn = u32::from_le_bytes(entropy::bytes(entropy));
            let Some(index) = lane.marked(drawn) else {
                continue;
            };
            let Some(shard) = self.shard(index) else {
                continue;
            };
            if let Entry::Vacant(place) = write(shard).entry(index) {
                place.insert(Owner::Handshake(Weak::clone(peer)));
                return index;
            }
        }
    }

    pub(crate) fn assign(&self, session: &Arc<Session>) {
        if let Some(shard) = self.shard(session.local_index) {
            write(shard).insert(session.local_index, Owner::Session(Arc::clone(session)));
        }
    }

    pub(crate) fn release(&self, index: u32) {
        if let Some(shard) = self.shard(index) {
            write(shard).remove(&index);
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.shards.iter().map(|shard| read(&shard.0).len()).sum()
    }

    fn shard(&self, index: u32) -> Option<&RwLock<Shard>> {
        self.shards
            .get(index as usize % SHARDS)
            .map(|shard| &shard.0)
    }
}

/// Indices are drawn by us at random, so nobody can choose colliding ones: one multiplication spreads them.
#[derive(Default)]
pub(crate) struct IndexHasher(u64);

impl Hasher for IndexHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u32(u32::from(*byte));
        }
    }

    fn write_u32(&mut self, index: u32) {
        self.0 = (self.0 ^ u64::from(index)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}
