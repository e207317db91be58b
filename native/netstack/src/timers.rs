//! One heap for the deadlines of all flows. A flow that moves its deadline later does nothing here: when the old one
//! comes up, the flow says when it really wants to be woken.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Instant;

use crate::flow_table::Token;

#[derive(Debug, Default)]
pub(crate) struct Timers(BinaryHeap<Reverse<(Instant, Token)>>);

impl Timers {
    pub(crate) fn add(&mut self, at: Instant, token: Token) {
        self.0.push(Reverse((at, token)));
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.0.peek().map(|Reverse((at, _))| *at)
    }

    pub(crate) fn take_due(&mut self, now: Instant) -> Option<Token> {
        if self.next()? > now {
            return None;
        }
        self.0.pop().map(|Reverse((_, token))| token)
    }
}
