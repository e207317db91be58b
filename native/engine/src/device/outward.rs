//! TUN → UDP. Reads, seals in place and sends; hands nothing to another thread and allocates nothing per packet. Which
//! thread that is, `division.rs` tells.

use std::iter::Peekable;
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use culvert_core::{DropReason, HEADROOM, Now, Outbox, Outgoing, Peer, Sealed, TAILROOM};
use culvert_tun::{Ask, Inbox, Packet, Room, Turns};
use culvert_udp::{Batch, Ecn};
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;

use super::returning::is_returning;
use super::shared::{Shared, route_to};
use super::unreachable::{self, Limiter};
use crate::clean_sleep::poll_cleanly;
use crate::setback::Setback;
use crate::{clock, congestion};

/// A batch ends when it has as many packets as about one super-packet: longer ones would only add latency.
const BATCH_PACKETS: usize = 32;

/// So many batches in a row, before somebody else has a turn.
const BATCHES_IN_A_ROW: usize = 64;

/// The way out, for the one thread at a time that has it.
pub(super) struct Outward {
    inbox: Inbox,
    turns: Turns,
    wanted: Outbox,
    v4: culvert_udp::Outbox,
    v6: culvert_udp::Outbox,
    refusals: Refusals,
    setback: Setback,
}

/// What it takes to tell a sender that its packet went nowhere.
#[derive(Default)]
struct Refusals {
    limiter: Limiter,
    writing: culvert_tun::Outbox,
}

/// The thread that reads the interface while there is much to do.
pub(super) fn run(shared: &Shared) {
    while !shared.is_stopping() {
        let is_on_duty = shared.division.is_divided();
        let ask = wait(shared, is_on_duty).unwrap_or_else(|errno| {
            let setback = &mut shared.outward().setback;
            setback.wait_after("waiting for packets failed", errno);
            // What is there shows when it is read.
            Ask::ALL
        });
        if is_on_duty && !ask.is_for_nothing() {
            let began = Instant::now();
            if !shared
                .outward()
                .carry_waiting(shared, ask, BATCHES_IN_A_ROW)
            {
                return;
            }
            shared.division.note_outward_work(began.elapsed());
        }
    }
}

fn wait(shared: &Shared, is_on_duty: bool) -> Result<Ask, Errno> {
    let (bulk, bell) = (shared.queues.bulk.as_fd(), shared.outward_bell.as_fd());
    let sparse = shared.queues.sparse.as_ref().map_or(bulk, AsFd::as_fd);
    let mut fds = [&bell, &sparse, &bulk].map(|fd| PollFd::new(fd, PollFlags::IN));
    let watched = if is_on_duty { fds.len() } else { 1 };
    let outcome = poll_cleanly(fds.get_mut(..watched).unwrap_or_default(), None);
    let [at_bell, sparse, bulk] = fds.map(|fd| !fd.revents().is_empty());
    if at_bell {
        shared.outward_bell.silence();
    }
    match outcome {
        Ok(_) | Err(Errno::INTR) => Ok(Ask {
            bulk,
            // A sparse flow's packet may have come since.
            sparse: sparse || bulk,
            // There is much to do, or else it were not this thread's turn.
            frames: usize::MAX,
        }),
        Err(errno) => Err(errno),
    }
}

/// How the kernel says that the interface was removed; all else may pass.
pub(crate) fn is_gone(cause: &std::io::Error) -> bool {
    let gone = [
        libc::EBADFD,
        libc::EBADF,
        libc::EFAULT,
        libc::ENODEV,
        libc::ENXIO,
    ];
    cause
        .raw_os_error()
        .is_none_or(|errno| gone.contains(&errno))
}

impl Outward {
    pub(super) fn new() -> Outward {
        let room = Room {
            before: HEADROOM,
            behind: TAILROOM,
        };
        Outward {
            inbox: Inbox::new(room),
            turns: Turns::default(),
            wanted: Outbox::new(),
            v4: culvert_udp::Outbox::new(),
            v6: culvert_udp::Outbox::new(),
            refusals: Refusals::default(),
            setback: Setback::default(),
        }
    }

    /// Carries what is asked for, and goes on with whatever waits while batches are full. False when the interface is gone,
    /// which ends the engine.
    pub(super) fn carry_waiting(&mut self, shared: &Shared, ask: Ask, batches: usize) -> bool {
        let (mut ask, mut left) = (ask, batches);
        // What of a frame does not fit into a batch does not wait in the kernel, where a wait would see it.
        while left > 0 || self.inbox.is_cutting() {
            left = left.saturating_sub(1);
            match self.fill(shared, ask) {
                Ok(is_done) => {
                    if !self.inbox.is_empty() {
                        self.carry(shared, clock::now());
                    }
                    if is_done {
                        break;
                    }
                    // While that was carried, more may have come to either queue.
                    ask = Ask::ALL;
                }
                Err(cause) if is_gone(&cause) => {
                    shared.fail(format!("the interface can not be read any more: {cause}"));
                    return false;
                }
                Err(cause) => {
                    let setback = &mut self.setback;
                    setback.wait_after("the interface can not be read just now", cause);
                    break;
                }
            }
        }
        true
    }

    /// One batch. True when that is all that was asked for.
    fn fill(&mut self, shared: &Shared, ask: Ask) -> std::io::Result<bool> {
        self.inbox.clear();
        if shared.is_stopping() {
            return Ok(true);
        }
        let malformed = self.inbox.malformed();
        let (turns, inbox) = (&mut self.turns, &mut self.inbox);
        let is_done = turns.fill(inbox, &shared.queues, ask, BATCH_PACKETS)?;
        let new = self.inbox.malformed() - malformed;
        shared
            .drops
            .malformed_frame
            .fetch_add(new, Ordering::Relaxed);
        Ok(is_done)
    }

    fn carry(&mut self, shared: &Shared, now: Now) {
        let Outward {
            inbox,
            wanted,
            v4,
            v6,
            refusals,
            ..
        } = self;
        let doors = shared.doors();
        let mut ways = Ways {
            v4: doors.v4.as_ref().map(|door| v4.batch(door)),
            v6: doors.v6.as_ref().map(|door| v6.batch(door)),
        };
        let has_left_before = |packet: &Packet<'_>| is_returning(&shared.tunnel, packet.bytes());
        let mut packets = inbox
            .packets()
            .filter(|packet| !shared.drops.counts_loop(has_left_before(packet)))
            .peekable();
        while let Some(first) = packets.next() {
            if first.is_part {
                shared.queues.note_bulk(first.bytes(), now.instant);
            }
            let destination = destination(first.bytes());
            let Some(peer) = destination.and_then(|address| shared.tunnel.route(address)) else {
                shared.drops.no_route.fetch_add(1, Ordering::Relaxed);
                refusals.answer(shared, now, first.bytes());
                continue;
            };
            let run = Run {
                first: Some(first),
                rest: &mut packets,
                destination,
            };
            if let Some(refused) = carry_run(shared, now, &peer, run, wanted, &mut ways) {
                refusals.answer(shared, now, refused.bytes());
            }
        }
        ways.send(shared);
        // Here v4 is free again, and handshakes have no hurry by the microsecond.
        shared.send_outbox(wanted, v4);
    }
}

/// Neighbours that go to one address: a super-packet's parts, mostly.
struct Run<'r, 'b, I: Iterator<Item = Packet<'b>>> {
    first: Option<Packet<'b>>,
    rest: &'r mut Peekable<I>,
    destination: Option<IpAddr>,
}

impl<'b, I: Iterator<Item = Packet<'b>>> Iterator for Run<'_, 'b, I> {
    type Item = Packet<'b>;

    fn next(&mut self) -> Option<Packet<'b>> {
        let destination = self.destination;
        self.first.take().or_else(|| {
            self.rest
                .next_if(|packet| self::destination(packet.bytes()) == destination)
        })
    }
}

/// Returns a packet that was refused because nobody knows where the peer is.
fn carry_run<'b, I: Iterator<Item = Packet<'b>>>(
    shared: &Shared,
    now: Now,
    peer: &Arc<Peer>,
    run: Run<'_, 'b, I>,
    wanted: &mut Outbox,
    ways: &mut Ways<'_, 'b>,
) -> Option<Packet<'b>> {
    let Some(mut sealer) = shared.tunnel.sealer(now, peer, wanted) else {
        let mut refused = None;
        for packet in run {
            let outcome = shared.tunnel.stage(now, peer, packet.bytes(), wanted);
            if outcome == Sealed::Dropped(DropReason::NoEndpoint) {
                refused = Some(packet);
            }
        }
        return refused;
    };
    let endpoint = sealer.endpoint();
    let packets = run.map(|packet| {
        let ecn = congestion::of_packet(packet.bytes());
        let Packet {
            buffer, start, len, ..
        } = packet;
        (Outgoing::new(buffer, start..start + len), ecn)
    });
    sealer.seal_each(packets, |ecn, datagram| {
        ways.push(&endpoint, ecn, datagram);
    });
    None
}

/// One batch for each family's door.
struct Ways<'a, 'b> {
    v4: Option<Batch<'a, 'b>>,
    v6: Option<Batch<'a, 'b>>,
}

impl<'b> Ways<'_, 'b> {
    fn push(&mut self, endpoint: &culvert_core::Endpoint, ecn: Ecn, datagram: &'b [u8]) {
        let way = if endpoint.remote.is_ipv4() {
            &mut self.v4
        } else {
            &mut self.v6
        };
        if let Some(batch) = way {
            batch.push(route_to(endpoint, ecn), datagram);
        }
    }

    fn send(self, shared: &Shared) {
        for batch in [self.v4, self.v6].into_iter().flatten() {
            shared.note_sent(batch.send());
        }
    }
}

impl Refusals {
    /// Tells the sender at once, instead of letting it wait.
    fn answer(&mut self, shared: &Shared, now: Now, packet: &[u8]) {
        if !self.limiter.allows(now.instant) {
            return;
        }
        let Some(mut answer) = unreachable::answer(packet) else {
            return;
        };
        let mut batch = self.writing.batch_by_flow(&shared.queues, now.instant);
        batch.push(&mut answer);
        batch.write();
    }
}

fn destination(packet: &[u8]) -> Option<IpAddr> {
    match packet.first()? >> 4 {
        4 => Some(IpAddr::from(<[u8; 4]>::try_from(packet.get(16..20)?).ok()?)),
        6 => Some(IpAddr::from(
            <[u8; 16]>::try_from(packet.get(24..40)?).ok()?,
        )),
        _ => None,
    }
}
