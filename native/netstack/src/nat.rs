//! The NAT itself: its configuration, its flows, and the two ways in: packets of devices ([`Nat::handle_packet`]) and
//! sockets of this host that are ready ([`Nat::handle_ready`]).

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Instant;

use rustix::event::epoll;

use crate::admission::{Admission, AdmissionRules};
use crate::batch::{Batch, PeerTag};
use crate::clock::Clock;
use crate::complaints::{Complaints, Refused};
use crate::config::{NatConfig, NatLimits};
use crate::drops::{NatDrop, NatDrops};
use crate::echo_flow::{EchoFlow, PingDoor};
use crate::flow_table::{FlowKey, FlowTable, Token};
use crate::reassembly::Reassembly;
use crate::tcp_endpoint::Tunnel;
use crate::tcp_flow::TcpFlow;
use crate::timers::Timers;
use crate::trouble::Trouble;
use crate::udp_flow::UdpFlow;

pub struct Nat {
    pub(crate) rules: AdmissionRules,
    pub(crate) mtu: usize,
    pub(crate) limits: NatLimits,
    pub(crate) ping: PingDoor,
    pub(crate) epoll: OwnedFd,
    pub(crate) flows: FlowTable<Flow>,
    pub(crate) flows_of: HashMap<IpAddr, usize>,
    pub(crate) timers: Timers,
    pub(crate) reassembly: Reassembly,
    /// TCP flows that have something to move or to send.
    pub(crate) runnable: VecDeque<Token>,
    pub(crate) drops: NatDrops,
    pub(crate) complaints: Complaints,
    pub(crate) refused: Vec<Refused>,
    /// Of fragments; a counter is enough, one host sees them in order.
    pub(crate) ident: u32,
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
}

pub(crate) enum FlowKind {
    Tcp(Box<TcpFlow>),
    Udp(UdpFlow),
    Echo(EchoFlow),
}

impl Nat {
    pub fn new(config: &NatConfig, limits: NatLimits, now: Instant) -> io::Result<Self> {
        Ok(Self {
            rules: AdmissionRules::new(&config.addresses, &config.ranges, &config.overlay),
            mtu: config.mtu,
            limits,
            ping: PingDoor::find(),
            epoll: epoll::create(epoll::CreateFlags::CLOEXEC)?,
            flows: FlowTable::new(),
            flows_of: HashMap::new(),
            timers: Timers::default(),
            reassembly: Reassembly::default(),
            runnable: VecDeque::new(),
            drops: NatDrops::default(),
            complaints: Complaints::new(now),
            refused: Vec::new(),
            ident: 0,
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
        let Some((key, flow)) = self.flows.remove(token) else {
            return;
        };
        self.timers.disarm(token, flow.armed);
        if let Some(count) = self.flows_of.get_mut(&key.device) {
            *count -= 1;
            if *count == 0 {
                self.flows_of.remove(&key.device);
            }
        }
    }

    pub(crate) fn remember(&mut self, key: FlowKey, flow: Flow) -> Token {
        *self.flows_of.entry(key.device).or_default() += 1;
        self.flows.insert(key, flow)
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
        if self.complaints.allow(now) {
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
