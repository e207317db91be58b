//! UAPI's words and the tunnel's, both ways.

use culvert_core::{Endpoint, PeerUpdate, Tai64n, Tunnel};

use crate::clock::now;
use crate::uapi::{AllowedIpChange, Configuration, Peer, PeerChange};

pub(crate) fn configuration(tunnel: &Tunnel, listen_port: u16, fwmark: u32) -> Configuration {
    let mut peers: Vec<Peer> = tunnel
        .peers()
        .iter()
        .map(|peer| peer.status().into())
        .collect();
    peers.sort_by_key(|peer| peer.public_key);
    Configuration {
        private_key: tunnel.private_key(),
        listen_port,
        fwmark,
        peers,
    }
}

pub(crate) fn apply_peer(tunnel: &Tunnel, change: PeerChange, replay_floor: Option<Tai64n>) {
    if change.remove {
        tunnel.remove_peer(&change.public_key);
        return;
    }
    let (mut added, mut removed) = (Vec::new(), Vec::new());
    for allowed_ip in change.allowed_ips {
        match allowed_ip {
            AllowedIpChange::Add(range) => added.push(range),
            AllowedIpChange::Remove(range) => removed.push(range),
        }
    }
    tunnel.update_peer(
        now(),
        PeerUpdate {
            update_only: change.update_only,
            preshared_key: change.preshared_key,
            endpoint: change.endpoint.map(Endpoint::from),
            keepalive_seconds: change.keepalive_seconds,
            replace_allowed_ips: change.replace_allowed_ips,
            allowed_ips: added,
            removed_allowed_ips: removed,
            replay_floor,
            ..PeerUpdate::new(change.public_key)
        },
    );
}
