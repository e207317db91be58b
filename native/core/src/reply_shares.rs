//! How many cookie replies one place (an address with a port) is sent.
//!
//! Who floods from one place, or in the name of somebody who lives there, gets no more than a few of them. Places do not
//! compete: what a flood takes at its own leaves a newcomer's share alone. So a flood from many places is answered whole,
//! and only above 650,000 a second would it take from anybody else.

use std::time::{Duration, Instant};

/// Places are told apart by so many numbers; a newcomer shares its own with one flooding place in 4096, until the next secret.
const NUMBERS: usize = 4096;
const SPAN: Duration = Duration::from_millis(100);
/// In a span. Whoever is honest asks once in five seconds.
const SHARE: u8 = 16;

pub(crate) struct ReplyShares {
    began: Option<Instant>,
    counts: Box<[u8; NUMBERS]>,
}

impl Default for ReplyShares {
    fn default() -> Self {
        Self {
            began: None,
            counts: Box::new([0; NUMBERS]),
        }
    }
}

impl ReplyShares {
    /// `place` must be a number that nobody outside can foresee.
    pub(crate) fn take(&mut self, place: u16, now: Instant) -> bool {
        let is_over = |began| now.saturating_duration_since(began) >= SPAN;
        if self.began.is_none_or(is_over) {
            self.counts.fill(0);
            self.began = Some(now);
        }
        let Some(count) = self.counts.get_mut(usize::from(place) % NUMBERS) else {
            return false;
        };
        let has_some_left = *count < SHARE;
        *count += u8::from(has_some_left);
        has_some_left
    }
}
