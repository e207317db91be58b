//! Decrypts a run's messages together, and shows their counters to the replay window.

use std::{array, slice};

use culvert_aead::{Packet, TOGETHER};

use super::run::{Fate, Segment};
use crate::session::Session;
use crate::{DropReason, Now};

/// Decrypts all, then shows all counters to the replay window. Returns the bytes of what was authentic and new.
pub(super) fn open_all(
    now: Now,
    session: &Session,
    datagrams: &mut [&mut [u8]],
    segments: &mut [Segment],
) -> usize {
    if let ([datagram], [segment]) = (&mut *datagrams, &mut *segments) {
        open_together::<1>(
            now,
            session,
            slice::from_mut(datagram),
            slice::from_mut(segment),
        );
    } else {
        let datagrams = datagrams.chunks_mut(TOGETHER);
        for (datagrams, segments) in datagrams.zip(segments.chunks_mut(TOGETHER)) {
            open_together::<TOGETHER>(now, session, datagrams, segments);
        }
    }
    let mut bytes = 0;
    let mut window = session.window();
    for (datagram, segment) in datagrams.iter().zip(segments) {
        let Fate::Opened(length) = segment.fate else {
            continue;
        };
        if !window.accept(segment.header.counter) {
            segment.fate = Fate::Dropped(DropReason::Replayed);
            continue;
        }
        bytes += datagram.len();
        if length == 0 {
            segment.fate = Fate::Keepalive;
        }
    }
    bytes
}

/// At most `MOST`.
fn open_together<const MOST: usize>(
    now: Now,
    session: &Session,
    datagrams: &mut [&mut [u8]],
    segments: &mut [Segment],
) {
    let mut waiting = datagrams.iter_mut().zip(segments.iter_mut());
    let mut packets: [Packet<'_>; MOST] = array::from_fn(|_| {
        let packet = waiting.next().and_then(|(datagram, segment)| {
            let packet = session.sealed_packet(segment.header, datagram, now.instant);
            segment.fate =
                Fate::Dropped(packet.as_ref().err().copied().unwrap_or(DropReason::BadTag));
            packet.ok()
        });
        packet.unwrap_or_else(Packet::empty)
    });
    let count = packets.len().min(segments.len());
    session.open_all(packets.get_mut(..count).unwrap_or_default());
    for (packet, segment) in packets.iter().zip(segments) {
        if packet.is_done {
            segment.fate = Fate::Opened(packet.text_len());
        }
    }
}
