//! What the threads of a gateway have in common.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use culvert_core::Tunnel;
use culvert_switch::switch::Switch;
use culvert_udp::Doors;

use super::denials::Denials;
use super::directory::Directory;
use super::moment::Clock;
use crate::control::EventSink;

pub(super) struct Shared {
    pub(super) tunnel: Tunnel,
    pub(super) clock: Clock,
    pub(super) events: EventSink,
    pub(super) drops: Drops,
    /// Held for decisions only: decryption, encryption and system calls happen outside.
    switching: Mutex<Switching>,
    /// One pair a lane, the one for handshakes last; none before the first configuration.
    doors: RwLock<Vec<Arc<Doors>>>,
}

/// Packets that neither the tunnel nor the switch dropped, and yet went no further.
#[derive(Debug, Default)]
pub(super) struct Drops {
    pub(super) congestion: AtomicU64,
    pub(super) not_sent: AtomicU64,
}

impl Drops {
    pub(super) fn counted(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let all = [
            ("congestion", &self.congestion),
            ("not-sent", &self.not_sent),
        ];
        all.into_iter()
            .map(|(name, count)| (name, count.load(Ordering::Relaxed)))
            .filter(|(_, count)| *count > 0)
    }
}

pub(super) struct Switching {
    pub(super) switch: Switch,
    pub(super) directory: Directory,
    pub(super) denials: Denials,
}

impl Shared {
    pub(super) fn new(
        tunnel: Tunnel,
        clock: Clock,
        events: EventSink,
        switching: Switching,
    ) -> Shared {
        Shared {
            tunnel,
            clock,
            events,
            drops: Drops::default(),
            switching: Mutex::new(switching),
            doors: RwLock::default(),
        }
    }

    pub(super) fn switching(&self) -> MutexGuard<'_, Switching> {
        // A thread that panics takes the process along, so a poisoned lock is never seen.
        self.switching
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// A lane's own. Any of them sends to anybody.
    pub(super) fn doors(&self, lane: usize) -> Option<Arc<Doors>> {
        let doors = self.doors.read().unwrap_or_else(PoisonError::into_inner);
        doors.get(lane).cloned()
    }

    pub(super) fn set_doors(&self, doors: Vec<Doors>) {
        let doors = doors.into_iter().map(Arc::new).collect();
        *self.doors.write().unwrap_or_else(PoisonError::into_inner) = doors;
    }
}
