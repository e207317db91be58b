//! One thread when there is little to do, two when there is much.
//!
//! With one thread an answer needs no second one to wake up: what the kernel says to a packet at once (the echo of a ping, an
//! acknowledgement) is read from the interface by whoever has just written there. Under load one thread for each
//! direction carries more. The inward thread decides, because it is the one that always runs.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long work is watched before it is divided. TCP needs a few round trips to fill a link, and so may we.
const WATCH: Duration = Duration::from_millis(2);
/// And before it is put together again: dividing is no hurry to undo.
pub(super) const WATCH_DIVIDED: Duration = Duration::from_millis(20);

/// Who reads the interface: the inward thread, or the outward one.
#[derive(Debug, Default)]
pub(super) struct Division {
    is_divided: AtomicBool,
    /// Nanoseconds, since the inward thread looked last.
    outward_work: AtomicU64,
}

impl Division {
    pub(super) fn is_divided(&self) -> bool {
        self.is_divided.load(Ordering::Acquire)
    }

    pub(super) fn set_divided(&self, is_divided: bool) {
        self.is_divided.store(is_divided, Ordering::Release);
    }

    pub(super) fn note_outward_work(&self, work: Duration) {
        let nanos = u64::try_from(work.as_nanos()).unwrap_or(u64::MAX);
        self.outward_work.fetch_add(nanos, Ordering::Relaxed);
    }

    pub(super) fn take_outward_work(&self) -> Duration {
        Duration::from_nanos(self.outward_work.swap(0, Ordering::Relaxed))
    }
}

/// What the inward thread knows of its own work.
#[derive(Debug)]
pub(super) struct Watch {
    since: Instant,
    waited: Duration,
}

impl Watch {
    pub(super) fn starting(now: Instant) -> Watch {
        Watch {
            since: now,
            waited: Duration::ZERO,
        }
    }

    /// After each wait. Says how it should be when that is not how it is: divided when one thread works more than half of
    /// the time, together when both need less than a quarter of one.
    pub(super) fn note_wait(
        &mut self,
        began: Instant,
        ended: Instant,
        division: &Division,
    ) -> Option<bool> {
        self.waited += ended.saturating_duration_since(began);
        let span = ended.saturating_duration_since(self.since);
        let is_divided = division.is_divided();
        if span < if is_divided { WATCH_DIVIDED } else { WATCH } {
            return None;
        }
        let worked = span.saturating_sub(self.waited) + division.take_outward_work();
        *self = Watch::starting(ended);
        let is_much = worked * 2 > span;
        let is_little = worked * 4 < span;
        match is_divided {
            false => is_much.then_some(true),
            true => is_little.then_some(false),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_divided_when_one_thread_is_busy_half_of_the_time_and_joined_when_both_idle() {
        let division = Division::default();
        let mut clock = Clock::new();

        assert_eq!(clock.run(&division, 10, 200, 800), [None; 10]);
        assert_eq!(clock.run(&division, 1, 0, 5_000_000), [None]);
        assert_eq!(clock.run(&division, 3, 700, 300), [None, Some(true), None]);
        division.set_divided(true);
        assert_eq!(clock.run(&division, 40, 500, 500), [None; 40]);
        let calm = clock.run(&division, 40, 50, 950);
        assert!(calm.contains(&Some(false)), "{calm:?}");
    }

    #[test]
    fn the_other_threads_work_counts() {
        let division = Division::default();
        division.set_divided(true);
        let mut clock = Clock::new();

        division.note_outward_work(Duration::from_millis(15));

        assert_eq!(clock.run(&division, 2, 50, 9_950), [None, None]);
        assert_eq!(clock.run(&division, 2, 50, 9_950), [None, Some(false)]);
    }

    struct Clock {
        now: Instant,
        watch: Watch,
    }

    impl Clock {
        fn new() -> Clock {
            let now = Instant::now();
            Clock {
                now,
                watch: Watch::starting(now),
            }
        }

        /// So many rounds of so many microseconds of work and then of waiting.
        fn run(
            &mut self,
            division: &Division,
            rounds: usize,
            work: u64,
            wait: u64,
        ) -> Vec<Option<bool>> {
            let mut verdicts = Vec::new();
            for _ in 0..rounds {
                let began = self.now + Duration::from_micros(work);
                self.now = began + Duration::from_micros(wait);
                verdicts.push(self.watch.note_wait(began, self.now, division));
            }
            verdicts
        }
    }
}
