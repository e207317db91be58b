//! The way in. Data messages allocate nothing, and of a batch from one session only the decryption is paid
//! per packet.

use std::array;
use std::net::IpAddr;
use std::ops::Range;
use std::slice;
use std::sync::Arc;

use culvert_aead::{Packet, TOGETHER};

use crate::aead::scrub_stack;
use crate::constants::DATA_HEADER;
use crate::inner;
use crate::locks::read;
use crate::message::{self, DataHeader, HandshakeMessage};
use crate::session::Session;
use crate::tunnel::{SourceCheck, Tunnel};
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

/// What comes under a previous key says nothing about the age of the one that has replaced it.
fn is_current(peer: &Peer, session: &Arc<Session>) -> bool {
    let current = &read(&peer.path).session;
    current
        .as_ref()
        .is_some_and(|current| Arc::ptr_eq(current, session))
}

/// As many as one GRO receive holds.
const BATCH: usize = 64;

/// A data message on its way through the checks.
#[derive(Clone, Copy)]
struct Segment {
    header: DataHeader,
    fate: Fate,
}

#[derive(Clone, Copy)]
enum Fate {
    /// Decrypted to so many bytes.
    Opened(usize),
    /// An inner packet of so many bytes, with a source to be checked.
    From(IpAddr, usize),
    /// An inner packet of so many bytes to deliver.
    Deliver(usize),
    Keepalive,
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
            Err(reason) => self.count_drop(reason),
        }
        handled
    }

    /// Opens data messages of one session. Returns the peer when at least one of them was authentic and new.
    fn receive_run(
        &self,
        now: Now,
        source: Endpoint,
        datagrams: &mut [&mut [u8]],
        segments: &mut [Segment],
        outbox: &mut Outbox,
    ) -> Option<Arc<Peer>> {
        let index = segments.first()?.header.receiver;
        let found = self
            .indices
            .session(index)
            .and_then(|session| Some((session.peer.upgrade()?, session)));
        let Some((peer, session)) = found else {
            self.drop_all(segments, DropReason::UnknownIndex);
            return None;
        };
        let bytes = open_all(now, &session, datagrams, segments);
        if bytes > 0 {
            peer.count_received(bytes);
            self.note_run(now, source, &peer, &session, outbox);
            if segments.iter().any(|segment| segment.carries_data()) {
                self.note_data_received(&peer, now.instant);
            }
            self.check_inner(&peer, datagrams, segments);
        }
        self.count_drops(segments);
        (bytes > 0).then_some(peer)
    }

    /// What an authenticated data message changes; once for a run, because all have one source and one time.
    fn note_run(
        &self,
        now: Now,
        source: Endpoint,
        peer: &Arc<Peer>,
        session: &Arc<Session>,
        outbox: &mut Outbox,
    ) {
        peer.roam(source);
        if !session.is_confirmed() {
            self.confirm(now, source, peer, session, outbox);
        }
        self.note_received(peer, now.instant);
        if session.wants_rekey_on_receive(now.instant) && is_current(peer, session) {
            self.initiate(now, peer, outbox);
        }
    }

    /// Version, length, and whose address the source is.
    fn check_inner(&self, peer: &Arc<Peer>, datagrams: &[&mut [u8]], segments: &mut [Segment]) {
        for (datagram, segment) in datagrams.iter().zip(segments.iter_mut()) {
            if let Fate::Opened(length) = segment.fate {
                segment.fate = inner_fate(datagram, length);
            }
        }
        match self.source_check {
            SourceCheck::AllowedIps => self.check_sources(peer, segments),
            SourceCheck::Owner => {
                for segment in segments {
                    segment.judge_source(|_| true);
                }
            }
        }
    }

    fn check_sources(&self, peer: &Arc<Peer>, segments: &mut [Segment]) {
        let allowed_ips = read(&self.allowed_ips);
        // Packets of a run mostly come from one host.
        let mut last: Option<(IpAddr, bool)> = None;
        for segment in segments {
            segment.judge_source(|source| match last {
                Some((judged, verdict)) if judged == source => verdict,
                _ => {
                    let verdict = allowed_ips.owns(peer, source);
                    last = Some((source, verdict));
                    verdict
                }
            });
        }
    }

    fn drop_all(&self, segments: &mut [Segment], reason: DropReason) {
        for segment in segments.iter_mut() {
            segment.fate = Fate::Dropped(reason);
        }
        self.count_drops(segments);
    }

    fn count_drops(&self, segments: &[Segment]) {
        for segment in segments {
            if let Fate::Dropped(reason) = segment.fate {
                self.count_drop(reason);
            }
        }
    }
}

impl Segment {
    fn new(header: DataHeader) -> Self {
        Self {
            header,
            fate: Fate::Keepalive,
        }
    }

    fn carries_data(&self) -> bool {
        matches!(self.fate, Fate::Opened(_))
    }

    fn judge_source(&mut self, is_allowed: impl FnOnce(IpAddr) -> bool) {
        if let Fate::From(source, length) = self.fate {
            self.fate = if is_allowed(source) {
                Fate::Deliver(length)
            } else {
                Fate::Dropped(DropReason::SpoofedSource)
            };
        }
    }
}

/// How many of the first datagrams are data messages for this index; their headers go into `segments`.
fn run_of(receiver: u32, batch: &[&mut [u8]], segments: &mut [Segment; BATCH]) -> usize {
    let mut length = 0;
    for (datagram, segment) in batch.iter().zip(segments) {
        match message::parse_data(datagram) {
            Some(header) if header.receiver == receiver => *segment = Segment::new(header),
            _ => break,
        }
        length += 1;
    }
    length
}

/// Decrypts all, then shows all counters to the replay window. Returns the bytes of what was authentic and new.
fn open_all(
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

fn inner_fate(datagram: &[u8], length: usize) -> Fate {
    datagram
        .get(DATA_HEADER..DATA_HEADER + length)
        .and_then(inner::parse)
        .map_or(Fate::Dropped(DropReason::BadInnerPacket), |packet| {
            Fate::From(packet.source, packet.length)
        })
}
