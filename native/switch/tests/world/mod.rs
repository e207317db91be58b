//! A switch with a clock, for its tests.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses its own part"
)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that is wrong should say so at once"
)]
pub mod configuration;
pub mod packets;

use std::sync::Arc;

use culvert_switch::config::{Config, PeerHandle};
use culvert_switch::drops::DropReason;
use culvert_switch::policy::Policy;
use culvert_switch::refusal::MAX_ANSWER_LEN;
use culvert_switch::switch::{FlowLimits, Switch, Verdict};
use culvert_switch::time::Now;

use self::configuration::{OSAKA, TOKYO_A, TOKYO_B};

/// A full table is swept in 64.
const MOST_CALLS: usize = 1000;

/// With an answer buffer.
pub struct World {
    pub switch: Switch,
    pub now: Now,
    pub answer: Vec<u8>,
    /// How many packets the switch was shown.
    pub shown: u64,
    /// Between the switch and its peers; without one, packets come and go by themselves.
    pub carrier: Option<Box<dyn Carrier>>,
}

/// What a gateway has around its switch.
pub trait Carrier {
    fn configure(&mut self, config: &Config);
    fn restart(&mut self);
    fn wait(&mut self, ms: u64);
    /// The packet as the gateway has it and from whom; `None` if it does not get there.
    fn arrive(&mut self, from: PeerHandle, packet: &[u8]) -> Option<(PeerHandle, Vec<u8>)>;
    fn leave(&mut self, to: PeerHandle, packet: &[u8]);
}

impl World {
    pub fn new(config: Config) -> Self {
        Self::with_limits(config, FlowLimits::default())
    }

    pub fn with_limits(config: Config, limits: FlowLimits) -> Self {
        let mut world = Self {
            switch: Switch::new(limits, [7, 11]),
            now: Now {
                monotonic_ms: 1_000_000,
                unix_ms: 1_700_000_000_000,
            },
            answer: vec![0; MAX_ANSWER_LEN],
            shown: 0,
            carrier: None,
        };
        world.configure(config);
        for connector in [TOKYO_A, TOKYO_B, OSAKA] {
            world.switch.set_session(connector, true, world.now);
        }
        world
    }

    pub fn configure(&mut self, config: Config) {
        if let Some(carrier) = &mut self.carrier {
            carrier.configure(&config);
        }
        let policy = Policy::compile(config, self.switch.policy()).unwrap();
        self.switch.configure(Arc::new(policy), self.now);
    }

    /// As the gateway's process is started anew, with the configuration that it had.
    pub fn restart(&mut self, config: Config) {
        self.switch = Switch::new(FlowLimits::default(), [7, 11]);
        if let Some(carrier) = &mut self.carrier {
            carrier.restart();
        }
        self.configure(config);
    }

    pub fn wait(&mut self, ms: u64) {
        if let Some(carrier) = &mut self.carrier {
            carrier.wait(ms);
        }
        self.now.monotonic_ms += ms;
        self.now.unix_ms += ms;
    }

    pub fn handle(&mut self, from: PeerHandle, packet: &[u8]) -> Verdict {
        self.shown += 1;
        let Some(carrier) = &mut self.carrier else {
            return self.switch.handle(from, packet, self.now, &mut self.answer);
        };
        let Some((from, packet)) = carrier.arrive(from, packet) else {
            return Verdict::Drop(DropReason::UnknownPeer);
        };
        let verdict = (self.switch).handle(from, &packet, self.now, &mut self.answer);
        match verdict {
            Verdict::Forward(to) => carrier.leave(to, &packet),
            Verdict::Refuse(refusal) => carrier.leave(from, &self.answer[..refusal.answer_len]),
            Verdict::Drop(_) => {}
        }
        verdict
    }

    /// The answer that refuses this packet.
    pub fn refused(&mut self, from: PeerHandle, packet: &[u8]) -> Vec<u8> {
        match self.handle(from, packet) {
            Verdict::Refuse(refusal) => self.answer[..refusal.answer_len].to_vec(),
            other => panic!("expected a refusal, not {other:?}"),
        }
    }

    pub fn forwarded(&mut self, from: PeerHandle, packet: &[u8]) -> PeerHandle {
        match self.handle(from, packet) {
            Verdict::Forward(to) => to,
            other => panic!("expected it to be forwarded, not {other:?}"),
        }
    }

    /// The name of what stopped the packet; `None` when nothing did.
    pub fn stopped(&mut self, from: PeerHandle, packet: &[u8]) -> Option<&'static str> {
        match self.handle(from, packet) {
            Verdict::Forward(_) => None,
            Verdict::Refuse(refusal) => Some(refusal.reason.name()),
            Verdict::Drop(reason) => Some(reason.name()),
        }
    }

    /// Sweeps to the end, and returns every notice.
    pub fn notices(&mut self) -> Vec<(PeerHandle, Vec<u8>)> {
        let mut notices = vec![];
        for _ in 0..MOST_CALLS {
            self.switch.handle_timeout(self.now);
            while let Some(notice) = self.switch.poll_notice(&mut self.answer) {
                notices.push((notice.to, self.answer[..notice.len].to_vec()));
            }
            let due = self.switch.poll_timeout(self.now);
            if due.is_none_or(|at| at > self.now.monotonic_ms) {
                return notices;
            }
        }
        panic!("it is still due after {MOST_CALLS} calls");
    }
}
