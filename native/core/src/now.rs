use std::time::{Duration, Instant};

/// The time of a call. The core has no clock: the caller reads both clocks once per batch.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    /// Monotonic: timers and ages of keys. It should also count the time that a laptop sleeps (on Linux
    /// `Instant::now()` does not): a start plus what `CLOCK_BOOTTIME` has gained. Or else a session that the peer
    /// has long forgotten looks fresh after the lid is opened.
    pub instant: Instant,
    /// Since the Unix epoch: handshake timestamps and what is shown to people.
    pub unix: Duration,
}

/// Turns instants into numbers that fit an atomic; 0 stands for "never".
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeline {
    start: Instant,
}

/// Nanoseconds since a second before the timeline's start.
pub(crate) type Tick = u64;

const BEFORE_START: Tick = 1_000_000_000;

impl Timeline {
    pub(crate) fn new(start: Instant) -> Self {
        Self { start }
    }

    pub(crate) fn tick(&self, instant: Instant) -> Tick {
        BEFORE_START + nanos(instant.saturating_duration_since(self.start))
    }

    pub(crate) fn instant(&self, tick: Tick) -> Instant {
        self.start + Duration::from_nanos(tick.saturating_sub(BEFORE_START))
    }
}

/// Saturates after 584 years.
pub(crate) fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
