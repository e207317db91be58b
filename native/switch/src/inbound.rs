//! From a connector to a device: answers of flows that a device began, and nothing else.
use crate::config::PeerHandle;
use crate::drops::DropReason;
use crate::flow::{Flow, FlowKey, Side};
use crate::flow_table::FlowIndex;
use crate::packet::{Inner, Kind};
use crate::policy::{Connector, Policy};
use crate::ranges::is_reserved;
use crate::refusal::Because;
use crate::rejection::{Rejection, refuse_too_big};
use crate::review::Review;
use crate::time::Now;
use crate::tracking::Tracking;
use crate::tuple::Tuple;

impl Tracking {
    pub(crate) fn carry_back(
        &mut self,
        policy: &Policy,
        from: PeerHandle,
        connector: &Connector,
        len: usize,
        inner: &Inner,
        now: Now,
    ) -> Result<PeerHandle, Rejection> {
        let tuple = match inner.kind {
            Kind::Error(quoted) => quoted_outbound(policy, inner, quoted)?,
            _ => inner.tuple.reversed(),
        };
        let key = FlowKey {
            network: connector.network,
            tuple,
        };
        let found = self.flows.find(&key, now.monotonic_ms);
        let found = found.and_then(|index| Some((index, *self.flows.get(index)?)));
        let Some((index, flow)) = found else {
            return Err(Rejection::silent(DropReason::NoFlow));
        };
        if flow.connector != from {
            return Err(Rejection::silent(DropReason::WrongConnector));
        }
        self.check_return(policy, index, &flow, now)?;
        if let Kind::Error(_) = inner.kind {
            return Ok(flow.device);
        }
        if !Flow::accepts(Side::Remote, inner.kind) {
            return Err(Rejection::silent(DropReason::NoFlow));
        }
        refuse_too_big(policy, len)?;
        self.flows.touch(index, now.monotonic_ms, |flow| {
            flow.step(Side::Remote, inner.kind)
        });
        Ok(flow.device)
    }

    /// The connector speaks, so it lives, whatever its session was last said to be.
    fn check_return(
        &mut self,
        policy: &Policy,
        index: FlowIndex,
        flow: &Flow,
        now: Now,
    ) -> Result<(), Rejection> {
        let is_expired = policy
            .device(flow.device)
            .is_none_or(|device| device.is_expired(now.unix_ms));
        if flow.epoch == self.epoch && !is_expired {
            return Ok(());
        }
        match self.review(policy, flow, now) {
            Review::Right => self.approve(index),
            Review::ConnectorLost if policy.connector(flow.connector).is_some() => {}
            Review::Wrong | Review::ConnectorLost => {
                self.flows.remove(index);
                self.notices.tell_device(policy, flow, now);
                return Err(Rejection::told(DropReason::Denied, Because::Prohibited));
            }
        }
        Ok(())
    }
}

/// The flow that an error from a connector is about, as its device sends it. The error itself may come from any router
/// on the way, but not in the name of a device.
fn quoted_outbound(
    policy: &Policy,
    inner: &Inner,
    quoted: Option<Tuple>,
) -> Result<Tuple, Rejection> {
    let Tuple {
        source,
        destination,
        ..
    } = inner.tuple;
    let is_devices = policy
        .owner_of(source)
        .is_some_and(|owner| policy.device(owner).is_some());
    match quoted {
        Some(quoted) if quoted.source == destination && !is_devices && !is_reserved(source) => {
            Ok(quoted)
        }
        _ => Err(Rejection::silent(DropReason::NoFlow)),
    }
}
