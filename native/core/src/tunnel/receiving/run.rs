//! Data messages of one session, one behind the other: what each of them is worth, and what they change together.

use std::net::IpAddr;
use std::sync::Arc;

use super::opening::open_all;
use crate::constants::DATA_HEADER;
use crate::inner;
use crate::locks::read;
use crate::message::{self, DataHeader};
use crate::session::Session;
use crate::tunnel::{SourceCheck, Tunnel};
use crate::{DropReason, Endpoint, Now, Outbox, Peer};

/// As many as one GRO receive holds.
pub(super) const BATCH: usize = 64;

/// A data message on its way through the checks.
#[derive(Clone, Copy)]
pub(super) struct Segment {
    pub(super) header: DataHeader,
    pub(super) fate: Fate,
}

#[derive(Clone, Copy)]
pub(super) enum Fate {
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
    /// Opens data messages of one session. Returns the peer when at least one of them was authentic and new.
    pub(super) fn receive_run(
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
    pub(super) fn new(header: DataHeader) -> Self {
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
pub(super) fn run_of(receiver: u32, batch: &[&mut [u8]], segments: &mut [Segment; BATCH]) -> usize {
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

/// What comes under a previous key says nothing about the age of the one that has replaced it.
fn is_current(peer: &Peer, session: &Arc<Session>) -> bool {
    let current = &read(&peer.path).session;
    current
        .as_ref()
        .is_some_and(|current| Arc::ptr_eq(current, session))
}

fn inner_fate(datagram: &[u8], length: usize) -> Fate {
    datagram
        .get(DATA_HEADER..DATA_HEADER + length)
        .and_then(inner::parse)
        .map_or(Fate::Dropped(DropReason::BadInnerPacket), |packet| {
            Fate::From(packet.source, packet.length)
        })
}
