//! The way of a packet through a gateway, run to completion: a batch is received, opened in place, decided about, sealed
//! in place and sent by the one thread that has it. Nothing is allocated per packet.

use std::mem;
use std::ops::Range;
use std::slice::ChunksExactMut;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use culvert_core::{Endpoint, HEADROOM, LocalSource, Outgoing as Sealing, Peer, TAILROOM};
use culvert_switch::config::PeerHandle;
use culvert_switch::refusal::MAX_ANSWER_LEN;
use culvert_switch::switch::Verdict;
use culvert_udp::{Door, Doors, Ecn, Inbox};

use super::directory::{Directory, Member, handle_of};
use super::moment::Moment;
use super::outgoing::{Outboxes, Outgoing};
use super::shared::{Shared, Switching};
use crate::congestion;
use crate::neighbours::{self, Neighbours, Origin};
use crate::setback::Setback;

/// One system call's worth: 16 messages, each of up to 64 datagrams.
const INBOX_SLOTS: usize = 16;
/// After so many batches from one door the other one has its turn.
const BATCHES_IN_A_ROW: usize = 16;
/// For answers, and for packets that grow when sealed again: of each datagram one at most. Twice a group's worth, so that a
/// few of them cut no batch short.
const SPARES: usize = 2 * neighbours::MOST;

pub(super) struct Lane {
    inbox: Inbox,
    outboxes: Outboxes,
    tunnel_outbox: culvert_core::Outbox,
    arrivals: Vec<Arrival>,
    runs: Vec<Run>,
    spares: Vec<u8>,
    answer_room: Box<[u8; MAX_ANSWER_LEN]>,
    setback: Setback,
}

/// An inner packet: which datagram of its group, and where in it.
struct Arrival {
    from: PeerHandle,
    datagram: usize,
    inner: Range<usize>,
}

/// Neighbours that go to the same peer.
struct Run {
    to: PeerHandle,
    peer: Arc<Peer>,
    /// How many arrivals; those that go nowhere are taken out before.
    length: usize,
}

/// A packet of the gateway's own, in a spare buffer behind its headroom.
struct Answer<'b> {
    to: Arc<Peer>,
    spare: &'b mut [u8],
    len: usize,
}

impl Lane {
    pub(super) fn new() -> Lane {
        Lane {
            inbox: Inbox::new(INBOX_SLOTS, 0),
            outboxes: Outboxes::default(),
            tunnel_outbox: culvert_core::Outbox::new(),
            arrivals: Vec::new(),
            runs: Vec::new(),
            spares: Vec::new(),
            answer_room: Box::new([0; MAX_ANSWER_LEN]),
            setback: Setback::default(),
        }
    }

    /// Carries what waits at the door.
    pub(super) fn carry(&mut self, shared: &Shared, doors: &Doors, door: &Door) {
        for _ in 0..BATCHES_IN_A_ROW {
            match self.inbox.receive(door) {
                Ok(0) => return,
                Ok(_) => self.carry_batch(shared, doors),
                // The socket itself lives on.
                Err(cause) => {
                    let setback = &mut self.setback;
                    return setback.wait_after("no datagram can be received just now", cause);
                }
            }
            if !self.inbox.is_full() {
                return;
            }
        }
    }

    fn carry_batch(&mut self, shared: &Shared, doors: &Doors) {
        let now = shared.clock.now();
        let spare_len = HEADROOM + shared.tunnel.mtu().max(MAX_ANSWER_LEN) + TAILROOM;
        self.spares.resize(SPARES * spare_len, 0);
        let mut groups = Neighbours::among(self.inbox.messages());
        let mut has_more = true;
        while has_more {
            let mut step = Step {
                shared,
                now,
                outgoing: self.outboxes.begin(doors),
                tunnel_outbox: &mut self.tunnel_outbox,
                spares: self.spares.chunks_exact_mut(spare_len),
                answer_room: &mut *self.answer_room,
                arrivals: &mut self.arrivals,
                runs: &mut self.runs,
            };
            // What is ready leaves when the next group could want more spares than there are; then all are free again.
            while has_more && step.spares.len() >= neighbours::MOST {
                match groups.next() {
                    Some(group) => step.carry_group(group),
                    None => has_more = false,
                }
            }
            step.outgoing.send(&shared.drops);
        }
        self.outboxes
            .send_all(doors, &mut self.tunnel_outbox, &shared.drops);
    }
}

/// What one batch needs.
struct Step<'a, 'b> {
    shared: &'a Shared,
    now: Moment,
    outgoing: Outgoing<'a, 'b>,
    tunnel_outbox: &'a mut culvert_core::Outbox,
    spares: ChunksExactMut<'b, u8>,
    answer_room: &'a mut [u8],
    arrivals: &'a mut Vec<Arrival>,
    runs: &'a mut Vec<Run>,
}

impl<'b> Step<'_, 'b> {
    fn carry_group(&mut self, mut group: Neighbours<'b>) {
        let (source, outside) = (endpoint_of(&group.origin), group.origin.ecn);
        let datagrams = group.datagrams();
        self.arrivals.clear();
        let arrivals = &mut *self.arrivals;
        let take = |peer: &Arc<Peer>, datagram, inner| {
            arrivals.push(Arrival {
                from: handle_of(peer),
                datagram,
                inner,
            })
        };
        let outbox = &mut *self.tunnel_outbox;
        self.shared
            .tunnel
            .receive_batch(self.now.tunnel, source, datagrams, outbox, take);
        if congestion::is_news(outside) {
            self.bring_in(outside, datagrams);
        }
        if self.arrivals.is_empty() {
            return;
        }
        let answers = self.decide(datagrams);
        self.seal_runs(datagrams);
        for answer in answers {
            self.seal_answer(answer);
        }
    }

    /// What the path says about congestion goes on inside. A packet whose ends do not know of marks goes no further.
    fn bring_in(&mut self, outside: Ecn, datagrams: &mut [&mut [u8]]) {
        let before = self.arrivals.len();
        self.arrivals.retain(|arrival| {
            let datagram = datagrams.get_mut(arrival.datagram);
            let packet = datagram.and_then(|bytes| bytes.get_mut(arrival.inner.clone()));
            packet.is_some_and(|packet| congestion::bring_in(outside, packet))
        });
        let dropped = (before - self.arrivals.len()) as u64;
        let count = &self.shared.drops.congestion;
        count.fetch_add(dropped, Ordering::Relaxed);
    }

    /// Keeps the arrivals that go somewhere, in runs of one destination.
    fn decide(&mut self, datagrams: &[&mut [u8]]) -> Vec<Answer<'b>> {
        // Takes no memory until there is a first answer.
        let mut answers = Vec::new();
        let mut switching = self.shared.switching();
        let Switching {
            switch,
            directory,
            denials,
        } = &mut *switching;
        self.runs.clear();
        let runs = &mut *self.runs;
        self.arrivals.retain(|arrival| {
            let datagram = datagrams.get(arrival.datagram);
            let Some(packet) = datagram.and_then(|bytes| bytes.get(arrival.inner.clone())) else {
                return false;
            };
            match switch.handle(arrival.from, packet, self.now.switch, self.answer_room) {
                Verdict::Forward(to) => append(runs, to, directory, self.now),
                Verdict::Drop(_) => false,
                Verdict::Refuse(refusal) => {
                    if let Some(denial) = refusal.denial {
                        let (now, events) = (self.now, &self.shared.events);
                        denials.tell(
                            arrival.from,
                            denial,
                            switch.policy(),
                            directory,
                            now,
                            events,
                        );
                    }
                    let packet = self.answer_room.get(..refusal.answer_len);
                    let member = directory.member(arrival.from);
                    answers.extend(spare_answer(member, packet, &mut self.spares));
                    false
                }
            }
        });
        answers
    }

    fn seal_runs(&mut self, datagrams: &mut [&'b mut [u8]]) {
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

    fn seal_answer(&mut self, answer: Answer<'b>) {
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

/// False when the peer has just gone.
fn append(runs: &mut Vec<Run>, to: PeerHandle, directory: &mut Directory, now: Moment) -> bool {
    if let Some(run) = runs.last_mut().filter(|run| run.to == to) {
        run.length += 1;
        return true;
    }
    let Some(member) = directory.member_mut(to) else {
        return false;
    };
    member.unanswered_since.get_or_insert(now.tunnel.instant);
    runs.push(Run {
        to,
        peer: Arc::clone(&member.peer),
        length: 1,
    });
    true
}

fn spare_answer<'b>(
    member: Option<&Member>,
    packet: Option<&[u8]>,
    spares: &mut ChunksExactMut<'b, u8>,
) -> Option<Answer<'b>> {
    let (member, packet) = (member?, packet?);
    let spare = spares.next()?;
    spare
        .get_mut(HEADROOM..HEADROOM + packet.len())?
        .copy_from_slice(packet);
    Some(Answer {
        to: Arc::clone(&member.peer),
        spare,
        len: packet.len(),
    })
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

fn endpoint_of(origin: &Origin) -> Endpoint {
    let local = origin.source.map(|source| LocalSource {
        address: source.ip,
        interface: source.interface,
    });
    Endpoint {
        remote: origin.from,
        local,
        door: 0,
    }
}
