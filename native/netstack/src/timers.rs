//! The deadlines of all flows, one for each, in order.

use std::collections::BTreeSet;
use std::time::Instant;

use crate::flow_table::Token;

#[derive(Debug, Default)]
pub(crate) struct Timers(BTreeSet<(Instant, Token)>);

impl Timers {
    /// Moves the deadline of `token` from `old`, if it had one.
    pub(crate) fn arm(&mut self, token: Token, old: Option<Instant>, at: Instant) {
        self.disarm(token, old);
        self.0.insert((at, token));
    }

    pub(crate) fn disarm(&mut self, token: Token, old: Option<Instant>) {
        if let Some(old) = old {
            self.0.remove(&(old, token));
        }
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.0.first().map(|(at, _)| *at)
    }

    pub(crate) fn take_due(&mut self, now: Instant) -> Option<Token> {
        if self.next()? > now {
            return None;
        }
        self.0.pop_first().map(|(_, token)| token)
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
