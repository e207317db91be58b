//! Which flow a packet belongs to, whether that flow may go on, and whether a new one may begin: [`Tracking`] holds what is
//! known, `outbound`, `inbound` and `review` say what it means.
use std::net::IpAddr;

use crate::config::PeerHandle;
use crate::drops::DropReason;
use crate::flow_table::{FlowLimits, FlowTable};
use crate::liveness::Liveness;
use crate::notices::Notices;
use crate::packet::{DatagramId, Inner};
use crate::policy::{Device, Policy, Route};
use crate::rejection::{Rejection, refuse_too_big};
use crate::time::Now;
use crate::trails::Trails;

#[derive(Debug)]
pub(crate) struct Tracking {
    pub(crate) flows: FlowTable,
    pub(crate) liveness: Liveness,
    pub(crate) notices: Notices,
    /// Raised by whatever can make a flow wrong: a configuration, an expiry, a lost connector.
    pub(crate) epoch: u32,
    /// Where the sweep goes on.
    pub(crate) sweep: Option<u32>,
    trails: Trails,
    last_way: Option<Way>,
}

/// Packets of one flow come in a row: what was found for the one before need not be looked for again.
#[derive(Debug)]
struct Way {
    /// A configuration raises it, and changes ways.
    epoch: u32,
    device: PeerHandle,
    destination: IpAddr,
    route: Route,
}

impl Way {
    fn is_of(&self, epoch: u32, device: PeerHandle, destination: IpAddr) -> bool {
        self.destination == destination && self.device == device && self.epoch == epoch
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
            trails: Trails::default(),
            last_way: None,
        }
    }

    pub(crate) fn configure(&mut self, policy: &Policy, now: Now) {
        self.liveness.configure(policy, now.monotonic_ms);
        self.trails.configure(policy);
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

    /// As [`Policy::route`] says, of the policy that was taken over last.
    pub(crate) fn route(
        &mut self,
        policy: &Policy,
        (from, device): (PeerHandle, &Device),
        destination: IpAddr,
    ) -> Option<Route> {
        let last = self.last_way.as_ref();
        if let Some(way) = last.filter(|way| way.is_of(self.epoch, from, destination)) {
            return Some(way.route);
        }
        let route = policy.route(device, destination)?;
        self.last_way = Some(Way {
            epoch: self.epoch,
            device: from,
            destination,
            route,
        });
        Some(route)
    }

    /// As [`Tracking::decide`], for the first piece of a datagram: the others take the same way.
    pub(crate) fn decide_first(
        &mut self,
        policy: &Policy,
        from: PeerHandle,
        len: usize,
        (inner, id): (&Inner, DatagramId),
        now: Now,
    ) -> Result<PeerHandle, Rejection> {
        let to = self.decide(policy, from, len, inner, now)?;
        self.trails
            .begin(from, id, to, self.epoch, now.monotonic_ms);
        Ok(to)
    }

    pub(crate) fn decide_later(
        &self,
        policy: &Policy,
        from: PeerHandle,
        len: usize,
        id: DatagramId,
        now: Now,
    ) -> Result<PeerHandle, Rejection> {
        let to = self.trails.follow(from, id, self.epoch, now.monotonic_ms);
        let to = to.ok_or(Rejection::silent(DropReason::Fragment))?;
        // Nobody tells of a later piece what the first one would have been told.
        refuse_too_big(policy, len).map_err(|_| Rejection::silent(DropReason::TooBig))?;
        Ok(to)
    }
}
