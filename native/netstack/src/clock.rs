use std::time::{Duration, Instant};

/// The caller's time, and its start for the stack that counts from zero.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    pub(crate) start: Instant,
    pub(crate) now: Instant,
}

impl Clock {
    pub(crate) fn smoltcp(self) -> smoltcp::time::Instant {
        let since_start = self.now.saturating_duration_since(self.start);
        smoltcp::time::Instant::from_micros(since_start.as_micros() as i64)
    }

    pub(crate) fn moment(self, at: smoltcp::time::Instant) -> Instant {
        self.start + Duration::from_micros(u64::try_from(at.total_micros()).unwrap_or(0))
    }
}
