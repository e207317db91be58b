use std::time::{Duration, Instant};

use culvert_switch::config::PeerMap;
use culvert_switch::switch::Switch;

use super::config::PeerKind;
use super::directory::Directory;
use super::moment::Moment;

/// Whoever gets packets and has nothing to say sends an empty one after 10 s (WireGuard's passive keepalive). One may be
/// lost on the way.
const PATIENCE_FOR_ANSWER: Duration = Duration::from_secs(22);
/// With the control plane saying that it is gone, silence alone is enough: a connector that drains still sends a
/// keepalive every 5 s. One may be lost.
const PATIENCE_WHEN_UNHEALTHY: Duration = Duration::from_secs(12);

/// Notices connectors that have fallen silent: a session alone outlives its owner by minutes.
#[derive(Debug, Default)]
pub(super) struct Pulse {
    heard: PeerMap<Heard>,
}

#[derive(Debug, Clone, Copy)]
struct Heard {
    bytes: u64,
    at: Instant,
}

impl Pulse {
    pub(super) fn check(&mut self, directory: &mut Directory, switch: &mut Switch, now: Moment) {
        self.heard
            .retain(|handle, _| directory.member(*handle).is_some());
        for (handle, member) in directory.iter_mut() {
            let PeerKind::Connector { is_healthy } = member.kind else {
                continue;
            };
            let (bytes, at) = (member.peer.received_bytes(), now.tunnel.instant);
            let heard = self.heard.entry(handle).or_insert(Heard { bytes, at });
            if heard.bytes != bytes {
                *heard = Heard { bytes, at };
                member.unanswered_since = None;
            }
            let (quiet_since, patience) = match is_healthy {
                true => (member.unanswered_since, PATIENCE_FOR_ANSWER),
                false => (Some(heard.at), PATIENCE_WHEN_UNHEALTHY),
            };
            let is_silent =
                quiet_since.is_some_and(|since| at.saturating_duration_since(since) >= patience);
            let has_session = !is_silent && member.peer.has_session(now.tunnel);
            switch.set_session(handle, has_session, now.switch);
        }
    }
}
