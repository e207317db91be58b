//! The way of a packet through a gateway, run to completion: a batch is received, opened in place, decided about, sealed
//! in place and sent by the one thread that has it. Nothing is allocated per packet.

mod deciding;
mod sealing;
mod step;

use culvert_core::{HEADROOM, TAILROOM};
use culvert_switch::refusal::MAX_ANSWER_LEN;
use culvert_udp::{Door, Doors, Inbox};

use self::step::{Arrival, Run, Step};
use super::outgoing::Outboxes;
use super::shared::Shared;
use crate::neighbours::{self, Neighbours};
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

    /// Carries what waits at the door. Returns how many datagrams were bad handshakes.
    pub(super) fn carry(&mut self, shared: &Shared, doors: &Doors, door: &Door) -> usize {
        let mut refused = 0;
        for _ in 0..BATCHES_IN_A_ROW {
            match self.inbox.receive(door) {
                Ok(0) => break,
                Ok(_) => refused += self.carry_batch(shared, doors),
                // The socket itself lives on.
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

    fn carry_batch(&mut self, shared: &Shared, doors: &Doors) -> usize {
        let now = shared.clock.now();
        let spare_len = HEADROOM + shared.tunnel.mtu().max(MAX_ANSWER_LEN) + TAILROOM;
        self.spares.resize(SPARES * spare_len, 0);
        let mut groups = Neighbours::among(self.inbox.messages());
        let (mut has_more, mut refused) = (true, 0);
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
                    Some(group) => refused += step.carry_group(group),
                    None => has_more = false,
                }
            }
            step.outgoing.send(&shared.drops);
        }
        self.outboxes
            .send_all(doors, &mut self.tunnel_outbox, &shared.drops);
        refused
    }
}
