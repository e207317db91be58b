//! Which flow a packet belongs to, whether that flow may go on, and whether a new one may begin.
use crate::config::PeerHandle;
use crate::drops::DropReason;
use crate::flow::{Flow, FlowKey, Side};
use crate::flow_table::{FlowIndex, FlowLimits, FlowTable, TableFull};
use crate::liveness::Liveness;
use crate::notices::Notices;
use crate::packet::{Inner, Kind, Tuple};
use crate::policy::{Connector, Device, Judgement, Policy, Route};
use crate::ranges::is_reserved;
use crate::refusal::Because;
use crate::rendezvous::flow_seed;
use crate::rule::{Port, Question};
use crate::time::Now;

/// About a millisecond's work.
const SWEPT_AT_ONCE: u32 = 4096;

#[derive(Debug)]
pub(crate) struct Tracking {
    pub(crate) flows: FlowTable,
    pub(crate) liveness: Liveness,
    pub(crate) notices: Notices,
    /// Raised by whatever can make a flow wrong: a configuration, an expiry, a lost connector.
    epoch: u32,
    /// Where the sweep goes on.
    sweep: Option<u32>,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Rejection {
    pub(crate) reason: DropReason,
    /// What the sender is told; `None`: nothing.
    pub(crate) because: Option<Because>,
    pub(crate) rule: Option<usize>,
}

/// What a second look at a flow finds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Review {
    Right,
    Wrong,
    ConnectorLost,
}

impl Rejection {
    pub(crate) fn silent(reason: DropReason) -> Self {
        Self {
            reason,
            because: None,
            rule: None,
        }
    }

    fn told(reason: DropReason, because: Because) -> Self {
        Self {
            reason,
            because: Some(because),
            rule: None,
        }
    }
}

impl Tracking {
    pub(crate) fn new(limits: FlowLimits, seed: [u64; 2]) -> Self {
        Self {
            flows: FlowTable::new(limits, seed),
            liveness: Liveness::default(),
            notices: Notices::default(),
            epoch: 0,
            sweep: None,
        }
    }

    pub(crate) fn configure(&mut self, policy: &Policy, now: Now) {
        self.liveness.configure(policy, now.monotonic_ms);
        self.review_all();
    }

    pub(crate) fn set_session(&mut self, connector: PeerHandle, has_session: bool, now: Now) {
        let changed = self
            .liveness
            .set_session(connector, has_session, now.monotonic_ms);
        if changed && !has_session {
            self.review_all();
        }
    }

    /// From now on no flow passes a packet before it was looked at again.
    pub(crate) fn review_all(&mut self) {
        self.epoch = self.epoch.wrapping_add(1);
        self.sweep = Some(0);
    }

    pub(crate) fn is_sweeping(&self) -> bool {
        self.sweep.is_some()
    }

    /// To whom the packet goes.
    pub(crate) fn decide(
        &mut self,
        policy: &Policy,
        from: PeerHandle,
        len: usize,
        inner: &Inner,
        now: Now,
    ) -> Result<PeerHandle, Rejection> {
        if let Some(device) = policy.device(from) {
            return self.carry_out(policy, from, device, len, inner, now);
        }
        match policy.connector(from) {
            Some(connector) => self.carry_back(policy, from, connector, len, inner, now),
            None => Err(Rejection::silent(DropReason::UnknownPeer)),
        }
    }

    fn carry_out(
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
        let Some(route) = policy.route(device, destination) else {
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

    fn carry_back(
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

    fn approve(&mut self, index: FlowIndex) {
        let epoch = self.epoch;
        self.flows.amend(index, |flow| flow.epoch = epoch);
    }

    /// Would this flow still be let in, and is its connector still there?
    fn review(&self, policy: &Policy, flow: &Flow, now: Now) -> Review {
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
fn allowed(
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

fn refuse_too_big(policy: &Policy, len: usize) -> Result<(), Rejection> {
    if len > policy.mtu {
        return Err(Rejection::told(
            DropReason::TooBig,
            Because::TooBig { mtu: policy.mtu },
        ));
    }
    Ok(())
}

fn reject_unrouted(policy: &Policy, inner: &Inner) -> Rejection {
    let destination = inner.tuple.destination;
    if policy.owner_of(destination).is_some() {
        return Rejection::told(DropReason::DeviceToDevice, Because::Prohibited);
    }
    // Multicast and its like gets no error (RFC 1122), and nothing may seem to come from loopback.
    match is_reserved(destination) {
        true => Rejection::silent(DropReason::NoRoute),
        false => Rejection::told(DropReason::NoRoute, Because::Prohibited),
    }
}

/// A connection from before a restart waits for its connector to come back; everything else is told.
fn reject_uncarried(inner: &Inner) -> Rejection {
    match inner.kind {
        Kind::Tcp(segment) if !segment.flags.is_opening() => {
            Rejection::silent(DropReason::NoConnector)
        }
        _ => Rejection::told(DropReason::NoConnector, Because::Unreachable),
    }
}

/// A connection cannot move to another connector, whose NAT knows nothing of it. All else can.
fn refuse_lost(inner: &Inner) -> Result<(), Rejection> {
    match inner.kind {
        Kind::Tcp(segment) if !segment.flags.is_opening() => Err(Rejection::told(
            DropReason::ConnectorLost,
            Because::Unreachable,
        )),
        _ => Ok(()),
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
