//! A new configuration: read whole, then in force.

use std::collections::HashSet;
use std::iter::once;
use std::sync::Arc;

use culvert_core::{PeerUpdate, PublicKey, Tunnel};
use culvert_switch::config::PeerHandle;
use culvert_switch::numbers::Numbers;
use culvert_switch::policy::Policy;
use culvert_udp::{BindFault, Binding, Doors, Lanes};
use serde_json::value::RawValue;

use super::super::config::{self, ConfiguredPeer, GatewayConfig, PeerKind};
use super::super::directory::{Directory, Member};
use super::super::moment::Moment;
use super::super::worker::Worker;
use super::{FIRST_LANE, Gateway, MOST_LANES};
use crate::control::{Event, Refusal};
use crate::log_info;

impl Gateway {
    /// Everything that can fail comes first; then the switch, so that what is revoked is cut before all else.
    pub(super) fn apply(&mut self, config: &RawValue) -> Result<(), Refusal> {
        // A configuration that is refused gives no number away.
        let mut handles = self.handles.clone();
        let GatewayConfig {
            private_key,
            listen_port,
            mtu,
            peers,
            switch,
        } = config::read(config.get(), |key| handles.number_of(key).map(PeerHandle))?;
        let before = Arc::clone(self.shared.switching().switch.policy());
        let policy = Policy::compile(switch, &before)
            .map_err(|fault| Refusal::bad_config(fault.to_string()))?;
        let new_doors = self.open_doors(listen_port)?;

        self.remember(handles, &peers);
        let now = self.shared.clock.now();
        let policy = Arc::new(policy);
        self.shared.switching().switch.configure(policy, now.switch);
        let tunnel = &self.shared.tunnel;
        tunnel.set_mtu(usize::from(mtu));
        tunnel.set_private_key(now.tunnel, Some(private_key));
        let strangers = self.replace_peers(&peers, now);
        self.replace_directory(peers, now);
        if let Some(doors) = new_doors {
            self.shared.set_doors(doors);
            log_info!("listening on UDP port {}", self.listen_port());
            self.workers.iter().for_each(Worker::ring);
        }
        self.greet(&strangers, now);
        self.next_tick = now.tunnel.instant;
        Ok(())
    }

    /// Returns those whom only an engine before this one has heard.
    fn replace_peers(&self, peers: &[ConfiguredPeer], now: Moment) -> HashSet<PublicKey> {
        let tunnel = &self.shared.tunnel;
        let valid = peers.iter().filter(|peer| !is_expired(peer.kind, now));
        let strangers: HashSet<PublicKey> = valid
            .clone()
            .filter(|peer| is_stranger(peer, tunnel))
            .map(|peer| peer.public_key)
            .collect();
        let updates = valid.map(|peer| PeerUpdate {
            replay_floor: self.floors.of(&peer.public_key),
            ..update(peer, strangers.contains(&peer.public_key))
        });
        tunnel.replace_peers(now.tunnel, updates.collect());
        strangers
    }

    /// A peer notices only after 15 s that its session is worth nothing any more, and one that has nothing to say after
    /// two minutes. A new engine that says hello first has them all back at once.
    fn greet(&mut self, strangers: &HashSet<PublicKey>, now: Moment) {
        let Some(doors) = self.shared.doors(FIRST_LANE) else {
            return;
        };
        for peer in strangers
            .iter()
            .filter_map(|key| self.shared.tunnel.peer(key))
        {
            self.shared
                .tunnel
                .send_keepalive(now.tunnel, &peer, &mut self.tunnel_outbox);
            let drops = &self.shared.drops;
            self.outboxes
                .send_all(&doors, &mut self.tunnel_outbox, drops);
        }
    }

    /// `None`: the open ones stay.
    fn open_doors(&self, port: u16) -> Result<Option<Vec<Doors>>, Refusal> {
        if let Some(doors) = self.shared.doors(FIRST_LANE)
            && (port == 0 || doors.port() == port)
        {
            return Ok(None);
        }
        // All but the one for handshakes.
        let lanes = u8::try_from(self.workers.len().saturating_sub(1)).unwrap_or(MOST_LANES);
        let binding = Binding {
            waits_for_room: false,
            ..Binding::to(([0, 0, 0, 0], port).into())
        };
        let doors = Lanes::bind(&binding, lanes).map(|lanes| {
            let data = once(lanes.first).chain(lanes.others);
            data.chain(lanes.handshakes).collect()
        });
        doors.map(Some).map_err(|fault| {
            let code = match fault {
                BindFault::PortTaken(_) => "port-taken",
                _ => "bind-failed",
            };
            Refusal::new(code, fault.to_string())
        })
    }

    fn remember(&mut self, handles: Numbers<PublicKey>, peers: &[ConfiguredPeer]) {
        self.handles = handles;
        let keys: HashSet<PublicKey> = peers.iter().map(|peer| peer.public_key).collect();
        self.handles.bound(keys.len(), |key| keys.contains(key));
    }

    /// Who is not in the new one any more was cut just now, and watchers hear of it.
    fn replace_directory(&mut self, peers: Vec<ConfiguredPeer>, now: Moment) {
        let directory = Directory::new(peers, &self.shared.tunnel);
        self.expiries = directory.iter().filter_map(expiry).collect();
        self.expiries.sort_unstable_by(|one, other| other.cmp(one));
        let mut switching = self.shared.switching();
        switching.denials.configure(&directory);
        let before = std::mem::replace(&mut switching.directory, directory);
        for (handle, member) in before.iter() {
            let was_known = member.peer.last_handshake().is_some();
            if was_known && switching.directory.member(handle).is_none() {
                let (id, at) = (member.id.clone(), now.switch.unix_ms);
                self.shared.events.send(Event::PeerLost { id, at });
            }
        }
    }
}

fn expiry((handle, member): (PeerHandle, &Member)) -> Option<(u64, PeerHandle)> {
    match member.kind {
        PeerKind::Device { expires_at_unix_ms } => {
            expires_at_unix_ms.map(|expiry| (expiry, handle))
        }
        PeerKind::Connector { .. } => None,
    }
}

fn is_expired(kind: PeerKind, now: Moment) -> bool {
    match kind {
        PeerKind::Device {
            expires_at_unix_ms: Some(expiry),
        } => expiry <= now.switch.unix_ms,
        _ => false,
    }
}

/// Only an engine before this one has heard it.
fn is_stranger(peer: &ConfiguredPeer, tunnel: &Tunnel) -> bool {
    let known = tunnel.peer(&peer.public_key);
    peer.last_endpoint.is_some() && known.is_none_or(|known| known.endpoint().is_none())
}

/// Allowed-ips are for `wg show` alone: here the switch checks sources and finds destinations.
fn update(peer: &ConfiguredPeer, is_stranger: bool) -> PeerUpdate {
    let endpoint = peer.last_endpoint.filter(|_| is_stranger);
    PeerUpdate {
        endpoint: endpoint.map(Into::into),
        tag: Some(u64::from(peer.handle.0)),
        allowed_ips: peer
            .addresses
            .iter()
            .map(|address| (*address).into())
            .collect(),
        ..PeerUpdate::new(peer.public_key)
    }
}
