use std::collections::HashMap;
use std::time::Duration;

use culvert_switch::config::PeerHandle;
use culvert_switch::switch::Switch;

use super::config::PeerKind;
use super::directory::Directory;
use super::moment::Moment;

/// Whoever gets packets and has nothing to say sends an empty one after 10 s (WireGuard's passive keepalive). One may be
/// lost on the way.
const PATIENCE: Duration = Duration::from_secs(22);
/// With the control plane saying that it is gone, none may.
const PATIENCE_WHEN_UNHEALTHY: Duration = Duration::from_secs(12);

/// Notices connectors that get packets and answer nothing: a session alone outlives its owner by minutes.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    heard_bytes: HashMap<PeerHandle, u64>,
}

impl Pulse {
    pub(super) fn check(&mut self, directory: &mut Directory, switch: &mut Switch, now: Moment) {
        self.heard_bytes
            .retain(|handle, _| directory.member(*handle).is_some());
        for (handle, member) in directory.iter_mut() {
            let PeerKind::Connector { is_healthy } = member.kind else {
                continue;
            };
            let bytes = member.peer.received_bytes();
            if self.heard_bytes.insert(handle, bytes) != Some(bytes) {
                member.unanswered_since = None;
            }
            let patience = if is_healthy {
                PATIENCE
            } else {
                PATIENCE_WHEN_UNHEALTHY
            };
            let is_silent = member.unanswered_since.is_some_and(|since| {
                now.tunnel.instant.saturating_duration_since(since) >= patience
            });
            let has_session = !is_silent && member.peer.has_session(now.tunnel);
            switch.set_session(handle, has_session, now.switch);
        }
    }
}
