use std::time::{Duration, Instant};

use crate::clock;

/// One reading of both clocks, as tunnel and switch each want it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) tunnel: culvert_core::Now,
    pub(super) switch: culvert_switch::time::Now,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Clock {
    start: Instant,
}

impl Clock {
    pub(super) fn new() -> Clock {
        Clock {
            start: Instant::now(),
        }
    }

    pub(super) fn now(self) -> Moment {
        let tunnel = clock::now();
        let since_start = tunnel.instant.saturating_duration_since(self.start);
        Moment {
            tunnel,
            switch: culvert_switch::time::Now {
                monotonic_ms: milliseconds(since_start),
                unix_ms: milliseconds(tunnel.unix),
            },
        }
    }
}

/// Saturates in half a billion years.
pub(super) fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
