//! What a gateway says of itself: over the control socket, and to `wg show`.

use std::collections::BTreeMap;

use culvert_switch::switch::Switch;

use super::super::directory::Member;
use super::super::moment::milliseconds;
use super::super::shared::Shared;
use super::Gateway;
use crate::control::{PeerStatus, Status};
use crate::{key_text, uapi};

impl Gateway {
    pub(super) fn report(&self) -> Status {
        let switching = self.shared.switching();
        let members = switching.directory.iter();
        let mut peers: Vec<PeerStatus> = members.map(|(_, member)| status_of(member)).collect();
        peers.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        Status {
            listen_port: self.listen_port(),
            peers,
            flows: switching.switch.flow_count() as u64,
            drops: drops_of(&self.shared, &switching.switch),
        }
    }

    pub(super) fn report_wireguard(&self) -> uapi::Configuration {
        let tunnel = &self.shared.tunnel;
        let peers = tunnel.peers().into_iter();
        uapi::Configuration {
            private_key: tunnel.private_key(),
            listen_port: self.listen_port(),
            fwmark: 0,
            peers: peers.map(|peer| peer.status().into()).collect(),
        }
    }
}

/// Of the switch, the tunnel and the doors, together by reason.
fn drops_of(shared: &Shared, switch: &Switch) -> BTreeMap<String, u64> {
    let of_tunnel = shared.tunnel.drop_counts().into_iter();
    let of_tunnel = of_tunnel.map(|(reason, count)| (reason.as_str(), count));
    let all = switch
        .drops()
        .iter()
        .chain(of_tunnel.filter(|(_, count)| *count > 0))
        .chain(shared.drops.counted());
    let mut drops = BTreeMap::new();
    for (reason, count) in all {
        *drops.entry(reason.to_owned()).or_default() += count;
    }
    drops
}

fn status_of(member: &Member) -> PeerStatus {
    let peer = &member.peer;
    PeerStatus {
        id: member.id.clone(),
        public_key: key_text::encode(peer.public_key().as_bytes()),
        endpoint: peer.endpoint().map(|endpoint| endpoint.remote.to_string()),
        last_handshake_at: peer.last_handshake().map(milliseconds),
        handshake_rtt: peer.handshake_rtt(),
        rx_bytes: peer.received_bytes(),
        tx_bytes: peer.sent_bytes(),
    }
}
