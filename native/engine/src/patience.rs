//! When a thread that gets nothing but handshakes lets them gather. In a flood, waking up for one at a time costs several
//! times what it takes to see that it is bad.

#![allow(unsafe_code, reason = "a scheduling policy has no wrapper in rustix")]

use std::time::{Duration, Instant};
use std::{io, mem};

use crate::log_warn;

/// Bad ones, at once and a millisecond, for which no pause is worth while.
const BURST: u32 = 64;
const PER_MILLISECOND: u32 = 1;
/// Nobody notices that a handshake waits so long, and a flood of 500,000 a second does not fill the socket's buffer meanwhile.
const PAUSE: Duration = Duration::from_millis(1);

/// For the calling thread alone: when it wakes up, no other loses its processor to it at once; its share stays what it was
/// (`SCHED_BATCH`, sched(7)). A data thread that has to wait even for a short while loses datagrams.
pub(crate) fn let_data_go_first() {
    // SAFETY: sched_param is plain data for which all zeroes is a value, and the one that this policy wants.
    let none = unsafe { mem::zeroed::<libc::sched_param>() };
    // SAFETY: the kernel reads one sched_param, which outlives the call; 0 is the calling thread.
    let done = unsafe { libc::sched_setscheduler(0, libc::SCHED_BATCH, &raw const none) };
    if done != 0 {
        let cause = io::Error::last_os_error();
        log_warn!("handshakes can not let data go first: {cause}");
    }
}

#[derive(Debug)]
pub(crate) struct Patience {
    left: u32,
    filled: Instant,
}

impl Patience {
    pub(crate) fn new(now: Instant) -> Patience {
        Patience {
            left: BURST,
            filled: now,
        }
    }

    /// After a look that has brought so many bad ones: how long to wait before the next, for which data must have no need.
    pub(crate) fn pause(&mut self, refused: usize, now: Instant) -> Option<Duration> {
        let passed = now.saturating_duration_since(self.filled).as_millis();
        let passed = u32::try_from(passed).unwrap_or(u32::MAX);
        self.filled += Duration::from_millis(u64::from(passed));
        let gained = passed.saturating_mul(PER_MILLISECOND);
        self.left = self.left.saturating_add(gained).min(BURST);
        let refused = u32::try_from(refused).unwrap_or(u32::MAX);
        let is_flood = refused > self.left;
        self.left = self.left.saturating_sub(refused);
        is_flood.then_some(PAUSE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_flood_is_let_gather() {
        for (a_second, is_flood) in [(100, false), (900, false), (2_000, true), (50_000, true)] {
            let start = Instant::now();
            let mut patience = Patience::new(start);

            let pauses = (0..a_second)
                .filter_map(|number| {
                    let now = start + Duration::from_secs(1) * number / a_second;
                    patience.pause(1, now)
                })
                .count();

            assert_eq!(pauses > 0, is_flood, "{a_second} a second: {pauses} pauses");
        }
    }

    #[test]
    fn honest_handshakes_never_wait_and_a_flood_is_soon_forgotten() {
        let start = Instant::now();
        let mut patience = Patience::new(start);
        assert_eq!(patience.pause(0, start), None);
        assert_eq!(patience.pause(5_000, start), Some(PAUSE));
        assert_eq!(patience.pause(1, start), Some(PAUSE));
        assert_eq!(patience.pause(0, start), None);

        assert_eq!(patience.pause(50, start + Duration::from_millis(64)), None);
    }
}
