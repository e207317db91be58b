//! Which connectors can carry something now.
//!
//! Two facts make one usable for a new flow: the control plane calls it healthy, and it has a live session. A flow that
//! it carries already asks for the session only, so that a connector can be drained. One that was lost and comes back
//! has to stay for a while before it is preferred again, or a flapping one would tear every flow apart.
use crate::config::{PeerHandle, PeerMap};
use crate::policy::{NetworkNumber, Policy};
use crate::rendezvous::weight;

const SETTLING_MS: u64 = 30_000;

#[derive(Debug, Default)]
pub(crate) struct Liveness(PeerMap<Standing>);

#[derive(Debug, Default, Clone, Copy)]
struct Standing {
    has_session: bool,
    is_healthy: bool,
    /// When it may be preferred; 0 for one that was never lost.
    settled_at_ms: u64,
}

impl Standing {
    fn is_usable(self) -> bool {
        self.has_session && self.is_healthy
    }

    fn change(&mut self, now_ms: u64, change: impl FnOnce(&mut Standing)) {
        let was_usable = self.is_usable();
        change(self);
        if was_usable && !self.is_usable() {
            // Moved on from here when it comes back.
            self.settled_at_ms = u64::MAX;
        }
        if !was_usable && self.is_usable() && self.settled_at_ms == u64::MAX {
            self.settled_at_ms = now_ms + SETTLING_MS;
        }
    }
}

impl Liveness {
    /// Takes over what the control plane says; forgets who is gone.
    pub(crate) fn configure(&mut self, policy: &Policy, now_ms: u64) {
        self.0
            .retain(|handle, _| policy.connector(*handle).is_some());
        for (handle, connector) in policy.connectors() {
            let standing = self.0.entry(handle).or_default();
            standing.change(now_ms, |standing| {
                standing.is_healthy = connector.is_healthy
            });
        }
    }

    /// Tells whether that changed anything.
    pub(crate) fn set_session(&mut self, handle: PeerHandle, has: bool, now_ms: u64) -> bool {
        let Some(standing) = self.0.get_mut(&handle) else {
            return false;
        };
        let had = standing.has_session;
        standing.change(now_ms, |standing| standing.has_session = has);
        had != has
    }

    pub(crate) fn has_session(&self, handle: PeerHandle) -> bool {
        self.0
            .get(&handle)
            .is_some_and(|standing| standing.has_session)
    }

    /// The connector for a new flow.
    pub(crate) fn pick(
        &self,
        policy: &Policy,
        network: NetworkNumber,
        flow_seed: u64,
        now_ms: u64,
    ) -> Option<PeerHandle> {
        let usable = policy.connectors_of(network).iter().filter_map(|handle| {
            let standing = self.0.get(handle).filter(|standing| standing.is_usable())?;
            let connector = policy.connector(*handle)?;
            let is_settled = standing.settled_at_ms <= now_ms;
            Some((
                is_settled,
                weight(flow_seed, connector.weight_seed),
                *handle,
            ))
        });
        usable.max().map(|(_, _, handle)| handle)
    }
}
