//! UDP → TUN. Receives, opens in place and writes; hands nothing to another thread and allocates nothing per packet. While
//! there is little to do, this thread does the other direction, too.

use std::mem;
use std::ops::Range;
use std::os::fd::AsFd;
use std::sync::atomic::Ordering;
use std::time::Instant;

use culvert_core::{Endpoint, HEADROOM, LocalSource, Now, Outbox};
use culvert_tun::{Ask, Batch};
use culvert_udp::{Door, Doors, Inbox, Source};
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;

use super::division::{WATCH_DIVIDED, Watch};
use super::expectation::frames_after;
use super::shared::Shared;
use crate::clean_sleep::poll_cleanly;
use crate::neighbours::{self, Neighbours};
use crate::setback::Setback;
use crate::{clock, congestion, log_debug};

/// Receives in a row from one door.
const BATCHES_IN_A_ROW: usize = 64;
/// Messages a receive; what they hold is glued together before it is written.
const SLOTS: usize = 16;

/// Of the interface, between two looks at the sockets.
const OUTWARD_BATCHES: usize = 4;

pub(super) struct Inward<'a> {
    shared: &'a Shared,
    inbox: Inbox,
    wanted: Outbox,
    /// Which datagram of a group, and where in it.
    opened: Vec<(usize, Range<usize>)>,
    writing: culvert_tun::Outbox,
    sending: culvert_udp::Outbox,
    /// Where the kernel may have answered what was written since the interface was read.
    answers: Ask,
    setback: Setback,
}

pub(super) fn run(shared: &Shared) {
    let mut inward = Inward::new(shared);
    let mut watch = Watch::starting(Instant::now());
    while !shared.is_stopping() {
        if !inward.round(&mut watch) {
            return;
        }
    }
}

/// What a wait has found.
struct Ready<'d> {
    doors: [Option<&'d Door>; 2],
    interface: Ask,
    ended: Instant,
}

/// Of what is waited for, the bell and the doors.
const OUTSIDE: usize = 3;

/// `with_interface`: this thread reads it, too.
fn wait<'d>(
    shared: &Shared,
    doors: &'d Doors,
    with_interface: bool,
    began: Instant,
) -> Result<Ready<'d>, Errno> {
    let (bell, bulk) = (shared.inward_bell.as_fd(), shared.queues.bulk.as_fd());
    // What is not there is replaced by something else once more.
    let sparse = shared.queues.sparse.as_ref().map_or(bulk, AsFd::as_fd);
    let v4 = doors.v4.as_ref().map_or(bell, AsFd::as_fd);
    let v6 = doors.v6.as_ref().map_or(bell, AsFd::as_fd);
    let mut fds = [&bell, &v4, &v6, &sparse, &bulk].map(|fd| PollFd::new(fd, PollFlags::IN));
    let watched = if with_interface { fds.len() } else { OUTSIDE };
    let watched = fds.get_mut(..watched).unwrap_or_default();
    // When the work is divided, it has to be seen that it ends.
    let patience = Some(WATCH_DIVIDED).filter(|_| !with_interface);
    let outcome = poll_cleanly(watched, patience);
    let ended = Instant::now();
    let [at_bell, at_v4, at_v6, at_sparse, at_bulk] = fds.map(|fd| !fd.revents().is_empty());
    if at_bell {
        shared.inward_bell.silence();
    }
    outcome.map(|_| Ready {
        doors: [
            doors.v4.as_ref().filter(|_| at_v4),
            doors.v6.as_ref().filter(|_| at_v6),
        ],
        interface: Ask {
            bulk: at_bulk,
            // A sparse flow's packet may have come since.
            sparse: at_sparse || at_bulk,
            frames: frames_after(ended.saturating_duration_since(began)),
        },
        ended,
    })
}

impl<'a> Inward<'a> {
    pub(super) fn new(shared: &'a Shared) -> Inward<'a> {
        Inward {
            shared,
            inbox: Inbox::new(SLOTS, HEADROOM),
            wanted: Outbox::new(),
            opened: Vec::with_capacity(neighbours::MOST),
            writing: culvert_tun::Outbox::new(),
            sending: culvert_udp::Outbox::new(),
            answers: Ask::default(),
            setback: Setback::default(),
        }
    }

    /// False when there is no use in another.
    fn round(&mut self, watch: &mut Watch) -> bool {
        let shared = self.shared;
        // Asked for anew each round: the bell has rung if they were exchanged.
        let doors = shared.doors();
        let is_alone = !shared.division.is_divided();
        let began = Instant::now();
        let ready = match wait(shared, &doors, is_alone, began) {
            Ok(ready) => ready,
            Err(Errno::INTR) => return true,
            Err(errno) => {
                let setback = &mut self.setback;
                setback.wait_after("waiting for datagrams failed", errno);
                return true;
            }
        };
        let verdict = watch.note_wait(began, ready.ended, &shared.division);
        self.answers = Ask::default();
        for door in ready.doors.into_iter().flatten() {
            self.empty(door);
        }
        if let Some(is_divided) = verdict {
            shared.divide(is_divided);
        }
        let ask = ready.interface.and(self.answers);
        let is_due = is_alone && !ask.is_for_nothing();
        !is_due || shared.outward().carry_waiting(shared, ask, OUTWARD_BATCHES)
    }

    /// Until nothing waits; but one door must not keep the other, or the bell, waiting for ever. Returns how many datagrams
    /// were bad handshakes.
    pub(super) fn empty(&mut self, door: &Door) -> usize {
        let mut refused = 0;
        for _ in 0..BATCHES_IN_A_ROW {
            match self.inbox.receive(door) {
                Ok(0) => break,
                Ok(_) => refused += self.carry(clock::now()),
                Err(cause) => {
                    let setback = &mut self.setback;
                    setback.wait_after("no datagram can be received just now", cause);
                    break;
                }
            }
            if !self.inbox.is_full() {
                break;
            }
        }
        refused
    }

    fn carry(&mut self, now: Now) -> usize {
        let Inward {
            shared,
            inbox,
            wanted,
            opened,
            writing,
            sending,
            answers,
            ..
        } = self;
        let mut batch = writing.batch_by_flow(&shared.queues, now.instant);
        let mut refused = 0;
        for group in Neighbours::among(inbox.messages()) {
            refused += open(shared, now, group, wanted, opened, &mut batch);
        }
        let report = batch.write();
        *answers = answers.and(report.answers());
        if report.dropped > 0 {
            shared
                .drops
                .not_written
                .fetch_add(report.dropped as u64, Ordering::Relaxed);
            log_debug!(
                "{} packets were not written: {:?}",
                report.dropped,
                report.last_error
            );
        }
        shared.send_outbox(wanted, sending);
        refused
    }
}

fn open<'b>(
    shared: &Shared,
    now: Now,
    mut group: Neighbours<'b>,
    wanted: &mut Outbox,
    opened: &mut Vec<(usize, Range<usize>)>,
    batch: &mut Batch<'_, 'b>,
) -> usize {
    let from = Endpoint {
        remote: group.origin.from,
        local: group.origin.source.map(local_source),
        door: 0,
    };
    opened.clear();
    let datagrams = group.datagrams();
    let tunnel = &shared.tunnel;
    let refused = tunnel.receive_batch(now, from, datagrams, wanted, |_, place, inner| {
        opened.push((place, inner));
    });
    for (place, inner) in opened.drain(..) {
        let datagram = group.datagrams().get_mut(place).map(mem::take);
        let packet = datagram.and_then(|datagram| datagram.get_mut(inner));
        let Some(packet) = packet else { continue };
        if congestion::bring_in(group.origin.ecn, packet) {
            batch.push(packet);
        } else {
            shared.drops.congestion.fetch_add(1, Ordering::Relaxed);
        }
    }
    refused
}

/// A link-local address means nothing without its interface; any other would only bind us to a path that may go.
fn local_source(source: Source) -> LocalSource {
    let needs_interface = match source.ip {
        std::net::IpAddr::V4(_) => false,
        std::net::IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    let interface = if needs_interface { source.interface } else { 0 };
    LocalSource {
        address: source.ip,
        interface,
    }
}
