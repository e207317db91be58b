//! What became of each packet.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// Why a packet is not there, where it is nobody's fault. Everything else is a fault of the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Loss {
    /// The network lost it.
    OnTheWire,
    /// It went to where the peer was before it roamed.
    ToAnOldAddress,
    /// Its sender or receiver was restarted or had removed the peer, and the session with it.
    Forgotten,
    /// Nobody has heard from the peer yet, so there is no address to send to.
    NoEndpoint,
    /// It waited for a handshake behind 128 newer ones.
    PushedOut,
    /// It waited for a handshake that nobody answered for 90 s.
    GaveUp,
    /// Its key became 180 s old under way.
    Expired,
    /// Both ends had begun a handshake at once. Each then sends through the session that it began, for which the other has
    /// one place only, until the next rotation; this was overtaken by that rotation.
    Crossed,
}

#[derive(Default)]
pub(crate) struct Ledger {
    next: u64,
    /// When it was sent.
    open: BTreeMap<u64, Duration>,
    sent: u64,
    delivered: u64,
    losses: BTreeMap<Loss, u64>,
}

/// A packet waits for a handshake while newer ones keep the tries going, in a storm, and 90 s more. Nothing takes longer.
const LONGEST: Duration = Duration::from_secs(400);

impl Ledger {
    /// A new packet's number.
    pub(crate) fn open(&mut self, at: Duration) -> u64 {
        self.next += 1;
        self.sent += 1;
        self.open.insert(self.next, at);
        self.next
    }

    pub(crate) fn is_open(&self, packet: u64) -> bool {
        self.open.contains_key(&packet)
    }

    pub(crate) fn deliver(&mut self, packet: u64) {
        let was_open = self.open.remove(&packet).is_some();
        assert!(
            was_open,
            "packet {packet} was delivered twice, or after it was lost"
        );
        self.delivered += 1;
    }

    pub(crate) fn lose(&mut self, packet: u64, why: Loss) {
        let was_open = self.open.remove(&packet).is_some();
        assert!(
            was_open,
            "packet {packet} was lost ({why:?}) after it had arrived"
        );
        *self.losses.entry(why).or_default() += 1;
    }

    pub(crate) fn count(&self) -> (u64, u64) {
        (self.sent, self.delivered)
    }

    /// No packet has vanished without anybody's saying so.
    pub(crate) fn assert_none_vanished(&self, at: Duration) {
        let oldest = self.open.iter().min_by_key(|(_, sent)| **sent);
        if let Some((packet, sent)) = oldest {
            assert!(
                at - *sent < LONGEST,
                "packet {packet}, sent at {sent:?}, has vanished by {at:?}"
            );
        }
    }

    /// Most packets arrive, and what the protocol itself loses is next to nothing.
    pub(crate) fn assert_sound(&self) {
        let lost_by_protocol: u64 = [Loss::Crossed, Loss::Expired]
            .iter()
            .filter_map(|why| self.losses.get(why))
            .sum();
        assert!(self.delivered * 10 > self.sent * 7, "{self}");
        assert!(lost_by_protocol * 2000 < self.sent, "{self}");
    }
}

impl fmt::Display for Ledger {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{} sent, {} delivered",
            self.sent, self.delivered
        )?;
        for (why, count) in &self.losses {
            write!(formatter, ", {count} {why:?}")?;
        }
        Ok(())
    }
}
