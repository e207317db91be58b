//! Waiting for anything to happen, and what did.

use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags};

use super::super::kernel::KernelDoor;
use super::Plane;
use crate::clean_sleep::poll_cleanly;

/// What is asked only when there is an answer: a call each round for what seldom happens would cost as much as a batch.
pub(super) struct Ready {
    pub(super) bell: bool,
    pub(super) network: bool,
    pub(super) kernel: bool,
}

impl Ready {
    pub(super) const ALL: Self = Self {
        bell: true,
        network: true,
        kernel: true,
    };
}

impl Plane {
    pub(super) fn wait(&self) -> rustix::io::Result<Ready> {
        let mut fds = vec![
            PollFd::new(&self.bell, PollFlags::IN),
            PollFd::new(&self.network, PollFlags::IN),
            PollFd::from_borrowed_fd(self.nat.poll_fd(), PollFlags::IN),
        ];
        let kernel = self.kernel.iter().map(KernelDoor::poll_fd);
        fds.extend(kernel.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        // Their own, for nothing may be held while it sleeps.
        let doors = self.shared.gateways().open_doors();
        fds.extend(
            doors
                .iter()
                .map(|open| PollFd::new(&open.door, PollFlags::IN)),
        );
        match poll_cleanly(&mut fds, self.until_deadline()) {
            // Nothing is said about any of them then.
            Err(rustix::io::Errno::INTR) => return Ok(Ready::ALL),
            outcome => outcome?,
        };
        let is_ready = |index: usize| fds.get(index).is_some_and(|fd| !fd.revents().is_empty());
        Ok(Ready {
            bell: is_ready(0),
            network: is_ready(1),
            kernel: self.kernel.is_some() && is_ready(3),
        })
    }

    /// None: there is nothing to wake up for.
    fn until_deadline(&self) -> Option<Duration> {
        let deadlines = [
            self.nat.poll_timeout(),
            self.entrance.poll_timeout(),
            self.shared.tunnel.next_wakeup(),
            self.renewal,
        ];
        let first = deadlines.into_iter().flatten().min()?;
        Some(first.saturating_duration_since(Instant::now()))
    }
}
