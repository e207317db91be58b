//! The segments in flight toward the device, each with its copy.

use std::collections::VecDeque;
use std::time::Instant;

use super::segment::{Segment, is_before};

/// In the order of their sequence numbers, without overlaps.
#[derive(Debug, Default)]
pub(crate) struct Flight {
    sent: VecDeque<Sent>,
    /// Segments that have arrived although one before them has not.
    arrived: usize,
    lost: usize,
    /// Copies of segments that are through, to be written over.
    spare: Vec<Vec<u8>>,
}

#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) start: u32,
    pub(crate) end: u32,
    /// The last time.
    pub(crate) at: Instant,
    /// More than once.
    pub(crate) is_again: bool,
    pub(crate) is_lost: bool,
    has_arrived: bool,
    packet: Vec<u8>,
}

/// Enough for a full window; more would only be memory.
const MOST_SPARE: usize = 512;

impl Flight {
    pub(crate) fn note_sent(&mut self, now: Instant, segment: &Segment<'_>, packet: &[u8]) {
        let (start, end) = (segment.sequence, segment.end());
        let mut copy = self.spare.pop().unwrap_or_default();
        copy.clear();
        copy.extend_from_slice(packet);
        let mut sent = Sent {
            start,
            end,
            at: now,
            is_again: false,
            is_lost: false,
            has_arrived: false,
            packet: copy,
        };
        if self
            .sent
            .back()
            .is_none_or(|last| !is_before(start, last.end))
        {
            return self.sent.push_back(sent);
        }
        // smoltcp sends something again, perhaps cut otherwise.
        sent.is_again = true;
        let from = self
            .sent
            .partition_point(|other| !is_before(start, other.end));
        let to = self
            .sent
            .partition_point(|other| is_before(other.start, end));
        for old in self.sent.drain(from..to.max(from)) {
            self.arrived -= usize::from(old.has_arrived);
            self.lost -= usize::from(old.is_lost);
            keep_spare(&mut self.spare, old.packet);
        }
        self.sent.insert(from, sent);
    }

    /// Calls `delivered` for each segment that is known to have arrived now and was not before; says how many.
    pub(crate) fn note_acknowledged(
        &mut self,
        segment: &Segment<'_>,
        mut delivered: impl FnMut(&Sent),
    ) -> usize {
        let mut news = 0;
        while let Some(first) = self.sent.front()
            && !is_before(segment.acknowledgement, first.end)
        {
            if !first.has_arrived {
                news += 1;
                delivered(first);
            }
            self.arrived -= usize::from(first.has_arrived);
            self.lost -= usize::from(first.is_lost);
            if let Some(gone) = self.sent.pop_front() {
                keep_spare(&mut self.spare, gone.packet);
            }
        }
        for (from, to) in segment.sack_blocks() {
            let first = self
                .sent
                .partition_point(|sent| is_before(sent.start, from));
            let inside = self.sent.iter_mut().skip(first);
            for sent in inside.take_while(|sent| !is_before(to, sent.end)) {
                if !sent.has_arrived {
                    news += 1;
                    delivered(sent);
                    sent.has_arrived = true;
                    self.arrived += 1;
                    self.lost -= usize::from(std::mem::take(&mut sent.is_lost));
                }
            }
        }
        news
    }

    pub(crate) fn for_each_missing(&mut self, mut look: impl FnMut(&mut Sent)) {
        let missing = self.sent.iter_mut();
        for sent in missing.filter(|sent| !sent.has_arrived && !sent.is_lost) {
            look(sent);
            self.lost += usize::from(sent.is_lost);
        }
    }

    /// The first lost segment, which counts as sent again now.
    pub(crate) fn take_lost(&mut self, now: Instant) -> Option<&mut [u8]> {
        if self.lost == 0 {
            return None;
        }
        let sent = self.sent.iter_mut().find(|sent| sent.is_lost)?;
        sent.is_lost = false;
        sent.is_again = true;
        sent.at = now;
        self.lost -= 1;
        Some(&mut sent.packet)
    }

    /// What a probe sends: something that is lost already, or the last segment.
    pub(crate) fn mark_probe(&mut self) {
        if self.lost == 0
            && let Some(last) = self.sent.iter_mut().rfind(|sent| !sent.has_arrived)
        {
            last.is_lost = true;
            self.lost += 1;
        }
    }

    /// Is that an acknowledgement of something that was sent, or of what came right before it?
    pub(crate) fn covers(&self, acknowledgement: u32) -> bool {
        !is_before(acknowledgement, self.start()) && !is_before(self.end(), acknowledgement)
    }

    pub(crate) fn start(&self) -> u32 {
        self.sent.front().map_or(0, |first| first.start)
    }

    /// Where the second segment begins.
    pub(crate) fn second(&self) -> Option<u32> {
        self.sent.get(1).map(|second| second.start)
    }

    pub(crate) fn end(&self) -> u32 {
        self.sent.back().map_or(0, |last| last.end)
    }

    pub(crate) fn arrived_behind(&self) -> usize {
        self.arrived
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.sent.is_empty()
    }

    pub(crate) fn is_single(&self) -> bool {
        self.sent.len() == 1
    }
}

fn keep_spare(spare: &mut Vec<Vec<u8>>, packet: Vec<u8>) {
    if spare.len() < MOST_SPARE {
        spare.push(packet);
    }
}
