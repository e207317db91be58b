//! The hub, its spokes, and everything that happens to them.

mod judging;
mod occasions;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt::Write;
use std::time::{Duration, Instant};

use culvert_core::{Endpoint, EventKind, Now, Outbox, Received, Tai64n};

use crate::host::{HUB, Host, Outcome, Terms, number_in, number_of, packet_of, session_began};
use crate::ledger::{Ledger, Loss};
use crate::random::Random;
use crate::wire::{Datagram, Wire};
use occasions::{Habit, Occasion};

const SPOKES: usize = 8;
const INITIATION: u8 = 1;
const DATA: u8 = 4;
/// A data message without a packet.
const KEEPALIVE_BYTES: usize = 32;
const UNIX_START: Duration = Duration::from_secs(1_700_000_000);
/// Handshakes that both ends began within this time may have crossed.
const CROSSING: Duration = Duration::from_secs(8);
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

/// Between one spoke and the hub. Pairs are of the hub and the spoke, in this order.
struct Link {
    habit: Habit,
    preshared_key: [u8; 32],
    keepalive_seconds: u16,
    /// Datagrams lost, of a hundred.
    loss: usize,
    /// The hub has the spoke among its peers.
    is_known: bool,
    /// What the hub keeps on disk of the spoke.
    replay_floor: Option<Tai64n>,
    /// When this end last forgot all sessions with the other.
    forgot: [Duration; 2],
    /// When this end last began a handshake.
    began: [Duration; 2],
    /// When both last did at about the same time.
    crossed: Duration,
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
                }
                EventKind::PeerLost => self.note("peers lost"),
            }
        }
    }

    /// One packet, from end to end of a link.
    fn send(&mut self, from: usize, to: usize) {
        let packet = self.ledger.open(self.at);
        let (now, mut outbox) = (self.now(), Outbox::new());
        match self.hosts[from].send(now, to, packet, &mut outbox) {
            Outcome::Sealed(bytes) => self.transmit(from, to, bytes, Some(packet)),
            Outcome::Waits { pushed_out } => self.lose_all(pushed_out, Loss::PushedOut),
            Outcome::NoEndpoint => self.ledger.lose(packet, Loss::NoEndpoint),
            Outcome::NoPeer => self.ledger.lose(packet, Loss::Forgotten),
        }
        self.dispatch(from, &outbox);
        self.hear_events(from);
    }

    fn lose_all(&mut self, packets: impl IntoIterator<Item = u64>, why: Loss) {
        for packet in packets {
            self.ledger.lose(packet, why);
        }
    }

    /// What a tunnel wants to send by itself.
    fn dispatch(&mut self, from: usize, outbox: &Outbox) {
        for (endpoint, bytes) in outbox.iter() {
            let to = number_of(endpoint.remote);
            let is_packet = bytes[0] == DATA && bytes.len() > KEEPALIVE_BYTES;
            let packet = is_packet.then(|| self.hosts[from].unstage(to));
            if bytes[0] == INITIATION {
                self.links[from.max(to)].begin(usize::from(from != HUB), self.at);
            }
            self.transmit_to(endpoint.remote, from, to, bytes.to_vec(), packet);
        }
    }

    fn transmit(&mut self, from: usize, to: usize, bytes: Vec<u8>, packet: Option<u64>) {
        let peer = self.hosts[from].peer(&self.hosts[to]).unwrap();
        let remote = peer.endpoint().unwrap().remote;
        self.transmit_to(remote, from, to, bytes, packet);
    }

    fn transmit_to(
        &mut self,
        remote: std::net::SocketAddr,
        from: usize,
        to: usize,
        bytes: Vec<u8>,
        packet: Option<u64>,
    ) {
        let (host, other) = (&self.hosts[from], &self.hosts[to]);
        let datagram = Datagram {
            spoke: from.max(to),
            source: host.address,
            to: remote,
            bytes,
            packet,
            session_began: session_began(host, other, UNIX_START),
            is_copy: false,
        };
        let loss = self.links[datagram.spoke].loss;
        if !self.wire.carry(self.at, datagram, loss, &self.random)
            && let Some(packet) = packet
        {
            self.ledger.lose(packet, Loss::OnTheWire);
        }
    }

    fn arrive(&mut self) {
        let Some(mut datagram) = self.wire.take_next() else {
            return;
        };
        let to = number_of(datagram.to);
        if self.hosts[to].address != datagram.to {
            self.lose_if_open(&datagram, Loss::ToAnOldAddress);
            return;
        }
        let (now, source, mut outbox) =
            (self.now(), Endpoint::from(datagram.source), Outbox::new());
        let received = self.hosts[to]
            .tunnel
            .receive(now, source, &mut datagram.bytes, &mut outbox);
        match received {
            Received::Packet { inner, .. } => self.deliver(to, &datagram, inner),
            Received::Handled => assert!(
                datagram.packet.is_none(),
                "a packet was taken for something else"
            ),
            Received::Dropped(reason) => self.judge(to, &datagram, reason),
        }
        self.dispatch(to, &outbox);
        self.hear_events(to);
    }

    fn deliver(&mut self, to: usize, datagram: &Datagram, inner: std::ops::Range<usize>) {
        let inner = &datagram.bytes[inner];
        let from = if to == HUB { datagram.spoke } else { HUB };
        let packet = number_in(inner);
        assert_eq!(
            inner,
            packet_of(packet, from, to),
            "packet {packet} came out different"
        );
        self.ledger.deliver(packet);
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

impl Link {
    fn new() -> Link {
        Link {
            habit: Habit::Both,
            preshared_key: [0; 32],
            keepalive_seconds: 0,
            loss: 0,
            is_known: false,
            replay_floor: None,
            forgot: [Duration::ZERO; 2],
            began: [Duration::ZERO; 2],
            crossed: Duration::ZERO,
        }
    }

    fn begin(&mut self, end: usize, at: Duration) {
        self.began[end] = at;
        if self.began[1 - end] + CROSSING >= at {
            self.crossed = at;
        }
    }
}

fn now_at(start: Instant, at: Duration) -> Now {
    Now {
        instant: start + at,
        unix: UNIX_START + at,
    }
}
