use std::sync::Arc;
use std::time::Instant;

use culvert_core::{Peer, Tunnel};
use culvert_switch::config::{PeerHandle, PeerMap};

use super::config::{ConfiguredPeer, PeerKind};

/// Who the peers of the current configuration are. Replaced with it.
#[derive(Debug, Default)]
pub(super) struct Directory {
    members: PeerMap<Member>,
}

#[derive(Debug)]
pub(super) struct Member {
    pub(super) id: String,
    pub(super) kind: PeerKind,
    pub(super) peer: Arc<Peer>,
    /// When the first packet went to it since something was heard from it.
    pub(super) unanswered_since: Option<Instant>,
}

impl Directory {
    /// The tunnel has these peers already; one that it lacks is a device whose time is over.
    pub(super) fn new(peers: Vec<ConfiguredPeer>, tunnel: &Tunnel) -> Directory {
        let members = peers.into_iter().filter_map(|configured| {
            let peer = tunnel.peer(&configured.public_key)?;
            let member = Member {
                id: configured.id,
                kind: configured.kind,
                peer,
                unanswered_since: None,
            };
            Some((configured.handle, member))
        });
        Directory {
            members: members.collect(),
        }
    }

    pub(super) fn member(&self, handle: PeerHandle) -> Option<&Member> {
        self.members.get(&handle)
    }

    pub(super) fn member_mut(&mut self, handle: PeerHandle) -> Option<&mut Member> {
        self.members.get_mut(&handle)
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (PeerHandle, &mut Member)> {
        self.members
            .iter_mut()
            .map(|(handle, member)| (*handle, member))
    }

    pub(super) fn remove(&mut self, handle: PeerHandle) -> Option<Member> {
        self.members.remove(&handle)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (PeerHandle, &Member)> {
        self.members
            .iter()
            .map(|(handle, member)| (*handle, member))
    }
}

/// A peer's tag in the tunnel is its handle in the switch.
pub(super) fn handle_of(peer: &Peer) -> PeerHandle {
    // Never set to more than 32 bits.
    PeerHandle(peer.tag() as u32)
}
