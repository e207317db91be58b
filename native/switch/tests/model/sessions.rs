//! Which connectors can carry something.
use culvert_switch::config::PeerHandle;

use super::Model;

#[derive(Default, Clone, Copy)]
pub(super) struct ModelSession {
    has: bool,
    is_healthy: bool,
    usable_since_loss_ms: Option<Option<u64>>,
}

impl Model {
    pub(super) fn configure_sessions(&mut self) {
        let connectors = &self.config.connectors;
        self.sessions
            .retain(|handle, _| connectors.iter().any(|c| c.handle == *handle));
        for connector in connectors {
            let session = self.sessions.entry(connector.handle).or_default();
            session.change(self.now_ms, |session| {
                session.is_healthy = connector.is_healthy
            });
        }
    }

    pub(super) fn set_session(&mut self, handle: PeerHandle, has: bool) {
        let now_ms = self.now_ms;
        if let Some(session) = self.sessions.get_mut(&handle) {
            session.change(now_ms, |session| session.has = has);
        }
    }

    pub(super) fn has_session(&self, connector: PeerHandle) -> bool {
        self.sessions
            .get(&connector)
            .is_some_and(|session| session.has)
    }

    pub(super) fn candidates(&self, network: &str) -> Vec<PeerHandle> {
        let usable: Vec<(PeerHandle, bool)> = self
            .config
            .connectors
            .iter()
            .filter(|connector| connector.network_id == network)
            .filter_map(|connector| Some((connector.handle, self.sessions.get(&connector.handle)?)))
            .filter(|(_, session)| session.has && session.is_healthy)
            .map(|(handle, session)| {
                let is_settled = match session.usable_since_loss_ms {
                    None => true,
                    Some(since) => since.is_some_and(|since| self.now_ms >= since + 30_000),
                };
                (handle, is_settled)
            })
            .collect();
        let any_settled = usable.iter().any(|(_, is_settled)| *is_settled);
        usable
            .into_iter()
            .filter(|(_, is_settled)| *is_settled || !any_settled)
            .map(|(handle, _)| handle)
            .collect()
    }
}

impl ModelSession {
    fn change(&mut self, now_ms: u64, change: impl FnOnce(&mut ModelSession)) {
        let before = self.has && self.is_healthy;
        change(self);
        match (before, self.has && self.is_healthy) {
            (true, false) => self.usable_since_loss_ms = Some(None),
            (false, true) if self.usable_since_loss_ms.is_some() => {
                self.usable_since_loss_ms = Some(Some(now_ms));
            }
            _ => {}
        }
    }
}
