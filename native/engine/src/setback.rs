//! What a thread does when the kernel says no and may say yes later: it waits a little, and tells it now and then.

use std::fmt::Display;
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::log_warn;

/// Long enough that a call that fails for ever takes no processor, short enough that nobody notices one that does not.
const PAUSE: Duration = Duration::from_millis(10);
const BETWEEN_COMPLAINTS: Duration = Duration::from_secs(1);

/// One for each thread.
#[derive(Debug, Default)]
pub(crate) struct Setback {
    told: Option<Instant>,
}

impl Setback {
    /// `what` says what can not be done.
    pub(crate) fn wait_after(&mut self, what: &str, cause: impl Display) {
        if self.is_news(Instant::now()) {
            log_warn!("{what}: {cause}");
        }
        sleep(PAUSE);
    }

    fn is_news(&mut self, now: Instant) -> bool {
        let is_news = self
            .told
            .is_none_or(|told| now.duration_since(told) >= BETWEEN_COMPLAINTS);
        if is_news {
            self.told = Some(now);
        }
        is_news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_all_the_time_is_told_once_a_second() {
        let (start, mut setback) = (Instant::now(), Setback::default());

        let told = (0..500)
            .filter(|step| setback.is_news(start + PAUSE * *step))
            .count();

        assert_eq!(told, 5);
    }
}
