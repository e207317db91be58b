//! Asks the switch: which packets go on and to whom, and what their senders are answered.

use std::slice::ChunksExactMut;
use std::sync::Arc;

use culvert_core::{HEADROOM, Peer};
use culvert_switch::config::PeerHandle;
use culvert_switch::switch::Verdict;

use super::super::directory::{Directory, Member};
use super::super::moment::Moment;
use super::super::shared::Switching;
use super::step::{Run, Step};

/// A packet of the gateway's own, in a spare buffer behind its headroom.
pub(super) struct Answer<'b> {
    pub(super) to: Arc<Peer>,
    pub(super) spare: &'b mut [u8],
    pub(super) len: usize,
}

impl<'b> Step<'_, 'b> {
    /// Keeps the arrivals that go somewhere, in runs of one destination.
    pub(super) fn decide(&mut self, datagrams: &[&mut [u8]]) -> Vec<Answer<'b>> {
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
