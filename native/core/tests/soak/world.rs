//! The hub, its spokes, and everything that happens to them.

mod judging;
mod link;
mod mail;
mod occasions;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt::Write;
use std::time::{Duration, Instant};

use culvert_core::{EventKind, Now, Outbox};

use crate::host::{HUB, Host, Terms};
use crate::ledger::{Ledger, Loss};
use crate::random::Random;
use crate::wire::Wire;
use link::Link;
use occasions::{Habit, Occasion};

const SPOKES: usize = 8;
const UNIX_START: Duration = Duration::from_secs(1_700_000_000);
/// Older sessions are gone; whoever has forgotten one is asked for a new one by then.
const CALM: Duration = Duration::from_secs(240);

pub(crate) struct World {
    pub(crate) ledger: Ledger,
    random: Random,
    start: Instant,
    at: Duration,
    hosts: Vec<Host>,
    links: Vec<Link>,
    wire: Wire,
    agenda: BinaryHeap<Reverse<(Duration, u64, Occasion)>>,
    planned: u64,
    is_calm: bool,
    tally: std::collections::BTreeMap<&'static str, u64>,
}

impl World {
    pub(crate) fn new(seed: u64) -> World {
        let random = Random::new(seed);
        let start = Instant::now();
        let now = now_at(start, Duration::ZERO);
        let hosts = (0..=SPOKES)
            .map(|number| Host::new(number, now, [number as u8 + 1; 32], random.number()))
            .collect();
        let mut world = World {
            ledger: Ledger::default(),
            start,
            at: Duration::ZERO,
            hosts,
            links: (0..=SPOKES).map(|_| Link::new()).collect(),
            wire: Wire::default(),
            agenda: BinaryHeap::new(),
            planned: 0,
            is_calm: false,
            tally: Default::default(),
            random,
        };
        for spoke in 1..=SPOKES {
            world.introduce_to_hub(spoke);
            world.introduce_to_spoke(spoke);
        }
        world.plan_everything();
        world
    }

    /// Lets time pass, stopping wherever something happens.
    pub(crate) fn run(&mut self, until: Duration) {
        while let Some(at) = self.next_happening().filter(|at| *at <= until) {
            self.at = self.at.max(at);
            if self.wire.next_due().is_some_and(|due| due <= self.at) {
                self.arrive();
            } else if let Some(host) = self.host_to_wake() {
                self.wake(host);
            } else if let Some(Reverse((_, _, occasion))) = self.agenda.pop() {
                self.happen(occasion);
            }
        }
        self.at = until;
        self.ledger.assert_none_vanished(self.at);
    }

    /// Nothing is disturbed any more, everybody talks, and after a while nothing at all is lost.
    pub(crate) fn calm_down(&mut self) {
        self.is_calm = true;
        for spoke in 1..=SPOKES {
            self.links[spoke].loss = 0;
            self.links[spoke].habit = Habit::Both;
            if !self.links[spoke].is_known {
                self.introduce_to_hub(spoke);
            }
        }
        self.run(self.at + CALM);
        let (sent, delivered) = self.ledger.count();
        self.run(self.at + CALM);
        let (sent_now, delivered_now) = self.ledger.count();
        let (sent, delivered) = (sent_now - sent, delivered_now - delivered);
        // What is under way at the ends is counted at one of them only.
        assert!(
            sent > 1000 && sent.abs_diff(delivered) < 100,
            "in calm weather {delivered} of {sent} packets arrived"
        );
    }

    /// Packets that wait for a handshake, which come and go by the hundred.
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.hosts.iter().map(Host::staged_bytes).sum()
    }

    pub(crate) fn summary(&self) -> String {
        let mut text = format!("{}\n", self.ledger);
        for (what, count) in &self.tally {
            write!(text, "{count} {what}, ").unwrap();
        }
        text
    }

    fn now(&self) -> Now {
        now_at(self.start, self.at)
    }

    fn note(&mut self, what: &'static str) {
        *self.tally.entry(what).or_default() += 1;
    }

    fn next_happening(&self) -> Option<Duration> {
        let planned = self.agenda.peek().map(|Reverse((at, _, _))| *at);
        let wakeups = self
            .hosts
            .iter()
            .filter_map(|host| host.tunnel.next_wakeup());
        let wakeup = wakeups
            .min()
            .map(|at| at.saturating_duration_since(self.start));
        [planned, wakeup, self.wire.next_due()]
            .into_iter()
            .flatten()
            .min()
    }

    fn host_to_wake(&self) -> Option<usize> {
        let now = self.now().instant;
        let is_due = |host: &Host| host.tunnel.next_wakeup().is_some_and(|due| due <= now);
        self.hosts.iter().position(is_due)
    }

    fn wake(&mut self, host: usize) {
        let mut outbox = Outbox::new();
        self.hosts[host]
            .tunnel
            .handle_timeout(self.now(), &mut outbox);
        self.dispatch(host, &outbox);
        self.hear_events(host);
    }

    fn hear_events(&mut self, host: usize) {
        for event in self.hosts[host].tunnel.take_events() {
            let others: Vec<usize> = if host == HUB {
                (1..=SPOKES).collect()
            } else {
                vec![HUB]
            };
            let other = others
                .into_iter()
                .find(|other| self.hosts[*other].public_key() == *event.peer.public_key());
            let Some(other) = other else { continue };
            match event.kind {
                EventKind::HandshakeDone { .. } => self.note("handshakes"),
                EventKind::HandshakeGaveUp => {
                    self.note("handshakes given up");
                    let waiting = self.hosts[host].drop_staged(other);
                    self.lose_all(waiting, Loss::GaveUp);
                    self.point_to_hub(host);
                }
                EventKind::PeerLost => self.note("peers lost"),
            }
        }
    }

    /// As `culvertd` does whose gateway does not answer. A response whose mac2, which nobody looks at without load, was changed on its
    /// way is authentic wherever it comes from, and a spoke that has followed it there asks nobody from then on.
    fn point_to_hub(&mut self, spoke: usize) {
        if spoke != HUB {
            self.introduce_to_spoke(spoke);
        }
    }

    fn introduce_to_hub(&mut self, spoke: usize) {
        let link = &mut self.links[spoke];
        link.is_known = true;
        let terms = Terms {
            endpoint: None,
            preshared_key: link.preshared_key,
            replay_floor: link.replay_floor,
            keepalive_seconds: 0,
        };
        self.hosts[HUB].expect(now_at(self.start, self.at), &self.hosts[spoke], terms);
    }

    fn introduce_to_spoke(&mut self, spoke: usize) {
        let link = &self.links[spoke];
        let terms = Terms {
            endpoint: Some(self.hosts[HUB].address),
            preshared_key: link.preshared_key,
            replay_floor: None,
            keepalive_seconds: link.keepalive_seconds,
        };
        self.hosts[spoke].expect(self.now(), &self.hosts[HUB], terms);
    }
}

fn now_at(start: Instant, at: Duration) -> Now {
    Now {
        instant: start + at,
        unix: UNIX_START + at,
    }
}
