//! What is told of packets that a device was refused.

use std::time::{Duration, Instant};

use culvert_netstack::{NatDrop, Refused};

use crate::log::{Level, write};

/// Somebody who tries what only this host may reach is worth a line, a scan is not worth a full log.
const MOST_WARNINGS: u32 = 10;
const WITHIN: Duration = Duration::from_secs(10);

/// Of one thread.
#[derive(Debug, Default)]
pub(super) struct RefusalLog {
    since: Option<Instant>,
    warnings: u32,
}

impl RefusalLog {
    pub(super) fn tell(&mut self, now: Instant, refused: Vec<Refused>) {
        for refused in refused {
            let level = self.level_of(now, refused.reason);
            write(
                level,
                format_args!(
                    "refused: {} from {} to {} port {:?}, protocol {}",
                    refused.reason.name(),
                    refused.device,
                    refused.destination,
                    refused.port,
                    refused.protocol
                ),
            );
        }
    }

    fn level_of(&mut self, now: Instant, reason: NatDrop) -> Level {
        if !matches!(reason, NatDrop::HostOnly | NatDrop::NotAHost) {
            return Level::Debug;
        }
        if self
            .since
            .is_none_or(|since| now.duration_since(since) >= WITHIN)
        {
            self.since = Some(now);
            self.warnings = 0;
        }
        self.warnings = self.warnings.saturating_add(1);
        if self.warnings > MOST_WARNINGS {
            return Level::Debug;
        }
        Level::Warn
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_tries_the_connectors_own_host_is_told_at_once_and_a_scan_ten_times_in_ten_seconds() {
        let (start, mut log) = (Instant::now(), RefusalLog::default());
        let mut warnings = |seconds, reason| {
            let now = start + Duration::from_secs(seconds);
            let levels = (0..1000).map(|_| log.level_of(now, reason));
            levels.filter(|level| *level == Level::Warn).count()
        };

        assert_eq!(warnings(0, NatDrop::NoRoute), 0);
        assert_eq!(warnings(0, NatDrop::HostOnly), 10);
        assert_eq!(warnings(9, NatDrop::NotAHost), 0);
        assert_eq!(warnings(10, NatDrop::NotAHost), 10);
    }
}
