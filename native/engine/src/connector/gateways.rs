use std::net::SocketAddr;
use std::sync::Arc;

use culvert_core::{Now, Peer, PeerUpdate, Tunnel};
use culvert_netstack::PeerTag;

use super::config::ConnectorConfig;

/// Gateway peers by the tag that their flows carry. Few, so a list.
#[derive(Default)]
pub(super) struct Gateways {
    list: Vec<Gateway>,
    last_tag: u32,
}

struct Gateway {
    id: String,
    tag: PeerTag,
    /// As configured; the tunnel's own follows the gateway where it roams.
    endpoint: SocketAddr,
    peer: Arc<Peer>,
}

impl Gateways {
    /// A gateway that stays keeps its tag, its session and the address it has roamed to.
    pub(super) fn apply(&mut self, now: Now, tunnel: &Tunnel, config: &ConnectorConfig) {
        let before = std::mem::take(&mut self.list);
        let mut updates = Vec::with_capacity(config.gateways.len());
        let mut tags = Vec::with_capacity(config.gateways.len());
        for gateway in &config.gateways {
            let known = before
                .iter()
                .find(|known| *known.peer.public_key() == gateway.public_key);
            let tag = known.map_or_else(|| self.next_tag(), |known| known.tag);
            let moved = known.is_none_or(|known| known.endpoint != gateway.endpoint);
            updates.push(PeerUpdate {
                endpoint: moved.then(|| gateway.endpoint.into()),
                keepalive_seconds: Some(gateway.keepalive_seconds),
                tag: Some(u64::from(tag.0)),
                ..PeerUpdate::new(gateway.public_key)
            });
            tags.push(tag);
        }
        tunnel.replace_peers(now, updates);
        let configured = config.gateways.iter().zip(tags);
        self.list = configured
            .filter_map(|(gateway, tag)| {
                Some(Gateway {
                    id: gateway.id.clone(),
                    tag,
                    endpoint: gateway.endpoint,
                    peer: tunnel.peer(&gateway.public_key)?,
                })
            })
            .collect();
    }

    fn next_tag(&mut self) -> PeerTag {
        self.last_tag += 1;
        PeerTag(self.last_tag)
    }

    pub(super) fn peer(&self, tag: PeerTag) -> Option<&Arc<Peer>> {
        self.list
            .iter()
            .find(|gateway| gateway.tag == tag)
            .map(|gateway| &gateway.peer)
    }

    pub(super) fn id(&self, peer: &Arc<Peer>) -> Option<String> {
        let found = self
            .list
            .iter()
            .find(|gateway| Arc::ptr_eq(&gateway.peer, peer));
        found.map(|gateway| gateway.id.clone())
    }
}

pub(super) fn tag_of(peer: &Peer) -> PeerTag {
    PeerTag(u32::try_from(peer.tag()).unwrap_or_default())
}
