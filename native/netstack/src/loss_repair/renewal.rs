//! A copy of a segment says what was acknowledged when it was made; what is sent says what is acknowledged now.

use super::segment::Segment;
use crate::compose::set_u16;

/// What we have acknowledged last, and how much room was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Latest {
    pub(crate) acknowledgement: u32,
    pub(crate) window: u16,
}

/// Brings the acknowledgement of a copy up to date: an old one is refused where data went the other way meanwhile (RFC 5961, 5.2).
pub(crate) fn renew(packet: &mut [u8], latest: Latest) {
    let Some(start) = Segment::of(packet).map(|segment| segment.start) else {
        return;
    };
    let [high, low] = [
        latest.acknowledgement >> 16,
        latest.acknowledgement & 0xffff,
    ];
    for (at, word) in [(8, high as u16), (10, low as u16), (14, latest.window)] {
        replace_word(packet, start, at, word);
    }
}

/// RFC 1624, 3: the checksum changes by what the word does.
fn replace_word(packet: &mut [u8], start: usize, at: usize, new: u16) {
    let word = |at: usize| {
        let bytes = packet.get(start + at..).and_then(|rest| rest.first_chunk());
        bytes.map_or(0, |bytes| u16::from_be_bytes(*bytes))
    };
    let mut sum = u32::from(!word(16)) + u32::from(!word(at)) + u32::from(new);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    set_u16(packet, start + at, new);
    set_u16(packet, start + 16, !(sum as u16));
}
