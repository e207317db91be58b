//! Where the later pieces of a datagram go: the way of its first. Nothing is held back and nothing put together here; a
//! piece that overtook the first one is lost, and the datagram with it, as on any lossy path.
use std::collections::VecDeque;

use crate::config::{PeerHandle, PeerMap};
use crate::packet::DatagramId;
use crate::policy::Policy;

/// Pieces follow each other at once; an identification may be used again after this.
const LASTS_MS: u64 = 5_000;
/// Datagrams of one peer that are under way at the same time. The oldest gives way.
const AT_ONCE: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct Trails(PeerMap<VecDeque<Trail>>);

#[derive(Debug)]
struct Trail {
    id: DatagramId,
    to: PeerHandle,
    /// The state of the world in which the first piece was let through.
    epoch: u32,
    until_ms: u64,
}

impl Trails {
    pub(crate) fn begin(
        &mut self,
        from: PeerHandle,
        id: DatagramId,
        to: PeerHandle,
        epoch: u32,
        now_ms: u64,
    ) {
        let trails = self.0.entry(from).or_default();
        trails.retain(|trail| trail.id != id && trail.until_ms > now_ms);
        if trails.len() == AT_ONCE {
            trails.pop_front();
        }
        trails.push_back(Trail {
            id,
            to,
            epoch,
            until_ms: now_ms + LASTS_MS,
        });
    }

    pub(crate) fn follow(
        &self,
        from: PeerHandle,
        id: DatagramId,
        epoch: u32,
        now_ms: u64,
    ) -> Option<PeerHandle> {
        let trail = self.0.get(&from)?.iter().find(|trail| trail.id == id)?;
        (trail.epoch == epoch && trail.until_ms > now_ms).then_some(trail.to)
    }

    /// Forgets who is gone.
    pub(crate) fn configure(&mut self, policy: &Policy) {
        self.0.retain(|peer, _| policy.has_peer(*peer));
    }
}
