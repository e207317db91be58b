//! The second look at a flow: whether it would still be let in, after the world has changed.
use crate::flow::{Flow, FlowKey};
use crate::flow_table::FlowIndex;
use crate::policy::{Device, Judgement, Policy, Route};
use crate::rule::{Port, Question};
use crate::time::Now;
use crate::tracking::Tracking;
use crate::tuple::Tuple;

/// About a millisecond's work.
const SWEPT_AT_ONCE: u32 = 4096;

/// What a second look at a flow finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Review {
    Right,
    Wrong,
    ConnectorLost,
}

impl Tracking {
    pub(crate) fn approve(&mut self, index: FlowIndex) {
        let epoch = self.epoch;
        self.flows.amend(index, |flow| flow.epoch = epoch);
    }

    /// Would this flow still be let in, and is its connector still there?
    pub(crate) fn review(&self, policy: &Policy, flow: &Flow, now: Now) -> Review {
        let Some(device) = policy.device(flow.device) else {
            return Review::Wrong;
        };
        let FlowKey { network, tuple } = flow.key;
        let is_right = !device.is_expired(now.unix_ms)
            && device.addresses.contains(&tuple.source)
            && policy.owner_of(tuple.destination).is_none()
            && policy
                .route(device, tuple.destination)
                .is_some_and(|route| {
                    route.network == network && allowed(policy, device, route, tuple).is_ok()
                });
        let is_carried = || {
            policy
                .connector(flow.connector)
                .is_some_and(|connector| connector.network == network)
                && self.liveness.has_session(flow.connector)
        };
        match (is_right, is_right && is_carried()) {
            (false, _) => Review::Wrong,
            (true, false) => Review::ConnectorLost,
            (true, true) => Review::Right,
        }
    }

    /// Looks at flows that no packet has shown since the world changed, and cuts the wrong ones.
    pub(crate) fn sweep(&mut self, policy: &Policy, now: Now) {
        let Some(start) = self.sweep else { return };
        let end = self
            .flows
            .slot_count()
            .min(start.saturating_add(SWEPT_AT_ONCE));
        for slot in start..end {
            let Some(index) = self.flows.at_slot(slot) else {
                continue;
            };
            let Some(flow) = self.flows.get(index).copied() else {
                continue;
            };
            if flow.epoch == self.epoch {
                continue;
            }
            if self.review(policy, &flow, now) == Review::Right {
                self.approve(index);
            } else {
                self.flows.remove(index);
                self.notices.tell_device(policy, &flow, now);
                self.notices.tell_connector(policy, &self.liveness, &flow);
            }
        }
        self.sweep = (end < self.flows.slot_count()).then_some(end);
    }
}

/// `Err` says which rule blocks it, if one does.
pub(crate) fn allowed(
    policy: &Policy,
    device: &Device,
    route: Route,
    tuple: Tuple,
) -> Result<(), Option<usize>> {
    let question = Question {
        destination: tuple.destination,
        protocol: tuple.protocol,
        port: Port::Exactly(tuple.destination_port),
    };
    match policy.judge(device, route.network, question) {
        Judgement::Allowed { .. } => Ok(()),
        Judgement::Blocked { rule } => Err(Some(rule)),
        Judgement::NoRule => Err(None),
    }
}
