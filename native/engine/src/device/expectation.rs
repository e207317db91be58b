//! How many frames to ask the interface for when poll has named it, while one thread does both directions. When there is much to do,
//! asking once more in vain costs less than a wait that brings a single one.

use std::time::Duration;

/// A poll that finds something takes less than a microsecond, one that falls asleep several.
const AT_ONCE: Duration = Duration::from_micros(4);

/// A wait that had to sleep was ended by a frame: that one is there, and if others are, the next wait ends at once. A wait
/// that ended at once has found what came while something else was done, which may be any number.
pub(super) fn frames_after(waited: Duration) -> usize {
    if waited < AT_ONCE { usize::MAX } else { 1 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sleep_is_ended_by_one_frame_and_work_by_any_number() {
        assert_eq!(frames_after(Duration::from_micros(1)), usize::MAX);
        assert_eq!(frames_after(Duration::from_micros(20)), 1);
    }
}
