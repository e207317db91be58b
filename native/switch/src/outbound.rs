//! From a device to a connector.
use crate::config::PeerHandle;
use crate::drops::DropReason;
use crate::flow::{Flow, FlowKey, Side};
use crate::flow_table::{FlowIndex, TableFull};
use crate::packet::{Inner, Kind};
use crate::policy::{Device, Policy, Route};
use crate::refusal::Because;
use crate::rejection::{Rejection, refuse_lost, refuse_too_big, reject_uncarried, reject_unrouted};
use crate::rendezvous::flow_seed;
use crate::review::{Review, allowed};
use crate::time::Now;
use crate::tracking::Tracking;
use crate::tuple::Tuple;

impl Tracking {
    pub(crate) fn carry_out(
        &mut self,
        policy: &Policy,
        from: PeerHandle,
        device: &Device,
        len: usize,
        inner: &Inner,
        now: Now,
    ) -> Result<PeerHandle, Rejection> {
        if device.is_expired(now.unix_ms) {
            return Err(Rejection::silent(DropReason::Expired));
        }
        if !device.addresses.contains(&inner.tuple.source) {
            return Err(Rejection::silent(DropReason::SpoofedSource));
        }
        if let Kind::Error(quoted) = inner.kind {
            return self.carry_error_out(policy, from, device, inner, quoted, now);
        }
        refuse_too_big(policy, len)?;
        let destination = inner.tuple.destination;
        let Some(route) = self.route(policy, (from, device), destination) else {
            return Err(reject_unrouted(policy, inner));
        };
        let key = FlowKey {
            network: route.network,
            tuple: inner.tuple,
        };
        if let Some(index) = self.flows.find(&key, now.monotonic_ms)
            && let Some(connector) = self.carry_on(policy, from, index, inner, now)?
        {
            return Ok(connector);
        }
        self.begin(policy, from, device, route, inner, now)
    }

    /// `None`: the flow is over, and the packet may begin another.
    fn carry_on(
        &mut self,
        policy: &Policy,
        from: PeerHandle,
        index: FlowIndex,
        inner: &Inner,
        now: Now,
    ) -> Result<Option<PeerHandle>, Rejection> {
        let Some(flow) = self.flows.get(index).copied() else {
            return Ok(None);
        };
        if !Flow::accepts(Side::Device, inner.kind) {
            return Err(Rejection::silent(DropReason::NoFlow));
        }
        if flow.epoch != self.epoch || flow.device != from {
            match self.review(policy, &flow, now) {
                Review::Right => self.approve(index),
                Review::Wrong => {
                    self.flows.remove(index);
                    self.notices.tell_connector(policy, &self.liveness, &flow);
                    return Ok(None);
                }
                Review::ConnectorLost => {
                    self.flows.remove(index);
                    return refuse_lost(inner).map(|()| None);
                }
            }
        }
        self.flows.touch(index, now.monotonic_ms, |flow| {
            flow.step(Side::Device, inner.kind)
        });
        Ok(Some(flow.connector))
    }

    fn begin(
        &mut self,
        policy: &Policy,
        from: PeerHandle,
        device: &Device,
        route: Route,
        inner: &Inner,
        now: Now,
    ) -> Result<PeerHandle, Rejection> {
        let Tuple { destination, .. } = inner.tuple;
        if !Flow::can_begin(inner.kind) {
            return Err(Rejection::silent(DropReason::NoFlow));
        }
        if policy.owner_of(destination).is_some() {
            return Err(Rejection::told(
                DropReason::DeviceToDevice,
                Because::Prohibited,
            ));
        }
        if let Err(rule) = allowed(policy, device, route, inner.tuple) {
            let denied = Rejection::told(DropReason::Denied, Because::Prohibited);
            return Err(Rejection { rule, ..denied });
        }
        let seed = flow_seed(inner.tuple);
        let picked = self
            .liveness
            .pick(policy, route.network, seed, now.monotonic_ms);
        let Some(connector) = picked else {
            return Err(reject_uncarried(inner));
        };
        let key = FlowKey {
            network: route.network,
            tuple: inner.tuple,
        };
        let flow = Flow::begin(key, inner.kind, from, connector, self.epoch);
        match self.flows.insert(flow, now.monotonic_ms) {
            Ok(()) => Ok(connector),
            Err(TableFull) => Err(Rejection::silent(DropReason::FlowTableFull)),
        }
    }

    /// From a device only errors about packets that a flow of its own brought it.
    fn carry_error_out(
        &mut self,
        policy: &Policy,
        from: PeerHandle,
        device: &Device,
        inner: &Inner,
        quoted: Option<Tuple>,
        now: Now,
    ) -> Result<PeerHandle, Rejection> {
        let no_flow = Rejection::silent(DropReason::NoFlow);
        let tuple = quoted.ok_or(no_flow)?.reversed();
        if tuple.source != inner.tuple.source {
            return Err(no_flow);
        }
        let route = policy.route(device, tuple.destination).ok_or(no_flow)?;
        let key = FlowKey {
            network: route.network,
            tuple,
        };
        let index = self.flows.find(&key, now.monotonic_ms).ok_or(no_flow)?;
        let flow = self.flows.get(index).copied().ok_or(no_flow)?;
        let is_right = flow.device == from
            && (flow.epoch == self.epoch || self.review(policy, &flow, now) == Review::Right);
        if is_right {
            Ok(flow.connector)
        } else {
            Err(no_flow)
        }
    }
}
