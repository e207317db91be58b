//! Cryptokey routing: which peer an inner address belongs to. Longest prefix wins; a prefix has one owner.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;
use prefix_trie::joint::JointPrefixMap;

use crate::Peer;
use crate::locks::lock;

#[derive(Default)]
pub(crate) struct AllowedIps {
    owners: JointPrefixMap<IpNet, Arc<Peer>>,
}

impl AllowedIps {
    pub(crate) fn owner(&self, address: IpAddr) -> Option<&Arc<Peer>> {
        self.owners
            .get_lpm(&IpNet::from(address))
            .map(|(_, peer)| peer)
    }

    pub(crate) fn owns(&self, peer: &Arc<Peer>, address: IpAddr) -> bool {
        self.owner(address)
            .is_some_and(|owner| Arc::ptr_eq(owner, peer))
    }

    /// Takes the prefix from whoever had it.
    pub(crate) fn insert(&mut self, prefix: IpNet, peer: &Arc<Peer>) {
        let prefix = prefix.trunc();
        if let Some(before) = self.owners.insert(prefix, Arc::clone(peer)) {
            prefixes_of(&before, |prefixes| prefixes.remove(&prefix));
        }
        prefixes_of(peer, |prefixes| prefixes.insert(prefix));
    }

    /// Does nothing to a prefix that another peer has by now.
    pub(crate) fn remove(&mut self, prefix: IpNet, peer: &Arc<Peer>) {
        let prefix = prefix.trunc();
        if prefixes_of(peer, |prefixes| prefixes.remove(&prefix)) {
            self.owners.remove(&prefix);
        }
    }

    pub(crate) fn remove_all(&mut self, peer: &Arc<Peer>) {
        for prefix in prefixes_of(peer, std::mem::take) {
            self.owners.remove(&prefix);
        }
    }
}

/// The peer's own list is only ever changed under the table's write lock, so both always agree.
fn prefixes_of<T>(peer: &Peer, change: impl FnOnce(&mut BTreeSet<IpNet>) -> T) -> T {
    change(&mut lock(&peer.allowed_ips))
}
