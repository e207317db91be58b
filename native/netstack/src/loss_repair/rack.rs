//! What is lost, by time: RFC 8985, sections 6.2 and 6.3.

use std::time::{Duration, Instant};

use super::flight::{Flight, Sent};
use super::segment::is_before;

#[derive(Debug, Default)]
pub(crate) struct Rack {
    /// Of the segment that was sent last among those that have arrived: when it was sent, where it ends, how long it took.
    latest: Option<(Instant, u32, Duration)>,
    shortest: Option<Duration>,
    smoothed: Option<Duration>,
    /// The end of the furthest segment that has arrived, and whether one before it came later by itself.
    furthest: Option<u32>,
    reorders: bool,
    timer: Option<Instant>,
}

/// So many segments behind a missing one mean that it is lost, on a path that was never seen to reorder (RFC 8985, 6.2 step 4).
const ENOUGH_BEHIND: usize = 3;

impl Rack {
    pub(crate) fn note_delivered(&mut self, now: Instant, sent: &Sent) {
        let took = now.saturating_duration_since(sent.at);
        if sent.is_again && self.shortest.is_some_and(|shortest| took < shortest) {
            // It answers the first copy, not this one.
            return;
        }
        self.note_round_trip(took, sent.is_again);
        match self.furthest {
            Some(furthest) if is_before(sent.end, furthest) => self.reorders |= !sent.is_again,
            _ => self.furthest = Some(sent.end),
        }
        let is_later = self
            .latest
            .is_none_or(|(at, end, _)| at < sent.at || (at == sent.at && is_before(end, sent.end)));
        if is_later {
            self.latest = Some((sent.at, sent.end, took));
        }
    }

    /// RFC 6298, 2; of a segment that was sent twice nobody knows which copy was answered (Karn).
    fn note_round_trip(&mut self, took: Duration, is_again: bool) {
        self.shortest = Some(self.shortest.map_or(took, |shortest| shortest.min(took)));
        if !is_again {
            self.smoothed = Some(
                self.smoothed
                    .map_or(took, |smoothed| (smoothed * 7 + took) / 8),
            );
        }
    }

    /// Marks what is lost by now; true when something new is.
    pub(crate) fn find_lost(&mut self, now: Instant, flight: &mut Flight, hurry: bool) -> bool {
        self.timer = None;
        let Some((latest_at, latest_end, took)) = self.latest else {
            return false;
        };
        let window = self.reordering_window(hurry || flight.arrived_behind() >= ENOUGH_BEHIND);
        let (mut found, mut timer) = (false, None);
        flight.for_each_missing(|sent| {
            let is_older =
                sent.at < latest_at || (sent.at == latest_at && is_before(sent.end, latest_end));
            if !is_older {
                return;
            }
            let lost_at = sent.at + took + window;
            if lost_at <= now {
                sent.is_lost = true;
                found = true;
            } else {
                timer = Some(timer.map_or(lost_at, |timer: Instant| timer.min(lost_at)));
            }
        });
        self.timer = timer;
        found
    }

    fn reordering_window(&self, hurry: bool) -> Duration {
        match self.shortest {
            Some(shortest) if self.reorders || !hurry => shortest / 4,
            _ => Duration::ZERO,
        }
    }

    pub(crate) fn timer(&self) -> Option<Instant> {
        self.timer
    }

    pub(crate) fn smoothed_round_trip(&self) -> Option<Duration> {
        self.smoothed
    }
}
