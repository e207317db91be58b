//! Seals what goes on in place, and answers in spare buffers.

use std::mem;
use std::ops::Range;
use std::slice::ChunksExactMut;

use culvert_core::{HEADROOM, Outgoing as Sealing};

use super::deciding::Answer;
use super::step::Step;
use crate::congestion;

impl<'b> Step<'_, 'b> {
    pub(super) fn seal_runs(&mut self, datagrams: &mut [&'b mut [u8]]) {
        let Step {
            shared,
            now,
            outgoing,
            tunnel_outbox,
            spares,
            ..
        } = self;
        let mut arrivals = self.arrivals.iter();
        for run in self.runs.iter() {
            let (tunnel, now) = (&shared.tunnel, now.tunnel);
            let arrivals = arrivals.by_ref().take(run.length);
            let packets = arrivals.filter_map(|arrival| {
                let datagram = datagrams.get_mut(arrival.datagram).map(mem::take)?;
                Some((datagram, arrival.inner.clone()))
            });
            match tunnel.sealer(now, &run.peer, tunnel_outbox) {
                Some(mut sealer) => {
                    let endpoint = sealer.endpoint();
                    let packets = packets.filter_map(|(datagram, inner)| {
                        let ecn = congestion::of_packet(datagram.get(inner.clone())?);
                        let packet = with_room(datagram, inner, tunnel.mtu(), spares)?;
                        Some((packet, ecn))
                    });
                    sealer.seal_each(packets, |ecn, datagram| {
                        outgoing.push(endpoint, ecn, datagram);
                    });
                }
                None => packets.for_each(|(datagram, inner)| {
                    if let Some(packet) = datagram.get(inner) {
                        tunnel.stage(now, &run.peer, packet, tunnel_outbox);
                    }
                }),
            }
        }
    }

    pub(super) fn seal_answer(&mut self, answer: Answer<'b>) {
        let tunnel = &self.shared.tunnel;
        let sealer = tunnel.sealer(self.now.tunnel, &answer.to, self.tunnel_outbox);
        // The device has just sent something, so there is a session, unless it is cut this very moment.
        let Some(mut sealer) = sealer else { return };
        let endpoint = sealer.endpoint();
        let inner = HEADROOM..HEADROOM + answer.len;
        let ecn = congestion::of_packet(answer.spare.get(inner.clone()).unwrap_or_default());
        if let Ok(range) = sealer.seal(answer.spare, inner)
            && let Some(datagram) = answer.spare.get(range)
        {
            self.outgoing.push(endpoint, ecn, datagram);
        }
    }
}

/// A packet is sealed where it lies, or in a spare buffer when its sender padded less than we do and the next datagram
/// begins right behind it.
fn with_room<'b>(
    datagram: &'b mut [u8],
    inner: Range<usize>,
    mtu: usize,
    spares: &mut ChunksExactMut<'b, u8>,
) -> Option<Sealing<'b>> {
    if sealed_end(&inner, mtu) <= datagram.len() {
        return Some(Sealing::new(datagram, inner));
    }
    let spare = spares.next()?;
    let place = HEADROOM..HEADROOM + inner.len();
    spare
        .get_mut(place.clone())?
        .copy_from_slice(datagram.get(inner)?);
    Some(Sealing::new(spare, place))
}

/// Where the datagram will end: after padding to 16 bytes, but not past the MTU, and a tag of 16.
fn sealed_end(inner: &Range<usize>, mtu: usize) -> usize {
    let padded = inner.len().next_multiple_of(16).min(mtu.max(inner.len()));
    inner.start + padded + 16
}
