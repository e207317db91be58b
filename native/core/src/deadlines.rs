//! When to look at which peer again. Peers that nothing is due for cost nothing here.
//!
//! A peer's deadlines are plain atomics that the data path sets and clears; the agenda holds one entry per
//! peer for the earliest of them. Deadlines that move later leave their entry alone: when it comes up, the
//! peer is asked what is due by then. So a busy tunnel touches the agenda about once in ten seconds.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering, fence};
use std::sync::{Arc, Mutex, RwLock, Weak};

use crate::Peer;
use crate::locks::{lock, read, write};
use crate::now::Tick;

const NEVER: Tick = Tick::MAX;

/// One moment, or none.
#[derive(Debug)]
pub(crate) struct Deadline(AtomicU64);

impl Default for Deadline {
    fn default() -> Self {
        Self(AtomicU64::new(NEVER))
    }
}

impl Deadline {
    pub(crate) fn set(&self, due: Tick) {
        self.0.store(due, Ordering::Relaxed);
    }

    /// Reads first: most calls find it clear, and a write would take the cache line from another thread.
    pub(crate) fn clear(&self) {
        if self.is_set() {
            self.0.store(NEVER, Ordering::Relaxed);
        }
    }

    pub(crate) fn is_set(&self) -> bool {
        self.get() != NEVER
    }

    pub(crate) fn get(&self) -> Tick {
        self.0.load(Ordering::Relaxed)
    }

    /// Clears it when it is due, and says so to exactly one caller.
    pub(crate) fn take_due(&self, now: Tick) -> bool {
        let due = self.get();
        due <= now
            && self
                .0
                .compare_exchange(due, NEVER, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }
}

pub(crate) type Waker = Arc<dyn Fn() + Send + Sync>;

pub(crate) struct Agenda {
    entries: Mutex<BinaryHeap<Entry>>,
    earliest: AtomicU64,
    waker: RwLock<Option<Waker>>,
}

impl Agenda {
    pub(crate) fn new() -> Self {
        Self {
            entries: Mutex::default(),
            earliest: AtomicU64::new(NEVER),
            waker: RwLock::default(),
        }
    }

    pub(crate) fn earliest(&self) -> Option<Tick> {
        match self.earliest.load(Ordering::Acquire) {
            NEVER => None,
            due => Some(due),
        }
    }

    pub(crate) fn set_waker(&self, waker: Option<Waker>) {
        *write(&self.waker) = waker;
    }

    /// Tells the thread that waits for [`Agenda::earliest`] that there is something sooner, or an event.
    pub(crate) fn wake(&self) {
        let waker = read(&self.waker).clone();
        if let Some(waker) = waker {
            waker();
        }
    }

    /// Cheap when the peer is to be looked at by then anyway. The deadline itself must be set before.
    pub(crate) fn expect(&self, peer: &Arc<Peer>, due: Tick) {
        // Pairs with the one in `next_due`: either we see that the entry is gone, or whoever took it sees the deadline.
        fence(Ordering::SeqCst);
        if due < peer.scheduled.get() && self.insert(peer, due) {
            self.wake();
        }
    }

    /// True when this has become the earliest of all.
    fn insert(&self, peer: &Arc<Peer>, due: Tick) -> bool {
        let mut entries = lock(&self.entries);
        if due >= peer.scheduled.get() {
            return false;
        }
        peer.scheduled.set(due);
        entries.push(Entry {
            due: Reverse(due),
            peer: Arc::downgrade(peer),
        });
        let is_earliest = due < self.earliest.load(Ordering::Acquire);
        if is_earliest {
            self.earliest.store(due, Ordering::Release);
        }
        is_earliest
    }

    /// The next peer to look at, each once per entry that is still its earliest.
    pub(crate) fn next_due(&self, now: Tick) -> Option<Arc<Peer>> {
        let mut entries = lock(&self.entries);
        let found = loop {
            match entries.peek() {
                Some(entry) if entry.due.0 <= now => {}
                _ => break None,
            }
            let Some(entry) = entries.pop() else {
                break None;
            };
            let Some(peer) = entry.peer.upgrade() else {
                continue;
            };
            if peer.scheduled.get() == entry.due.0 {
                peer.scheduled.clear();
                fence(Ordering::SeqCst);
                break Some(peer);
            }
        };
        let earliest = entries.peek().map_or(NEVER, |entry| entry.due.0);
        self.earliest.store(earliest, Ordering::Release);
        found
    }
}

struct Entry {
    due: Reverse<Tick>,
    peer: Weak<Peer>,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.due == other.due
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.due.cmp(&other.due)
    }
}

impl fmt::Debug for Agenda {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Agenda(earliest: {:?})", self.earliest())
    }
}
