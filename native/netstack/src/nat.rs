//! The NAT itself: its configuration, its flows, and the two ways in: packets of devices ([`Nat::handle_packet`]) and
//! sockets of this host that are ready ([`Nat::handle_ready`]).

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::Instant;

use rustix::event::epoll;

use crate::admission::{Admission, AdmissionRules};
use crate::allowance::{Allowance, Place};
use crate::batch::{Batch, PeerTag};
use crate::clock::Clock;
use crate::complaints::Refused;
use crate::config::{NatConfig, NatLimits};
use crate::drops::{NatDrop, NatDrops};
use crate::echo_flow::{EchoFlow, PingDoor};
use crate::flow_table::{FlowTable, Token};
use crate::identification::Identification;
use crate::reassembly::Reassembly;
use crate::tcp_endpoint::Tunnel;
use crate::tcp_flow::TcpFlow;
use crate::timers::Timers;
use crate::trouble::Trouble;
use crate::udp_flow::UdpFlow;

pub struct Nat {
    pub(crate) rules: AdmissionRules,
    pub(crate) mtu: usize,
    pub(crate) allowance: Arc<Allowance>,
    pub(crate) ping: PingDoor,
    pub(crate) epoll: OwnedFd,
    pub(crate) flows: FlowTable<Flow>,
    pub(crate) timers: Timers,
    pub(crate) reassembly: Reassembly,
    /// TCP flows that have something to move or to send.
    pub(crate) runnable: VecDeque<Token>,
    pub(crate) drops: NatDrops,
    pub(crate) refused: Vec<Refused>,
    pub(crate) identification: Identification,
    pub(crate) scratch: Vec<u8>,
    start: Instant,
    seeds: RandomState,
    seeded: u64,
}

pub(crate) struct Flow {
    /// Where the device's last packet came from.
    pub(crate) peer: PeerTag,
    /// When its timer goes off; may be earlier than it wants.
    pub(crate) armed: Option<Instant>,
    /// When it last wanted to be woken.
    pub(crate) wants: Option<Instant>,
    pub(crate) queued: bool,
    pub(crate) kind: FlowKind,
    /// Free for another when this flow is gone.
    pub(crate) _place: Place,
}

pub(crate) enum FlowKind {
    Tcp(Box<TcpFlow>),
    Udp(UdpFlow),
    Echo(EchoFlow),
}

impl Nat {
    pub fn new(config: &NatConfig, limits: NatLimits, now: Instant) -> io::Result<Self> {
        let allowance = Arc::new(Allowance::new(limits, now));
        Self::shard(config, allowance, Identification::of_shard(0, 1), now)
    }

    /// As many as there are to be, each for a thread of its own; an [`crate::Entrance`] says what comes to which. The limits
    /// are for all of them together.
    pub fn shards(
        config: &NatConfig,
        limits: NatLimits,
        now: Instant,
        count: usize,
    ) -> io::Result<Vec<Self>> {
        let allowance = Arc::new(Allowance::new(limits, now));
        let numbers = (0..count).map(|number| Identification::of_shard(number, count));
        numbers
            .map(|identification| Self::shard(config, Arc::clone(&allowance), identification, now))
            .collect()
    }

    fn shard(
        config: &NatConfig,
        allowance: Arc<Allowance>,
        identification: Identification,
        now: Instant,
    ) -> io::Result<Self> {
        Ok(Self {
            rules: AdmissionRules::new(&config.addresses, &config.ranges, &config.overlay),
            mtu: config.mtu,
            allowance,
            ping: PingDoor::find(),
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            flows: FlowTable::new(),
            timers: Timers::default(),
            reassembly: Reassembly::default(),
            runnable: VecDeque::new(),
            drops: NatDrops::default(),
            refused: Vec::new(),
            identification,
            scratch: Vec::new(),
            start: now,
            seeds: RandomState::new(),
            seeded: 0,
        })
    }

    /// Readable when [`Nat::handle_ready`] has something to do. Poll it together with the tunnel's socket.
    pub fn poll_fd(&self) -> BorrowedFd<'_> {
        self.epoll.as_fd()
    }

    /// When [`Nat::handle_ready`] wants to be called even if nothing gets ready.
    pub fn poll_timeout(&self) -> Option<Instant> {
        if !self.runnable.is_empty() {
            return Some(self.start);
        }
        let deadlines = [self.timers.next(), self.reassembly.poll_timeout()];
        deadlines.into_iter().flatten().min()
    }

    /// Of this shard.
    pub fn flows(&self) -> usize {
        self.flows.len()
    }

    /// Never more than flows: what a flow costs does not grow with its age.
    pub fn deadlines(&self) -> usize {
        self.timers.len()
    }

    pub fn drops(&self) -> &NatDrops {
        &self.drops
    }

    /// Packets refused since the last call; in a flood the first of them.
    pub fn take_refused(&mut self) -> Vec<Refused> {
        std::mem::take(&mut self.refused)
    }

    pub fn ping(&self) -> PingDoor {
        self.ping
    }

    /// Takes the new configuration over and cuts the flows that it does not allow any more.
    pub fn configure(&mut self, now: Instant, config: &NatConfig, out: &mut Batch) {
        self.rules = AdmissionRules::new(&config.addresses, &config.ranges, &config.overlay);
        self.mtu = config.mtu;
        self.ping = PingDoor::find();
        for token in self.flows.tokens() {
            let Some((key, _)) = self.flows.get_mut(token) else {
                continue;
            };
            let allowed = self.rules.destination(key.target) == Admission::Allowed
                && self.rules.may_come_from(key.device);
            if !allowed {
                self.cut(token, now, out);
            }
        }
    }

    /// Ends every flow, with a reset to both sides where the protocol has one.
    pub fn cut_all(&mut self, now: Instant, out: &mut Batch) {
        for token in self.flows.tokens() {
            self.cut(token, now, out);
        }
    }

    fn cut(&mut self, token: Token, now: Instant, out: &mut Batch) {
        let clock = self.clock(now);
        let mtu = self.mtu;
        let Some((_, flow)) = self.flows.get_mut(token) else {
            return;
        };
        if let FlowKind::Tcp(tcp) = &mut flow.kind {
            tcp.reset(clock, &mut tunnel(out, flow.peer, mtu, 1));
        }
        self.forget(token);
    }

    /// Closes the flow's socket, which also takes it out of the epoll.
    pub(crate) fn forget(&mut self, token: Token) {
        if let Some((_, flow)) = self.flows.remove(token) {
            self.timers.disarm(token, flow.armed);
        }
    }

    pub(crate) fn run_soon(&mut self, token: Token) {
        if let Some((_, flow)) = self.flows.get_mut(token)
            && !flow.queued
        {
            flow.queued = true;
            self.runnable.push_back(token);
        }
    }

    /// A flow that moves its deadline later only notes it: when the old one comes up, it is armed again, and the rest of the
    /// flow, whose memory no cache holds by then, is left alone. Every acknowledgement that is put off and then goes with an
    /// answer is such a case.
    pub(crate) fn arm(&mut self, token: Token, at: Instant) {
        let Some((_, flow)) = self.flows.get_mut(token) else {
            return;
        };
        flow.wants = Some(at);
        if flow.armed.is_none_or(|armed| at < armed) {
            self.timers.arm(token, flow.armed.replace(at), at);
        }
    }

    /// Tells the device `to` what became of `original`, unless too much was told this second.
    pub(crate) fn complain(
        &mut self,
        now: Instant,
        trouble: Trouble,
        from: IpAddr,
        to: (IpAddr, PeerTag),
        original: &[u8],
        out: &mut Batch,
    ) {
        if self.allowance.may_complain(now) {
            trouble.push(out, to.1, from, to.0, original);
        } else {
            self.drops.count(NatDrop::ErrorsLimited);
        }
    }

    /// Who speaks to the device about a packet for `target`: the target about itself, a router that lies in the ranges
    /// about the way there, and the connector about the rest.
    pub(crate) fn speaker(
        &self,
        trouble: Trouble,
        offender: Option<IpAddr>,
        target: IpAddr,
    ) -> IpAddr {
        match offender {
            _ if trouble == Trouble::Refused => target,
            Some(offender)
                if offender == target || self.rules.destination(offender) == Admission::Allowed =>
            {
                offender
            }
            _ => self.rules.own_address(target).unwrap_or(target),
        }
    }

    pub(crate) fn clock(&self, now: Instant) -> Clock {
        Clock {
            start: self.start,
            now,
        }
    }

    /// Unpredictable to anybody who does not know this process's hash key: initial sequence numbers come from it.
    pub(crate) fn seed(&mut self) -> u64 {
        self.seeded += 1;
        self.seeds.hash_one(self.seeded)
    }
}

pub(crate) fn tunnel(batch: &mut Batch, peer: PeerTag, mtu: usize, budget: usize) -> Tunnel<'_> {
    Tunnel {
        batch,
        peer,
        mtu,
        budget,
    }
}
