use std::time::{Instant, SystemTime, UNIX_EPOCH};

use culvert_core::Now;

/// Both clocks at once, as the core wants them: once a batch.
pub(crate) fn now() -> Now {
    let unix = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    Now {
        instant: Instant::now(),
        unix,
    }
}
