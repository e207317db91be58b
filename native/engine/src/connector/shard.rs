//! One shard of the flows, between the plane, which leaves packets of devices in it, and its helper, which translates them.

mod waiting;

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use culvert_netstack::{Batch, Nat, PeerTag, Refused, Sorted};

use self::waiting::Waiting;
use crate::bell::Bell;

pub(super) struct Shard {
    /// The helper's; the plane asks it how it is, and configures it.
    nat: Mutex<Nat>,
    waiting: Mutex<Waiting>,
    /// The helper's.
    pub(super) bell: Bell,
    /// The NAT's, which can be polled without holding it.
    sockets: OwnedFd,
}

impl Shard {
    pub(super) fn new(nat: Nat) -> io::Result<Shard> {
        Ok(Shard {
            sockets: nat.poll_fd().try_clone_to_owned()?,
            nat: Mutex::new(nat),
            waiting: Mutex::default(),
            bell: Bell::new()?,
        })
    }

    pub(super) fn poll_fd(&self) -> BorrowedFd<'_> {
        self.sockets.as_fd()
    }

    /// For a round, or less. A thread that panics takes the process along, so a poisoned lock is never seen.
    pub(super) fn nat(&self) -> MutexGuard<'_, Nat> {
        self.nat.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For the helper, in order, who is rung for when there is no more for now. False: there is no room, and the packet is gone.
    pub(super) fn leave(&self, peer: PeerTag, sorted: &Sorted<'_>) -> bool {
        self.waiting().push(peer, sorted)
    }

    /// Takes in what waits, and serves what is ready and due. `room`: the caller's own, empty before and after. Gives back what
    /// was not let through, for the log.
    pub(super) fn take_turn(&self, now: Instant, room: &mut Room, out: &mut Batch) -> Vec<Refused> {
        let mut nat = self.nat();
        self.take_in_waiting(now, &mut nat, room, out);
        nat.handle_ready(now, out);
        nat.take_refused()
    }

    fn take_in_waiting(&self, now: Instant, nat: &mut Nat, room: &mut Room, out: &mut Batch) {
        std::mem::swap(&mut *self.waiting(), &mut room.0);
        for (peer, sorted) in room.0.packets() {
            nat.handle_sorted(now, peer, &sorted, out);
        }
        room.0.clear();
        nat.flush(now, out);
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsRef<Shard> for Shard {
    fn as_ref(&self) -> &Shard {
        self
    }
}

/// Packets change threads by an exchange of two such rooms, so nothing is allocated once both have found their size.
#[derive(Default)]
pub(super) struct Room(Waiting);
