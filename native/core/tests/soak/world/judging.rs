//! Whether a dropped datagram was rightly dropped.

use std::time::Duration;

use culvert_core::DropReason;

use super::World;
use crate::host::HUB;
use crate::ledger::Loss;
use crate::wire::Datagram;

/// A responder makes a session before its initiator has it, by as much as a slow network takes.
const SLOWEST: Duration = Duration::from_secs(6);
/// After handshakes have crossed, each end sends through the session that it began, and the other one's next rotation
/// may find that one in neither of its places. That lasts as long as the session.
const OLDEST: Duration = Duration::from_secs(180);
/// A key is refused at 180 s, and the receiver's may be older than the sender's by what the network takes.
const ALMOST_TOO_OLD: Duration = Duration::from_secs(174);

impl World {
    pub(super) fn judge(&mut self, to: usize, datagram: &Datagram, reason: DropReason) {
        let is_loss = datagram
            .packet
            .is_some_and(|packet| self.ledger.is_open(packet));
        if datagram.is_copy || !is_loss {
            self.note(reason.as_str());
            return;
        }
        match self.explain(to, datagram, reason) {
            Some(why) => self.lose_if_open(datagram, why),
            None => panic!(
                "{:?}: host {to} dropped packet {:?} of link {}: {reason:?}; its session began at {:?}, \
                 [hub, spoke] forgot at {:?} and began at {:?}",
                self.at,
                datagram.packet,
                datagram.spoke,
                datagram.session_began,
                self.links[datagram.spoke].forgot,
                self.links[datagram.spoke].began,
            ),
        }
    }

    fn explain(&self, to: usize, datagram: &Datagram, reason: DropReason) -> Option<Loss> {
        let link = &self.links[datagram.spoke];
        let forgot = link.forgot[usize::from(to != HUB)];
        let has_forgotten = forgot > Duration::ZERO && forgot + SLOWEST >= datagram.session_began;
        let has_crossed = datagram.session_began <= link.crossed + SLOWEST
            && link.crossed <= datagram.session_began + OLDEST;
        let is_old = datagram.session_began + ALMOST_TOO_OLD <= self.at;
        match reason {
            DropReason::UnknownIndex | DropReason::PeerRemoved if has_forgotten => {
                Some(Loss::Forgotten)
            }
            DropReason::UnknownIndex if has_crossed => Some(Loss::Crossed),
            DropReason::SessionExpired if is_old => Some(Loss::Expired),
            _ => None,
        }
    }

    /// Unless a copy has arrived before it.
    pub(super) fn lose_if_open(&mut self, datagram: &Datagram, why: Loss) {
        if let Some(packet) = datagram.packet
            && !datagram.is_copy
            && self.ledger.is_open(packet)
        {
            self.ledger.lose(packet, why);
        }
    }
}
