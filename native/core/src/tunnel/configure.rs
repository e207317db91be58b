//! Private key and peers. Everything takes effect at once, and live sessions are kept wherever they can be.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use ipnet::IpNet;

use crate::locks::{lock, read, write};
use crate::tunnel::{Identity, Tunnel};
use crate::{Endpoint, Now, Peer, PresharedKey, PrivateKey, PublicKey, Tai64n};

/// One peer's part of a configuration. What is `None` or empty stays as it is.
#[derive(Clone, Debug)]
pub struct PeerUpdate {
    pub public_key: PublicKey,
    /// Do nothing if there is no such peer.
    pub update_only: bool,
    /// Takes effect at the next handshake. All zero removes it.
    pub preshared_key: Option<PresharedKey>,
    pub endpoint: Option<Endpoint>,
    /// 0 turns it off.
    pub keepalive_seconds: Option<u16>,
    /// Forget all the peer's prefixes before the following are added.
    pub replace_allowed_ips: bool,
    /// Each is taken from the peer that had it.
    pub allowed_ips: Vec<IpNet>,
    pub removed_allowed_ips: Vec<IpNet>,
    pub tag: Option<u64>,
    /// Initiations up to this timestamp are replays: `PeerStatus::received_timestamp` of an earlier run.
    pub replay_floor: Option<Tai64n>,
}

impl PeerUpdate {
    pub fn new(public_key: PublicKey) -> Self {
        Self {
            public_key,
            update_only: false,
            preshared_key: None,
            endpoint: None,
            keepalive_seconds: None,
            replace_allowed_ips: false,
            allowed_ips: Vec::new(),
            removed_allowed_ips: Vec::new(),
            tag: None,
            replay_floor: None,
        }
    }
}

impl Tunnel {
    /// All sessions end with the old key; peers that had one get a handshake at once. A peer with our own new
    /// public key is removed.
    pub fn set_private_key(&self, now: Now, private_key: Option<PrivateKey>) {
        let _configuring = lock(&self.configuring);
        let identity = private_key.map(|key| Arc::new(Identity::new(key)));
        let own = identity.as_ref().map(|identity| identity.public_key);
        if own == self.public_key() {
            return;
        }
        *write(&self.identity) = identity;
        if let Some(own) = own {
            self.detach(&own);
        }
        for peer in self.peers() {
            self.restart(now, &peer);
        }
    }

    /// Adds or changes a peer. `None` when there is nothing to change (`update_only`), or it would be ourselves.
    pub fn update_peer(&self, now: Now, update: PeerUpdate) -> Option<Arc<Peer>> {
        let _configuring = lock(&self.configuring);
        self.apply(now, update)
    }

    /// Makes the peers these and no others; each update's allowed-ips are all that the peer has. Peers that
    /// stay keep their sessions.
    pub fn replace_peers(&self, now: Now, updates: Vec<PeerUpdate>) {
        let _configuring = lock(&self.configuring);
        let kept: HashSet<PublicKey> = updates.iter().map(|update| update.public_key).collect();
        for peer in self.peers() {
            if !kept.contains(peer.public_key()) {
                self.detach(peer.public_key());
            }
        }
        for update in updates {
            self.apply(
                now,
                PeerUpdate {
                    replace_allowed_ips: true,
                    ..update
                },
            );
        }
    }

    /// True when there was such a peer. Its keys are erased and whoever still holds it gets nothing through it.
    pub fn remove_peer(&self, public_key: &PublicKey) -> bool {
        let _configuring = lock(&self.configuring);
        self.detach(public_key)
    }

    pub fn remove_all_peers(&self) {
        let _configuring = lock(&self.configuring);
        for peer in self.peers() {
            self.detach(peer.public_key());
        }
    }

    fn apply(&self, now: Now, update: PeerUpdate) -> Option<Arc<Peer>> {
        if self.public_key() == Some(update.public_key) {
            return None;
        }
        let known = self.peer(&update.public_key);
        if known.is_none() && update.update_only {
            return None;
        }
        let is_new = known.is_none();
        let peer = known.unwrap_or_else(|| {
            let number = self.peers_made.fetch_add(1, Ordering::Relaxed);
            Arc::new(Peer::new(update.public_key, number))
        });
        if let Some(tag) = update.tag {
            peer.set_tag(tag);
        }
        if let Some(endpoint) = update.endpoint {
            write(&peer.path).endpoint = Some(endpoint);
        }
        self.apply_secrets(&peer, &update);
        if is_new {
            write(&self.peers).insert(update.public_key, Arc::clone(&peer));
        }
        self.apply_allowed_ips(&peer, &update);
        if let Some(seconds) = update.keepalive_seconds {
            self.apply_keepalive(now, &peer, seconds);
        }
        Some(peer)
    }

    fn apply_secrets(&self, peer: &Peer, update: &PeerUpdate) {
        let mut state = lock(&peer.state);
        if let Some(preshared_key) = &update.preshared_key {
            state.preshared_key = preshared_key.clone();
        }
        if let Some(floor) = update.replay_floor {
            state.received_timestamp = state.received_timestamp.max(floor);
        }
    }

    /// Under one write lock, so that no packet sees a prefix without owner while it moves.
    fn apply_allowed_ips(&self, peer: &Arc<Peer>, update: &PeerUpdate) {
        let is_unchanged = !update.replace_allowed_ips
            && update.allowed_ips.is_empty()
            && update.removed_allowed_ips.is_empty();
        if is_unchanged {
            return;
        }
        let mut table = write(&self.allowed_ips);
        if update.replace_allowed_ips {
            table.remove_all(peer);
        }
        for prefix in &update.removed_allowed_ips {
            table.remove(*prefix, peer);
        }
        for prefix in &update.allowed_ips {
            table.insert(*prefix, peer);
        }
    }

    /// Turned on, it sends one at once, to open the way through a NAT.
    fn apply_keepalive(&self, now: Now, peer: &Arc<Peer>, seconds: u16) {
        let before = peer.set_keepalive_seconds(seconds);
        if seconds == 0 {
            peer.timers.persistent.clear();
        } else if before != seconds {
            let due = self.tick(now.instant);
            peer.timers.persistent.set(due);
            self.agenda.expect(peer, due);
        }
    }

    fn detach(&self, public_key: &PublicKey) -> bool {
        let Some(peer) = write(&self.peers).remove(public_key) else {
            return false;
        };
        write(&self.allowed_ips).remove_all(&peer);
        let mut state = lock(&peer.state);
        state.is_removed = true;
        self.erase_sessions(&peer, &mut state);
        state.staged.clear();
        state.static_static = None;
        state.preshared_key = PresharedKey::default();
        peer.set_keepalive_seconds(0);
        peer.timers.clear();
        true
    }

    /// The private key has changed: nothing made with the old one is worth anything.
    fn restart(&self, now: Now, peer: &Arc<Peer>) {
        let mut state = lock(&peer.state);
        let had_session = read(&peer.path).session.is_some();
        self.erase_sessions(peer, &mut state);
        state.static_static = None;
        state.last_initiation_sent = None;
        peer.timers.retry.clear();
        if had_session {
            let due = self.tick(now.instant);
            peer.timers.silence.set(due);
            self.agenda.expect(peer, due);
        }
    }
}
