//! The way in. Data messages allocate nothing, and of a batch from one session only the decryption is paid
//! per packet.

mod opening;
mod run;

use std::array;
use std::ops::Range;
use std::sync::Arc;

use self::run::{BATCH, Fate, Segment, run_of};
use crate::aead::scrub_stack;
use crate::constants::DATA_HEADER;
use crate::message::{self, HandshakeMessage};
use crate::tunnel::Tunnel;
use crate::{DropReason, Endpoint, Now, Outbox, Peer};

/// What became of a datagram.
#[derive(Clone, Debug, PartialEq)]
pub enum Received {
    /// `datagram[inner]` is an IP packet of this peer.
    Packet {
        peer: Arc<Peer>,
        inner: Range<usize>,
    },
    /// A handshake message, a cookie or a keepalive: nothing to deliver.
    Handled,
    Dropped(DropReason),
}

impl Tunnel {
    /// Takes one datagram. What must be sent because of it is put into the outbox.
    pub fn receive(
        &self,
        now: Now,
        source: Endpoint,
        datagram: &mut [u8],
        outbox: &mut Outbox,
    ) -> Received {
        let Some(header) = message::parse_data(datagram) else {
            return match self.receive_other(now, source, datagram, outbox) {
                Ok(()) => Received::Handled,
                Err(reason) => Received::Dropped(reason),
            };
        };
        let mut segments = [Segment::new(header)];
        let peer = self.receive_run(now, source, &mut [datagram], &mut segments, outbox);
        let [segment] = segments;
        match (segment.fate, peer) {
            (Fate::Deliver(length), Some(peer)) => Received::Packet {
                peer,
                inner: DATA_HEADER..DATA_HEADER + length,
            },
            (Fate::Dropped(reason), _) => Received::Dropped(reason),
            _ => Received::Handled,
        }
    }

    /// Takes a buffer as UDP GRO fills it: datagrams of `stride` bytes, the last one maybe shorter, all from one
    /// source. `deliver` is given each inner packet's place in the buffer, in order.
    pub fn receive_segments(
        &self,
        now: Now,
        source: Endpoint,
        buffer: &mut [u8],
        stride: usize,
        outbox: &mut Outbox,
        mut deliver: impl FnMut(&Arc<Peer>, Range<usize>),
    ) {
        if stride == 0 {
            return;
        }
        let mut datagrams = buffer.chunks_mut(stride);
        let mut offset = 0;
        while datagrams.len() > 0 {
            let count = datagrams.len().min(BATCH);
            let mut batch: [&mut [u8]; BATCH] =
                array::from_fn(|_| datagrams.next().unwrap_or_default());
            if let Some(batch) = batch.get_mut(..count) {
                self.receive_batch(now, source, batch, outbox, |peer, place, inner| {
                    let start = offset + place * stride;
                    deliver(peer, start + inner.start..start + inner.end);
                });
            }
            offset += count * stride;
        }
    }

    /// Takes many datagrams of one source, such as neighbours in what `recvmmsg` returned. `deliver` is given each
    /// inner packet's datagram (its place in `batch`) and where it lies in that datagram, in order. Returns how many were
    /// worth nothing and cost next to nothing: whoever sees many of them may let more gather before it looks again.
    pub fn receive_batch(
        &self,
        now: Now,
        source: Endpoint,
        mut batch: &mut [&mut [u8]],
        outbox: &mut Outbox,
        mut deliver: impl FnMut(&Arc<Peer>, usize, Range<usize>),
    ) -> usize {
        let (mut place, mut refused) = (0, 0);
        while let Some(first) = batch.first() {
            let Some(header) = message::parse_data(first) else {
                // Counted inside; in a batch nobody asks what became of each.
                let outcome = self.receive_other(now, source, first, outbox);
                refused += usize::from(outcome.is_err_and(DropReason::is_cheap));
                batch = batch.split_first_mut().map_or(&mut [], |(_, rest)| rest);
                place += 1;
                continue;
            };
            let mut segments = [Segment::new(header); BATCH];
            let length = run_of(header.receiver, batch, &mut segments);
            let Some((run, rest)) = batch.split_at_mut_checked(length) else {
                break;
            };
            let segments = segments.get_mut(..length).unwrap_or_default();
            if let Some(peer) = self.receive_run(now, source, run, segments, outbox) {
                for (nth, segment) in segments.iter().enumerate() {
                    if let Fate::Deliver(length) = segment.fate {
                        deliver(&peer, place + nth, DATA_HEADER..DATA_HEADER + length);
                    }
                }
            }
            place += length;
            batch = rest;
        }
        refused
    }

    /// Handshakes and cookies.
    fn receive_other(
        &self,
        now: Now,
        source: Endpoint,
        datagram: &[u8],
        outbox: &mut Outbox,
    ) -> Result<(), DropReason> {
        let handled = message::parse_handshake(datagram).and_then(|message| match message {
            HandshakeMessage::Initiation(message) => {
                self.receive_initiation(now, source, message, outbox)
            }
            HandshakeMessage::Response(message) => {
                self.receive_response(now, source, message, outbox)
            }
            HandshakeMessage::CookieReply(message) => self.receive_cookie_reply(now, message),
        });
        match handled {
            Ok(()) => scrub_stack(),
            Err(reason) => {
                self.count_drop(reason);
                if !reason.is_cheap() {
                    scrub_stack();
                }
            }
        }
        handled
    }
}
