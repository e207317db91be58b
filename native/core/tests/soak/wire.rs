//! The network: who knows an address may send to it, and some of what is sent comes late, twice, changed or not at all.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use crate::random::Random;

pub(crate) struct Datagram {
    /// The spoke whose link it takes.
    pub(crate) spoke: usize,
    pub(crate) source: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) bytes: Vec<u8>,
    /// The inner packet, if there is one.
    pub(crate) packet: Option<u64>,
    /// When the sender's session began.
    pub(crate) session_began: Duration,
    /// Not what was sent, but a duplicate, a forgery or a replay of it.
    pub(crate) is_copy: bool,
}

#[derive(Default)]
pub(crate) struct Wire {
    /// By when they arrive, and in the order of sending. No hash table: where that is full of what was removed, it grows by chance,
    /// and this process's memory is what is judged.
    under_way: BTreeMap<(Duration, u64), Datagram>,
    sent: u64,
}

const MILLI: Duration = Duration::from_millis(1);

impl Wire {
    pub(crate) fn next_due(&self) -> Option<Duration> {
        self.under_way.keys().next().map(|(at, _)| *at)
    }

    pub(crate) fn take_next(&mut self) -> Option<Datagram> {
        self.under_way.pop_first().map(|(_, datagram)| datagram)
    }

    /// Takes it along; false if it is lost, with this chance in a hundred.
    pub(crate) fn carry(
        &mut self,
        at: Duration,
        datagram: Datagram,
        loss: usize,
        random: &Random,
    ) -> bool {
        if random.below(100) < loss {
            return false;
        }
        self.play_tricks(at, &datagram, random);
        let delay = delay_of(datagram.spoke, random);
        self.push(at + delay, datagram);
        true
    }

    /// What bad networks do by accident, and who listens does on purpose.
    fn play_tricks(&mut self, at: Duration, datagram: &Datagram, random: &Random) {
        if random.one_in(500) {
            self.push(at + delay_of(datagram.spoke, random), copy(datagram));
        }
        if random.one_in(500) {
            let mut forged = copy(datagram);
            let place = random.below(forged.bytes.len());
            forged.bytes[place] ^= 1 << random.below(8);
            forged.source.set_port(1 + random.below(999) as u16);
            self.push(at + delay_of(datagram.spoke, random), forged);
        }
        if random.one_in(1000) {
            let mut replayed = copy(datagram);
            replayed.source.set_port(1 + random.below(999) as u16);
            let later = random.between(2000 * MILLI, 400_000 * MILLI);
            self.push(at + later, replayed);
        }
    }

    fn push(&mut self, at: Duration, datagram: Datagram) {
        self.sent += 1;
        self.under_way.insert((at, self.sent), datagram);
    }
}

/// Links differ; on each, some datagrams overtake others, and a few come very late.
fn delay_of(spoke: usize, random: &Random) -> Duration {
    let base = MILLI * (1 + 10 * spoke as u32);
    if random.one_in(1000) {
        base + random.between(200 * MILLI, 1500 * MILLI)
    } else {
        base + random.between(Duration::ZERO, 30 * MILLI)
    }
}

fn copy(datagram: &Datagram) -> Datagram {
    Datagram {
        bytes: datagram.bytes.clone(),
        is_copy: true,
        ..*datagram
    }
}
