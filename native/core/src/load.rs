//! When to ask for a cookie before computing.
//!
//! What loads us is Diffie-Hellman spent on handshakes that come to nothing, so those are what is counted:
//! a source that fails too often is asked for cookies by itself, and only failures from sources that have
//! not failed much before count against everybody. Honest handshakes, however many, never do.
//!
//! A cookie costs its initiator the five seconds until its next try, so a flood would still be felt by whoever
//! connects or rekeys meanwhile. A source that nothing is held against is therefore computed for even under load,
//! as far as a budget for all of those goes. What it is let in with is held against it until a session has come of it:
//! addresses can be forged, so this must not cost anybody what a cookie would have given.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

/// Failures in a burst and per second that one source, and all together, may cost us.
const SOURCE_BURST: u32 = 20;
const SOURCE_RATE: u32 = 20;
const TOTAL_BURST: u32 = 256;
const TOTAL_RATE: u32 = 256;
/// How long being under load lasts after the last sign of it.
const LOAD_LASTS: Duration = Duration::from_secs(1);
/// Handshakes that one source may do while we are under load, cookie or not.
const LOADED_BURST: u32 = 5;
const LOADED_RATE: u32 = 20;
/// Handshakes without a cookie that sources which nothing is held against may cost us under load, all together:
/// room for a flood from a thousand places to be got to know, and 2 % of a core afterwards (`examples/flood-cost.rs`).
const UNPROVEN_BURST: u32 = 2048;
const UNPROVEN_RATE: u32 = 512;
/// For so long it is held against a source that a handshake of its came to nothing.
const SUSPICION_LASTS: Duration = Duration::from_secs(60);
/// Sources remembered, at most; then all are forgotten, which favours them.
const SOURCES: usize = 100_000;

pub(crate) struct Load {
    always: bool,
    loaded_until: Option<Instant>,
    failures: Bucket,
    unproven: Bucket,
    sources: HashMap<IpAddr, Source>,
}

struct Source {
    failures: Bucket,
    suspected: Option<Instant>,
    unproven: Bucket,
    loaded: Bucket,
}

struct Bucket {
    tokens_micro: u64,
    filled: Instant,
}

impl Load {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            always: false,
            loaded_until: None,
            failures: Bucket::full(TOTAL_BURST, now),
            unproven: Bucket::full(UNPROVEN_BURST, now),
            sources: HashMap::new(),
        }
    }

    /// For a caller that knows of load which we cannot see, such as an overflowing socket.
    pub(crate) fn set_always(&mut self, always: bool) {
        self.always = always;
    }

    /// Must this source show a cookie?
    pub(crate) fn wants_cookie(&mut self, source: IpAddr, now: Instant) -> bool {
        self.always
            || self.loaded_until.is_some_and(|until| now < until)
            || self
                .sources
                .get_mut(&network(source))
                .is_some_and(|source| source.failures.is_empty(SOURCE_BURST, SOURCE_RATE, now))
    }

    /// May this source be computed for now though it has shown no cookie? It takes of what there is for that.
    pub(crate) fn takes_unproven(&mut self, source: IpAddr, now: Instant) -> bool {
        if !self.is_open_to(source, now) {
            return false;
        }
        let known = self.source(source, now);
        if !known.unproven.take(LOADED_BURST, LOADED_RATE, now) {
            return false;
        }
        known.suspected = Some(now);
        self.unproven.take(UNPROVEN_BURST, UNPROVEN_RATE, now)
    }

    /// Nothing is held against it, and there is room for one more that shows no cookie.
    pub(crate) fn is_open_to(&mut self, source: IpAddr, now: Instant) -> bool {
        !self.always
            && !self.is_suspected(source, now)
            && !self.unproven.is_empty(UNPROVEN_BURST, UNPROVEN_RATE, now)
    }

    fn is_suspected(&self, source: IpAddr, now: Instant) -> bool {
        self.sources
            .get(&network(source))
            .and_then(|known| known.suspected)
            .is_some_and(|since| now.saturating_duration_since(since) < SUSPICION_LASTS)
    }

    /// May this source, which has shown its cookie, have one more handshake now?
    pub(crate) fn allows(&mut self, source: IpAddr, now: Instant) -> bool {
        self.source(source, now)
            .loaded
            .take(LOADED_BURST, LOADED_RATE, now)
    }

    /// A handshake from this source has cost us and come to nothing.
    pub(crate) fn note_failure(&mut self, source: IpAddr, now: Instant) {
        let known = self.source(source, now);
        known.suspected = Some(now);
        if !known.failures.take(SOURCE_BURST, SOURCE_RATE, now) {
            return;
        }
        if !self.failures.take(TOTAL_BURST, TOTAL_RATE, now) {
            self.loaded_until = Some(now + LOAD_LASTS);
        }
    }

    /// A handshake from this source has come to a session, so nothing is held against it any more.
    pub(crate) fn note_success(&mut self, source: IpAddr) {
        if let Some(known) = self.sources.get_mut(&network(source)) {
            known.suspected = None;
        }
    }

    #[cfg(test)]
    pub(crate) fn sources(&self) -> usize {
        self.sources.len()
    }

    fn source(&mut self, source: IpAddr, now: Instant) -> &mut Source {
        let network = network(source);
        if self.sources.len() >= SOURCES && !self.sources.contains_key(&network) {
            self.sources = HashMap::new();
        }
        self.sources.entry(network).or_insert_with(|| Source {
            failures: Bucket::full(SOURCE_BURST, now),
            suspected: None,
            unproven: Bucket::full(LOADED_BURST, now),
            loaded: Bucket::full(LOADED_BURST, now),
        })
    }
}

/// One host of IPv6 has a whole /64 to choose from.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6((u128::from(address) & (u128::MAX << 64)).into()),
        v4 => v4,
    }
}

const MICRO: u64 = 1_000_000;

impl Bucket {
    fn full(burst: u32, now: Instant) -> Self {
        Self {
            tokens_micro: u64::from(burst) * MICRO,
            filled: now,
        }
    }

    fn fill(&mut self, burst: u32, per_second: u32, now: Instant) {
        let passed = now.saturating_duration_since(self.filled).as_micros();
        let passed = u64::try_from(passed).unwrap_or(u64::MAX);
        let gained = passed.saturating_mul(u64::from(per_second));
        self.tokens_micro = self
            .tokens_micro
            .saturating_add(gained)
            .min(u64::from(burst) * MICRO);
        self.filled = self.filled.max(now);
    }

    fn is_empty(&mut self, burst: u32, per_second: u32, now: Instant) -> bool {
        self.fill(burst, per_second, now);
        self.tokens_micro < MICRO
    }

    fn take(&mut self, burst: u32, per_second: u32, now: Instant) -> bool {
        if self.is_empty(burst, per_second, now) {
            return false;
        }
        self.tokens_micro -= MICRO;
        true
    }
}
