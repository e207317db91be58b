//! Who may have a handshake, and what either side of one needs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::cookie::has_valid_mac1;
use crate::entropy;
use crate::indices::Lane;
use crate::key::SharedKey;
use crate::locks::lock;
use crate::peer::PeerState;
use crate::tunnel::{Defence, Identity, Tunnel};
use crate::{DropReason, Endpoint, Now, Outbox, Peer, PrivateKey};

impl Tunnel {
    /// mac1 before anything that costs; then, under load, proof that the source can receive, unless nothing is
    /// held against it and there is room for such.
    pub(super) fn admit(
        &self,
        now: Now,
        source: Endpoint,
        identity: &Identity,
        message: &[u8],
        outbox: &mut Outbox,
    ) -> Result<(), DropReason> {
        if self.is_in_vain(now, source, message) {
            return Err(DropReason::RateLimited);
        }
        if !has_valid_mac1(message, &identity.mac1_key) {
            return Err(DropReason::BadMac1);
        }
        let Defence { load, cookies } = &mut *lock(&self.defence);
        if !load.wants_cookie(source.remote.ip(), now.instant) {
            return Ok(());
        }
        if !cookies.has_valid_mac2(message, source.remote, now.instant) {
            if load.takes_unproven(source.remote.ip(), now.instant) {
                return Ok(());
            }
            let reply = cookies.reply(
                message,
                source.remote,
                &identity.cookie_key,
                &*self.entropy,
                now.instant,
            );
            let reply = reply.ok_or(DropReason::RateLimited)?;
            outbox.push(source, &reply);
            return Err(DropReason::CookieSent);
        }
        if load.allows(source.remote.ip(), now.instant) {
            Ok(())
        } else {
            Err(DropReason::RateLimited)
        }
    }

    /// In a flood from one place not even a mac is worth while: whether it is right changes nothing.
    fn is_in_vain(&self, now: Now, source: Endpoint, message: &[u8]) -> bool {
        let Defence { load, cookies } = &mut *lock(&self.defence);
        let address = source.remote.ip();
        cookies.is_in_vain(message, source.remote, now.instant)
            && load.wants_cookie(address, now.instant)
            && !load.is_open_to(address, now.instant)
    }

    /// With the state locked, so that neither can change before the handshake is through.
    pub(super) fn check_alive(
        &self,
        state: &PeerState,
        identity: &Arc<Identity>,
    ) -> Result<(), DropReason> {
        let is_current = self
            .identity()
            .is_some_and(|current| Arc::ptr_eq(&current, identity));
        if state.is_removed || !is_current {
            return Err(DropReason::PeerRemoved);
        }
        Ok(())
    }

    /// What an admitted handshake came to. As a failure counts only what cost us a Diffie-Hellman.
    pub(super) fn note_outcome(
        &self,
        source: SocketAddr,
        outcome: Result<(), DropReason>,
        now: Instant,
    ) {
        let load = &mut lock(&self.defence).load;
        match outcome {
            Ok(()) => load.note_success(source.ip()),
            Err(DropReason::UnknownIndex | DropReason::Malformed | DropReason::PeerRemoved) => {}
            Err(_) => load.note_failure(source.ip(), now),
        }
    }

    pub(super) fn reserve_index(&self, peer: &Arc<Peer>) -> u32 {
        let lane = Lane::of(peer.number(), self.lanes.load(Ordering::Relaxed));
        self.indices
            .reserve(&*self.entropy, &Arc::downgrade(peer), lane)
    }

    pub(super) fn draw_private_key(&self) -> PrivateKey {
        PrivateKey::from_bytes(entropy::bytes(&*self.entropy))
    }
}

/// Made once per peer and private key. `None`: the peer's key is of low order.
pub(super) fn static_static<'a>(
    identity: &Identity,
    peer: &Peer,
    state: &'a mut PeerState,
) -> Option<&'a SharedKey> {
    if state.static_static.is_none() {
        state.static_static = identity.private_key.agree(peer.public_key());
    }
    state.static_static.as_ref()
}
