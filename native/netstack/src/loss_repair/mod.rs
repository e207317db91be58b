//! Selective retransmission toward the device, beside a TCP that has none.
//!
//! smoltcp repairs one loss at a time, after three duplicate acknowledgements each, and whatever that does not repair after a
//! second of silence and from the first missing byte on. Over Wi-Fi, where one packet in a hundred is lost, that left about a
//! hundredth of what the kernel's TCP brings (`examples/lossy-path.rs`). So this part keeps a copy of each segment in flight and
//! looks at what passes both ways:
//!
//! ```text
//!   smoltcp ──segments──▶ note_sent ─────────────────▶ device
//!           ◀──acks, some held back── note_received ◀──acks with SACK──
//!                                 └──lost ones, again──▶ device
//! ```
//! What is lost is decided by time, as in RACK-TLP (RFC 8985): a segment that was sent before another one that has arrived, and
//! by more than the path reorders; and where nothing arrives any more, the last segment is sent once more to find out. smoltcp
//! still decides how much may be in flight. It is told of a loss in the only words it knows, three duplicate acknowledgements,
//! once for each window in which something was lost (RFC 6675, 5), so that its CUBIC slows down as it should.
//!
//! The worst that a mistake in here can do is to send a segment twice: bytes, sequence numbers and the end of the connection are
//! smoltcp's. Time and packets come in, packets go out; nothing here has a clock or a socket.

mod flight;
#[cfg(test)]
mod lossy_network;
mod rack;
mod renewal;
mod segment;
#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use crate::compose::{RST, SYN};
use flight::Flight;
use rack::Rack;
pub(crate) use renewal::{Latest, renew};
pub(crate) use segment::{Segment, is_before};

#[derive(Debug, Default)]
pub(crate) struct LossRepair {
    flight: Flight,
    rack: Rack,
    /// While something is being repaired: the end of what was in flight when it began.
    repairing_until: Option<u32>,
    /// The first answer to a repair has come: from now on smoltcp would take each duplicate for one more loss.
    is_partial: bool,
    /// How many segments the acknowledgements that came since have made room for.
    credit: usize,
    probe: Probe,
    heard_window: Option<u16>,
    /// Found lost when nothing arrived, so that smoltcp could not be told.
    is_untold: bool,
}

/// The tail-loss probe.
#[derive(Debug, Default)]
struct Probe {
    at: Option<Instant>,
    sent: u32,
}

/// How smoltcp is shown a segment of the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Showing {
    /// Not at all: it repeats what it would misunderstand.
    pub(crate) as_it_is: bool,
    /// So many times more, as duplicates.
    pub(crate) again: usize,
    /// Before it, as if the device had acknowledged its first half by itself.
    pub(crate) half: Option<u32>,
}

impl Showing {
    const PLAIN: Self = Self {
        as_it_is: true,
        again: 0,
        half: None,
    };
}

const LONG_WAY: Duration = Duration::from_millis(2);
/// Two unanswered probes are the path's fault; what follows is left to smoltcp's own timer.
const MOST_PROBES: u32 = 2;
/// A receiver may wait so long before it acknowledges a single segment (RFC 8985, 7.2).
const LONGEST_DELAYED_ACK: Duration = Duration::from_millis(200);
const SHORTEST_PROBE: Duration = Duration::from_millis(10);
/// For each acknowledgement one of its own and one that fills a hole, as slow start would (RFC 6937).
const CREDIT_PER_ACK: usize = 2;
const DUPLICATES_THAT_MEAN_LOSS: usize = 3;

impl LossRepair {
    /// A segment that smoltcp sends to the device.
    pub(crate) fn note_sent(&mut self, now: Instant, packet: &[u8]) {
        let Some(segment) = Segment::of(packet) else {
            return;
        };
        if segment.flags & RST != 0 {
            return self.forget();
        }
        if segment.flags & SYN != 0 || segment.end() == segment.sequence {
            return;
        }
        self.flight.note_sent(now, &segment, packet);
        self.arm_probe(now);
    }

    /// A segment of the device, before smoltcp sees it.
    pub(crate) fn note_received(&mut self, now: Instant, packet: &[u8]) -> Showing {
        let Some(segment) = Segment::of(packet).filter(|segment| segment.flags & RST == 0) else {
            return Showing::PLAIN;
        };
        let is_same_window = self.heard_window.replace(segment.window) == Some(segment.window);
        if self.flight.is_empty() || !self.flight.covers(segment.acknowledgement) {
            return Showing::PLAIN;
        }
        let half = self.half_way(&segment);
        let advances = is_before(self.flight.start(), segment.acknowledgement);
        let has_blocks = segment.sack_blocks().next().is_some();
        let news = self
            .flight
            .note_acknowledged(&segment, |sent| self.rack.note_delivered(now, sent));
        if news > 0 {
            self.probe.sent = 0;
            self.arm_probe(now);
        }
        if advances {
            self.is_partial = true;
            if self
                .repairing_until
                .is_some_and(|until| !is_before(segment.acknowledgement, until))
            {
                self.repairing_until = None;
            }
        }
        if !has_blocks && !self.is_repairing() {
            return Showing {
                half,
                ..Showing::PLAIN
            };
        }
        self.credit = (self.credit + CREDIT_PER_ACK).min(4 * CREDIT_PER_ACK);
        let is_lost = self.find_lost(now) | std::mem::take(&mut self.is_untold);
        let is_duplicate = !advances && has_blocks && segment.data_len == 0 && is_same_window;
        if is_lost && !self.is_repairing() {
            self.repairing_until = Some(self.flight.end());
            self.is_partial = false;
            return Showing {
                again: DUPLICATES_THAT_MEAN_LOSS,
                ..Showing::PLAIN
            };
        }
        Showing {
            as_it_is: !is_duplicate || (self.is_repairing() && !self.is_partial),
            ..Showing::PLAIN
        }
    }

    /// When [`LossRepair::handle_timeout`] is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        [self.probe.at, self.rack.timer()]
            .into_iter()
            .flatten()
            .min()
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.rack.timer().is_some_and(|at| at <= now) && self.find_lost(now) {
            self.credit = self.credit.max(1);
            self.is_untold = !self.is_repairing();
        }
        if self.probe.at.is_some_and(|at| at <= now) {
            self.probe.at = None;
            self.probe.sent += 1;
            self.flight.mark_probe();
            self.credit = self.credit.max(1);
            self.arm_probe(now);
        }
    }

    /// The next segment to send again, if one may go. [`renew`] it first.
    pub(crate) fn poll_transmit(&mut self, now: Instant) -> Option<&mut [u8]> {
        if self.credit == 0 {
            return None;
        }
        let packet = self.flight.take_lost(now)?;
        self.credit -= 1;
        Some(packet)
    }

    /// Nothing is in flight any more, or the connection is over.
    pub(crate) fn forget(&mut self) {
        *self = Self {
            rack: std::mem::take(&mut self.rack),
            heard_window: self.heard_window,
            ..Self::default()
        };
    }

    /// smoltcp's window grows by one segment for each acknowledgement, however many segments it is about; devices acknowledge every
    /// second one. On a long way that halves the growth that RFC 9438 (4.3) and RFC 3465 mean; on a short one it does not
    /// matter.
    fn half_way(&self, segment: &Segment<'_>) -> Option<u32> {
        let is_long = self
            .rack
            .smoothed_round_trip()
            .is_some_and(|time| time >= LONG_WAY);
        let second = self.flight.second()?;
        (is_long && is_before(second, segment.acknowledgement)).then_some(second)
    }

    fn is_repairing(&self) -> bool {
        self.repairing_until.is_some()
    }

    fn find_lost(&mut self, now: Instant) -> bool {
        let hurry = self.is_repairing();
        self.rack.find_lost(now, &mut self.flight, hurry)
    }

    /// RFC 8985, 7.2.
    fn arm_probe(&mut self, now: Instant) {
        self.probe.at = None;
        let Some(round_trip) = self.rack.smoothed_round_trip() else {
            return;
        };
        if self.flight.is_empty() || self.probe.sent >= MOST_PROBES {
            return;
        }
        let patience = match self.flight.is_single() {
            true => LONGEST_DELAYED_ACK,
            false => SHORTEST_PROBE,
        };
        self.probe.at = Some(now + round_trip * (2 << self.probe.sent) + patience);
    }
}
