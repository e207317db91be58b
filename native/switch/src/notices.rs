//! Resets for the ends of connections that were cut while they were silent, so that nobody hangs.
use std::collections::VecDeque;

use crate::config::PeerHandle;
use crate::flow::{Flow, Phase, Side};
use crate::liveness::Liveness;
use crate::policy::Policy;
use crate::refusal::{write_reset_to_connector, write_reset_to_device};
use crate::time::Now;

/// A sweep's step at most. When nobody polls, more would be memory without an end.
const WAITING_AT_MOST: usize = 2 * 4096;

/// A packet that is nobody's answer: it tells one end of a flow that the flow is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notice {
    pub to: PeerHandle,
    pub len: usize,
}

#[derive(Debug, Default)]
pub(crate) struct Notices(VecDeque<(Side, Flow)>);

impl Notices {
    /// A device that is cut itself has no tunnel to be told through.
    pub(crate) fn tell_device(&mut self, policy: &Policy, flow: &Flow, now: Now) {
        let is_there = policy
            .device(flow.device)
            .is_some_and(|device| !device.is_expired(now.unix_ms));
        if is_there {
            self.push(Side::Device, flow);
        }
    }

    pub(crate) fn tell_connector(&mut self, policy: &Policy, liveness: &Liveness, flow: &Flow) {
        let is_there =
            policy.connector(flow.connector).is_some() && liveness.has_session(flow.connector);
        if is_there {
            self.push(Side::Remote, flow);
        }
    }

    fn push(&mut self, side: Side, flow: &Flow) {
        let is_open = flow.is_tcp() && flow.phase != Phase::Closing;
        if is_open && self.0.len() < WAITING_AT_MOST {
            self.0.push_back((side, *flow));
        }
    }

    pub(crate) fn poll(&mut self, answer: &mut [u8]) -> Option<Notice> {
        let (side, flow) = self.0.pop_front()?;
        let (to, len) = match side {
            Side::Device => (flow.device, write_reset_to_device(&flow, answer)?),
            Side::Remote => (flow.connector, write_reset_to_connector(&flow, answer)?),
        };
        Some(Notice { to, len })
    }
}
