//! The gateway's decisions, packet by packet. Every configuration is swapped in whole; flows survive the swap, but each is
//! judged again before its next packet passes, and a sweep does the same for those that are silent.
//!
//! A packet of a known flow allocates nothing.
use std::sync::Arc;

use crate::config::{PeerHandle, PeerMap};
use crate::drops::{DropCounters, DropReason};
use crate::explain::{Explanation, Question, UnknownDevice, explain};
pub use crate::flow_table::FlowLimits;
pub use crate::notices::Notice;
use crate::packet::{Inner, Packet};
use crate::policy::Policy;
use crate::rate::{Rate, TokenBucket};
use crate::refusal::{Because, write_answer};
use crate::rejection::Rejection;
use crate::time::Now;
use crate::tracking::Tracking;
use crate::tuple::Tuple;

/// Nobody needs more answers than this to understand; a port scan would get thousands.
const ANSWERS: Rate = Rate {
    per_second: 50,
    burst: 100,
};
/// About a millisecond's work.
const COLLECTED_AT_ONCE: usize = 4096;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Forward(PeerHandle),
    /// Not forwarded, and the first bytes of the answer buffer are a packet for the sender that says so.
    Refuse(Refusal),
    Drop(DropReason),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    pub reason: DropReason,
    pub answer_len: usize,
    /// Where policy was what said no: what was asked, and the number of the rule that blocks it.
    pub denial: Option<Denial>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Denial {
    pub tuple: Tuple,
    pub rule: Option<usize>,
}

#[derive(Debug)]
pub struct Switch {
    policy: Arc<Policy>,
    tracking: Tracking,
    answers: PeerMap<TokenBucket>,
    drops: DropCounters,
    next_expiry_unix_ms: Option<u64>,
}

impl Switch {
    /// `seed` is secret and random: it keeps flow keys from being chosen to collide.
    pub fn new(limits: FlowLimits, seed: [u64; 2]) -> Self {
        Self {
            policy: Arc::default(),
            tracking: Tracking::new(limits, seed),
            answers: PeerMap::default(),
            drops: DropCounters::default(),
            next_expiry_unix_ms: None,
        }
    }

    pub fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// Takes over a new policy at once and whole. Call [`Switch::handle_timeout`] right after, to tell the ends of flows
    /// that it cut.
    pub fn configure(&mut self, policy: Arc<Policy>, now: Now) {
        self.answers.retain(|peer, _| policy.has_peer(*peer));
        self.next_expiry_unix_ms = policy.next_expiry(now.unix_ms);
        self.tracking.configure(&policy, now);
        self.policy = policy;
    }

    /// Whether a connector has a live session. One without carries nothing.
    pub fn set_session(&mut self, connector: PeerHandle, has_session: bool, now: Now) {
        self.tracking.set_session(connector, has_session, now);
    }

    /// Decides about one inner packet that `from` has sent. `answer` needs room for
    /// [`MAX_ANSWER_LEN`](crate::refusal::MAX_ANSWER_LEN) bytes.
    pub fn handle(
        &mut self,
        from: PeerHandle,
        packet: &[u8],
        now: Now,
        answer: &mut [u8],
    ) -> Verdict {
        let decided = self.decide(from, packet, now);
        let (inner, rejection) = match decided {
            Ok(to) => return Verdict::Forward(to),
            Err(rejected) => rejected,
        };
        self.drops.count(rejection.reason);
        inner
            .and_then(|inner| self.refuse(from, packet, &inner, rejection, now, answer))
            .map_or(Verdict::Drop(rejection.reason), Verdict::Refuse)
    }

    /// The error tells what could be read of the packet, for the answer to it.
    fn decide(
        &mut self,
        from: PeerHandle,
        packet: &[u8],
        now: Now,
    ) -> Result<PeerHandle, (Option<Inner>, Rejection)> {
        let (tracking, policy, len) = (&mut self.tracking, &self.policy, packet.len());
        let parsed = Packet::parse(packet).map_err(|reason| (None, Rejection::silent(reason)))?;
        match parsed {
            Packet::Whole(inner) => tracking
                .decide(policy, from, len, &inner, now)
                .map_err(|rejection| (Some(inner), rejection)),
            Packet::First(inner, id) => tracking
                .decide_first(policy, from, len, (&inner, id), now)
                .map_err(|rejection| (Some(inner), rejection)),
            Packet::Later(id) => tracking
                .decide_later(policy, from, len, id, now)
                .map_err(|rejection| (None, rejection)),
        }
    }

    fn refuse(
        &mut self,
        from: PeerHandle,
        packet: &[u8],
        inner: &Inner,
        rejection: Rejection,
        now: Now,
        answer: &mut [u8],
    ) -> Option<Refusal> {
        let because = rejection.because?;
        let bucket = self.answers.entry(from);
        let bucket = bucket.or_insert_with(|| TokenBucket::full(ANSWERS, now.monotonic_ms));
        if !bucket.take(ANSWERS, now.monotonic_ms) {
            return None;
        }
        let answer_len = write_answer(packet, inner, because, answer)?;
        let denial = (because == Because::Prohibited).then_some(Denial {
            tuple: inner.tuple,
            rule: rejection.rule,
        });
        Some(Refusal {
            reason: rejection.reason,
            answer_len,
            denial,
        })
    }

    /// Does what is due: forgets flows that ran out, cuts those of devices whose time is over, goes on with a sweep.
    /// Afterwards [`Switch::poll_notice`] may have something.
    pub fn handle_timeout(&mut self, now: Now) {
        if self
            .next_expiry_unix_ms
            .is_some_and(|expiry| expiry <= now.unix_ms)
        {
            self.next_expiry_unix_ms = self.policy.next_expiry(now.unix_ms);
            self.tracking.review_all();
        }
        self.tracking
            .flows
            .collect(now.monotonic_ms, COLLECTED_AT_ONCE);
        self.tracking.sweep(&self.policy, now);
    }

    /// When [`Switch::handle_timeout`] is due next, on the monotonic clock.
    pub fn poll_timeout(&self, now: Now) -> Option<u64> {
        let expiry = self.next_expiry_unix_ms.map(|expiry| {
            now.monotonic_ms
                .saturating_add(expiry.saturating_sub(now.unix_ms))
        });
        let sweep = self.tracking.is_sweeping().then_some(now.monotonic_ms);
        [expiry, sweep, self.tracking.flows.next_end_ms()]
            .into_iter()
            .flatten()
            .min()
    }

    /// The next packet that tells an end of a cut flow; written into `answer`.
    pub fn poll_notice(&mut self, answer: &mut [u8]) -> Option<Notice> {
        self.tracking.notices.poll(answer)
    }

    /// The decision that a packet would get, without one.
    pub fn explain(&self, question: &Question, now: Now) -> Result<Explanation, UnknownDevice> {
        explain(&self.policy, &self.tracking.liveness, question, now)
    }

    pub fn flow_count(&self) -> usize {
        self.tracking.flows.len()
    }

    pub fn drops(&self) -> &DropCounters {
        &self.drops
    }
}
