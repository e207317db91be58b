//! What the threads of a connector have in common: the plane, which reads what gateways send, and the helpers, each of which
//! has one shard of the flows.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use culvert_core::{Now, Outbox, Tunnel};

use super::gateways::Gateways;
use super::sending::Sent;
use crate::bell::Bell;

pub(super) struct Shared {
    pub(super) tunnel: Arc<Tunnel>,
    pub(super) drops: Drops,
    /// Written when a way is chosen anew, which is seldom; read by whoever sends.
    gateways: RwLock<Gateways>,
    /// An address or a route of this host may be gone.
    wants_renewal: AtomicBool,
    /// The plane's.
    bell: Bell,
}

#[derive(Debug, Default)]
pub(super) struct Drops {
    /// Datagrams that the kernel would not send.
    not_sent: AtomicU64,
    /// Packets that met congestion on the way here and whose ends know of no marks.
    congestion: AtomicU64,
    /// Packets for a shard whose thread does not keep up.
    overrun: AtomicU64,
}

impl Shared {
    pub(super) fn new(tunnel: Arc<Tunnel>, bell: Bell) -> Shared {
        Shared {
            tunnel,
            drops: Drops::default(),
            gateways: RwLock::default(),
            wants_renewal: AtomicBool::new(false),
            bell,
        }
    }

    /// A thread that panics takes the process along, so a poisoned lock is never seen.
    pub(super) fn gateways(&self) -> RwLockReadGuard<'_, Gateways> {
        self.gateways.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn gateways_mut(&self) -> RwLockWriteGuard<'_, Gateways> {
        let gateways = self.gateways.write();
        gateways.unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn note_sent(&self, sent: &Sent) {
        self.drops
            .not_sent
            .fetch_add(sent.dropped, Ordering::Relaxed);
        if sent.was_refused && !self.wants_renewal.swap(true, Ordering::AcqRel) {
            self.bell.ring();
        }
    }

    /// Before they leave. The plane waits at the ways that there were.
    pub(super) fn prepare_handshakes(&self, now: Now, handshakes: &Outbox) {
        let mut gateways = self.gateways_mut();
        if gateways.prepare_handshakes(now, &self.tunnel, handshakes) {
            self.bell.ring();
        }
    }

    pub(super) fn take_wish_for_renewal(&self) -> bool {
        self.wants_renewal.load(Ordering::Relaxed)
            && self.wants_renewal.swap(false, Ordering::AcqRel)
    }
}

impl Drops {
    pub(super) fn count_congestion(&self, packets: u64) {
        self.congestion.fetch_add(packets, Ordering::Relaxed);
    }

    pub(super) fn count_overrun(&self, packets: u64) {
        self.overrun.fetch_add(packets, Ordering::Relaxed);
    }

    pub(super) fn counts(&self) -> [(&'static str, u64); 3] {
        [
            ("udp-send-failed", &self.not_sent),
            ("congestion", &self.congestion),
            ("overrun", &self.overrun),
        ]
        .map(|(name, count)| (name, count.load(Ordering::Relaxed)))
    }
}
