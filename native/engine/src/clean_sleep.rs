//! Data threads sleep with clean stacks: what seals and opens leaves copies of keys in the dead part of its thread's, and they
//! would stay there after their sessions are gone.

use std::cell::Cell;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, Timespec, poll};
use rustix::io::Errno;

/// How long a copy may stay. Each time would cost as much as a tenth of a packet.
const EVERY: Duration = Duration::from_secs(1);

thread_local! {
    static THIS: Cleanness = Cleanness::new();
}

/// poll(2). It may return early, with nothing ready.
pub(crate) fn poll_cleanly(
    fds: &mut [PollFd<'_>],
    patience: Option<Duration>,
) -> Result<usize, Errno> {
    THIS.with(|this| {
        let until_due = this.until_due(Instant::now());
        let patience = [patience, until_due].into_iter().flatten().min();
        let timeout = patience.and_then(|patience| Timespec::try_from(patience).ok());
        let ready = poll(fds, timeout.as_ref())?;
        this.is_due.set(this.is_due.get() || ready > 0);
        Ok(ready)
    })
}

struct Cleanness {
    last: Cell<Instant>,
    is_due: Cell<bool>,
}

impl Cleanness {
    fn new() -> Self {
        Self {
            last: Cell::new(Instant::now()),
            is_due: Cell::new(false),
        }
    }

    /// None: there has been no work since the last time.
    fn until_due(&self, now: Instant) -> Option<Duration> {
        if !self.is_due.get() {
            return None;
        }
        let left = EVERY.saturating_sub(now.saturating_duration_since(self.last.get()));
        if !left.is_zero() {
            return Some(left);
        }
        culvert_core::scrub_stack();
        self.last.set(now);
        self.is_due.set(false);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn after_work_it_is_due_within_a_second_and_then_not_before_the_next() {
        let this = Cleanness::new();
        let start = this.last.get();
        assert_eq!(this.until_due(start), None);

        this.is_due.set(true);
        assert_eq!(this.until_due(start + EVERY / 2), Some(EVERY / 2));
        assert_eq!(this.until_due(start + EVERY), None);
        assert!(!this.is_due.get());

        this.is_due.set(true);
        assert_eq!(this.until_due(start + EVERY), Some(EVERY));
    }
}
