//! A thread for one shard of the flows, beside the plane.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle};
use std::time::{Duration, Instant};

use culvert_netstack::{Nat, Refused};
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;

use super::outgoing::Outgoing;
use super::refusals::RefusalLog;
use super::shard::{Room, Shard};
use super::shared::Shared;
use crate::clean_sleep::poll_cleanly;
use crate::clock::now;
use crate::setback::Setback;

pub(super) struct Helper {
    shard: Arc<Shard>,
    is_leaving: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Helper {
    /// One for each of these shards. Before the calls of this process are confined: a thread is born here.
    pub(super) fn start_all(
        nats: impl Iterator<Item = Nat>,
        shared: &Arc<Shared>,
    ) -> io::Result<Vec<Helper>> {
        nats.enumerate()
            .map(|(number, nat)| Self::start(number, nat, shared))
            .collect()
    }

    fn start(number: usize, nat: Nat, shared: &Arc<Shared>) -> io::Result<Helper> {
        let shard = Arc::new(Shard::new(nat)?);
        let is_leaving = Arc::new(AtomicBool::new(false));
        let (own, shared, leaving) = (shard.clone(), shared.clone(), is_leaving.clone());
        let thread = Builder::new()
            .name(format!("shard {}", number + 1))
            .spawn(move || run(&shared, &own, &leaving))?;
        Ok(Helper {
            shard,
            is_leaving,
            thread,
        })
    }

    /// Its flows stay as they are.
    pub(super) fn stop(self) -> Arc<Shard> {
        self.is_leaving.store(true, Ordering::Release);
        self.shard.bell.ring();
        // A thread that panicked has ended the process before.
        let _ = self.thread.join();
        self.shard
    }
}

impl AsRef<Shard> for Helper {
    fn as_ref(&self) -> &Shard {
        &self.shard
    }
}

fn run(shared: &Shared, shard: &Shard, is_leaving: &AtomicBool) {
    let (mut room, mut outgoing) = (Room::default(), Outgoing::default());
    let (mut setback, mut log) = (Setback::default(), RefusalLog::default());
    while !is_leaving.load(Ordering::Acquire) {
        match wait(shard) {
            Ok(()) | Err(Errno::INTR) => {}
            Err(errno) => setback.wait_after("waiting for packets failed", errno),
        }
        let refused = carry(shared, shard, &mut room, &mut outgoing);
        log.tell(Instant::now(), refused);
    }
}

fn wait(shard: &Shard) -> Result<(), Errno> {
    let mut fds = [
        PollFd::new(&shard.bell, PollFlags::IN),
        PollFd::from_borrowed_fd(shard.poll_fd(), PollFlags::IN),
    ];
    poll_cleanly(&mut fds, until_deadline(shard))?;
    let [at_bell, _] = fds;
    // Before what waits is taken: who leaves something later rings again.
    if !at_bell.revents().is_empty() {
        shard.bell.silence();
    }
    Ok(())
}

fn until_deadline(shard: &Shard) -> Option<Duration> {
    let deadline = shard.nat().poll_timeout()?;
    Some(deadline.saturating_duration_since(Instant::now()))
}

/// What it would not let through.
fn carry(shared: &Shared, shard: &Shard, room: &mut Room, outgoing: &mut Outgoing) -> Vec<Refused> {
    let now = now();
    let refused = shard.take_turn(now.instant, room, &mut outgoing.to_devices);
    outgoing.send(now, shared);
    refused
}
