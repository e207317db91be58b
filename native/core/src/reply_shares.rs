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
    /// Somebody has asked in vain.
    has_refused: bool,
}

impl Default for ReplyShares {
    fn default() -> Self {
        Self {
            began: None,
            counts: Box::new([0; NUMBERS]),
            has_refused: false,
        }
    }
}

impl ReplyShares {
    /// `place` must be a number that nobody outside can foresee.
    pub(crate) fn take(&mut self, place: u16, now: Instant) -> bool {
        if !self.lasts(now) {
            self.counts.fill(0);
            self.began = Some(now);
            self.has_refused = false;
        }
        let Some(count) = self.counts.get_mut(usize::from(place) % NUMBERS) else {
            return false;
        };
        let has_some_left = *count < SHARE;
        *count += u8::from(has_some_left);
        self.has_refused |= !has_some_left;
        has_some_left
    }

    /// In this span; where nobody was, there is no need to ask for each.
    pub(crate) fn has_refused(&self, now: Instant) -> bool {
        self.has_refused && self.lasts(now)
    }

    /// Without taking any.
    pub(crate) fn is_used_up(&self, place: u16, now: Instant) -> bool {
        let count = self.counts.get(usize::from(place) % NUMBERS);
        self.lasts(now) && count.is_none_or(|count| *count >= SHARE)
    }

    fn lasts(&self, now: Instant) -> bool {
        self.began
            .is_some_and(|began| now.saturating_duration_since(began) < SPAN)
    }
}
