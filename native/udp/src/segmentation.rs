//! Whether a door may hand super-datagrams to the kernel.
//!
//! A kernel (before 6.11) that sends through an interface without checksum offload refuses them with EIO. That says nothing of
//! other interfaces, nor of where this destination is routed later, so it holds for a while only.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A refusal costs one call in vain, and a datagram by itself several times what it costs in a group.
const REST: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Segmentation {
    is_known: bool,
    opened: Instant,
    /// Milliseconds after it was opened; 0: it does not rest.
    rests_until: AtomicU64,
    was_refused: AtomicBool,
}

impl Segmentation {
    /// `is_known`: the kernel has the option at all.
    pub(crate) fn new(is_known: bool) -> Segmentation {
        Segmentation {
            is_known,
            opened: Instant::now(),
            rests_until: AtomicU64::new(0),
            was_refused: AtomicBool::new(false),
        }
    }

    /// Asked for each datagram: the clock is read only while it rests.
    pub(crate) fn is_on(&self) -> bool {
        self.is_known
            && (self.rests_until.load(Ordering::Relaxed) == 0 || self.has_rested(Instant::now()))
    }

    /// True the first time.
    pub(crate) fn rest(&self) -> bool {
        self.rest_from(Instant::now());
        !self.was_refused.swap(true, Ordering::Relaxed)
    }

    fn rest_from(&self, now: Instant) {
        let until = now.saturating_duration_since(self.opened) + REST;
        self.rests_until
            .store(milliseconds(until), Ordering::Relaxed);
    }

    fn has_rested(&self, now: Instant) -> bool {
        let passed = milliseconds(now.saturating_duration_since(self.opened));
        let is_over = self.rests_until.load(Ordering::Relaxed) <= passed;
        if is_over {
            self.rests_until.store(0, Ordering::Relaxed);
        }
        is_over
    }
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_holds_for_a_while_and_is_told_once() {
        let segmentation = Segmentation::new(true);
        assert!(segmentation.is_on());

        assert!(segmentation.rest());

        assert!(!segmentation.is_on());
        let refused = Instant::now();
        assert!(!segmentation.has_rested(refused + REST / 2));
        assert!(segmentation.has_rested(refused + REST));
        assert!(segmentation.is_on());
        assert!(!segmentation.rest(), "it was told before");
        assert!(!segmentation.is_on());
    }

    #[test]
    fn a_kernel_without_the_option_is_never_asked() {
        assert!(!Segmentation::new(false).is_on());
    }
}
