use std::net::SocketAddr;
use std::sync::Arc;

use culvert_core::{Endpoint, Now, Outbox, Peer, PeerUpdate, Tunnel};
use culvert_netstack::PeerTag;
use culvert_udp::Door;

use super::config::ConnectorConfig;
use super::way::Way;

/// Gateway peers by the tag that their flows carry, each with the way to it. Few, so a list.
#[derive(Default)]
pub(super) struct Gateways {
    list: Vec<Gateway>,
    last_tag: u32,
}

struct Gateway {
    id: String,
    tag: PeerTag,
    way: Way,
    peer: Arc<Peer>,
}

/// The socket to a gateway; it closes when the last thread has let go of it.
pub(super) struct OpenDoor {
    pub(super) tag: PeerTag,
    pub(super) remote: SocketAddr,
    pub(super) door: Arc<Door>,
}

/// First byte of a WireGuard message that begins a handshake.
const INITIATION: u8 = 1;

impl Gateways {
    /// A gateway that stays keeps its tag, its session, and its socket if its endpoint stays too. One whose socket is new
    /// is told at once, for only it can tell the gateway where we are.
    pub(super) fn apply(
        &mut self,
        now: Now,
        tunnel: &Tunnel,
        config: &ConnectorConfig,
        outbox: &mut Outbox,
    ) {
        let mut before = std::mem::take(&mut self.list);
        let mut updates = Vec::with_capacity(config.gateways.len());
        let mut ways = Vec::with_capacity(config.gateways.len());
        for gateway in &config.gateways {
            let known = before
                .iter()
                .position(|known| *known.peer.public_key() == gateway.public_key)
                .map(|index| before.swap_remove(index));
            let (tag, way, is_moved) = match known {
                Some(Gateway { tag, mut way, .. }) => {
                    let is_moved = way.follow(&gateway.endpoints);
                    (tag, way, is_moved)
                }
                None => (self.next_tag(), Way::new(gateway.endpoints.clone()), false),
            };
            updates.push(PeerUpdate {
                endpoint: endpoint_of(&way, tag),
                keepalive_seconds: Some(gateway.keepalive_seconds),
                tag: Some(u64::from(tag.0)),
                ..PeerUpdate::new(gateway.public_key)
            });
            ways.push((tag, way, is_moved));
        }
        tunnel.replace_peers(now, updates);
        for (gateway, (tag, way, is_moved)) in config.gateways.iter().zip(ways) {
            let Some(peer) = tunnel.peer(&gateway.public_key) else {
                continue;
            };
            if is_moved {
                tunnel.send_keepalive(now, &peer, outbox);
            }
            let id = gateway.id.clone();
            self.list.push(Gateway { id, tag, way, peer });
        }
    }

    /// The network has changed: whoever is reached from another address now is told so at once.
    pub(super) fn renew_ways(&mut self, now: Now, tunnel: &Tunnel, outbox: &mut Outbox) {
        for gateway in &mut self.list {
            if gateway.way.renew() {
                tunnel.send_keepalive(now, &gateway.peer, outbox);
            }
        }
    }

    /// Before handshakes leave: those that begin one may have to take another way. False: there are none.
    pub(super) fn prepare_handshakes(
        &mut self,
        now: Now,
        tunnel: &Tunnel,
        outbox: &Outbox,
    ) -> bool {
        let mut is_begun = false;
        for (endpoint, datagram) in outbox.iter() {
            if datagram.first() != Some(&INITIATION) {
                continue;
            }
            is_begun = true;
            let Some(gateway) = self
                .list
                .iter_mut()
                .find(|gateway| gateway.tag.0 == endpoint.door)
            else {
                continue;
            };
            gateway.way.prepare_handshake();
            let chosen = endpoint_of(&gateway.way, gateway.tag);
            if chosen != Some(endpoint) {
                tunnel.update_peer(
                    now,
                    PeerUpdate {
                        endpoint: chosen,
                        update_only: true,
                        ..PeerUpdate::new(*gateway.peer.public_key())
                    },
                );
            }
        }
        is_begun
    }

    pub(super) fn note_answer(&mut self, peer: &Arc<Peer>) {
        let found = self
            .list
            .iter_mut()
            .find(|gateway| Arc::ptr_eq(&gateway.peer, peer));
        if let Some(gateway) = found {
            gateway.way.note_answer();
        }
    }

    /// Of those that this host knows a way to.
    pub(super) fn open_doors(&self) -> Vec<OpenDoor> {
        let open = self.list.iter().filter_map(|gateway| {
            Some(OpenDoor {
                tag: gateway.tag,
                remote: gateway.way.remote()?,
                door: Arc::clone(gateway.way.door()?),
            })
        });
        open.collect()
    }

    pub(super) fn door(&self, tag: PeerTag) -> Option<(SocketAddr, &Door)> {
        let way = &self.list.iter().find(|gateway| gateway.tag == tag)?.way;
        Some((way.remote()?, way.door()?))
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

/// As the tunnel knows it: its door is the gateway's tag.
pub(super) fn endpoint_at(remote: SocketAddr, tag: PeerTag) -> Endpoint {
    Endpoint {
        remote,
        local: None,
        door: tag.0,
    }
}

fn endpoint_of(way: &Way, tag: PeerTag) -> Option<Endpoint> {
    way.remote().map(|remote| endpoint_at(remote, tag))
}

pub(super) fn tag_of(peer: &Peer) -> PeerTag {
    PeerTag(u32::try_from(peer.tag()).unwrap_or_default())
}
