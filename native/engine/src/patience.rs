//! When a thread that gets nothing but handshakes lets them gather. In a flood, waking up for one at a time costs several
//! times what it takes to see that it is bad.

use std::time::{Duration, Instant};

use rustix::process::setpriority_process;

use crate::log_warn;

/// Bad ones, at once and a millisecond, for which no pause is worth while.
const BURST: u32 = 64;
const PER_MILLISECOND: u32 = 1;
/// Nobody notices that a handshake waits so long, and a flood of 500,000 a second does not fill the socket's buffer meanwhile.
const PAUSE: Duration = Duration::from_millis(2);

/// How far behind data handshakes stand for a processor (nice(2)). While there is time for both, nobody waits.
const BEHIND_DATA: i32 = 10;

/// For the calling thread alone: when it wakes up, no thread that carries data loses its processor to it.
pub(crate) fn let_data_go_first() {
    if let Err(errno) = setpriority_process(None, BEHIND_DATA) {
        log_warn!("handshakes can not stand behind data: {errno}");
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
