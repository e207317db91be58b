//! UDP → TUN. Receives, opens in place and writes; hands nothing to another thread and allocates nothing per packet.

use std::ops::Range;
use std::os::fd::AsFd;
use std::sync::atomic::Ordering;

use culvert_core::{Endpoint, HEADROOM, LocalSource, Now, Outbox};
use culvert_tun::Batch;
use culvert_udp::{Door, Inbox, Message, Source};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;

use super::congestion;
use super::shared::Shared;
use crate::setback::Setback;
use crate::{clock, log_debug};

/// Messages a receive; what they hold is glued together before it is written.
const SLOTS: usize = 16;
/// As many as one GRO receive holds.
const MOST_SEGMENTS: usize = 64;

struct Inward<'a> {
    shared: &'a Shared,
    inbox: Inbox,
    wanted: Outbox,
    opened: Vec<Range<usize>>,
    writing: culvert_tun::Outbox,
    sending: culvert_udp::Outbox,
    setback: Setback,
}

pub(super) fn run(shared: &Shared) {
    let mut inward = Inward {
        shared,
        inbox: Inbox::new(SLOTS, HEADROOM),
        wanted: Outbox::new(),
        opened: Vec::with_capacity(MOST_SEGMENTS),
        writing: culvert_tun::Outbox::new(),
        sending: culvert_udp::Outbox::new(),
        setback: Setback::default(),
    };
    while !shared.is_stopping() {
        // Asked for anew each round: the bell has rung if they were exchanged.
        let doors = shared.doors();
        if let Err(errno) = wait(shared, &doors) {
            let setback = &mut inward.setback;
            setback.wait_after("waiting for datagrams failed", errno);
        }
        for door in doors.iter() {
            inward.empty(door);
        }
    }
}

fn wait(shared: &Shared, doors: &culvert_udp::Doors) -> Result<(), Errno> {
    let bell = shared.inward_bell.as_fd();
    // A family that this host lacks is replaced by the bell once more.
    let v4 = doors.v4.as_ref().map_or(bell, AsFd::as_fd);
    let v6 = doors.v6.as_ref().map_or(bell, AsFd::as_fd);
    let mut fds = [&bell, &v4, &v6].map(|fd| PollFd::new(fd, PollFlags::IN));
    // Interrupted or not: what is there shows when it is received.
    let outcome = poll(&mut fds, None);
    if fds.first().is_some_and(|bell| !bell.revents().is_empty()) {
        shared.inward_bell.silence();
    }
    match outcome {
        Ok(_) | Err(Errno::INTR) => Ok(()),
        Err(errno) => Err(errno),
    }
}

impl Inward<'_> {
    /// Until nothing waits; but one door must not keep the other, or the bell, waiting for ever.
    fn empty(&mut self, door: &Door) {
        for _ in 0..64 {
            match self.inbox.receive(door) {
                Ok(0) => return,
                Ok(_) => self.carry(clock::now()),
                Err(cause) => {
                    let setback = &mut self.setback;
                    return setback.wait_after("no datagram can be received just now", cause);
                }
            }
        }
    }

    fn carry(&mut self, now: Now) {
        let Inward {
            shared,
            inbox,
            wanted,
            opened,
            writing,
            sending,
            ..
        } = self;
        let mut batch = writing.batch(&shared.queue);
        for message in inbox.messages() {
            open_message(shared, now, message, wanted, opened, &mut batch);
        }
        let report = batch.write();
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
    }
}

fn open_message<'b>(
    shared: &Shared,
    now: Now,
    message: Message<'b>,
    wanted: &mut Outbox,
    opened: &mut Vec<Range<usize>>,
    batch: &mut Batch<'_, 'b>,
) {
    let from = Endpoint {
        remote: message.from,
        local: message.source.map(local_source),
        door: 0,
    };
    let (bytes, stride, ecn) = (message.bytes, message.segment_bytes, message.ecn);
    opened.clear();
    shared
        .tunnel
        .receive_segments(now, from, bytes, stride, wanted, |_, range| {
            opened.push(range)
        });
    let (mut rest, mut at) = (bytes, 0);
    for range in opened.iter() {
        let Some((taken, behind)) = rest.split_at_mut_checked(range.end - at) else {
            return;
        };
        let packet = taken.get_mut(range.start - at..).unwrap_or_default();
        if congestion::bring_in(ecn, packet) {
            batch.push(packet);
        } else {
            shared.drops.congestion.fetch_add(1, Ordering::Relaxed);
        }
        (rest, at) = (behind, range.end);
    }
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
