//! Handshakes that we begin. Everything here happens under the peer's state lock.

use std::sync::Arc;

use crate::aead::scrub_stack;
use crate::constants::REKEY_TIMEOUT;
use crate::indices::Owner;
use crate::locks::lock;
use crate::message::{COOKIE_REPLY, INITIATION, RESPONSE, number};
use crate::noise::{InitiationParts, create_initiation};
use crate::peer::{PeerState, PendingInitiation};
use crate::session::{Session, SessionParts};
use crate::tunnel::handshaking::static_static;
use crate::tunnel::{Identity, Tunnel};
use crate::{DropReason, Endpoint, Now, Outbox, Peer, Tai64n};

impl Tunnel {
    /// Starts a handshake, unless one was started less than five seconds ago.
    pub(super) fn initiate(&self, now: Now, peer: &Arc<Peer>, outbox: &mut Outbox) {
        self.initiate_in(now, peer, &mut lock(&peer.state), false, outbox);
    }

    pub(super) fn initiate_in(
        &self,
        now: Now,
        peer: &Arc<Peer>,
        state: &mut PeerState,
        is_retry: bool,
        outbox: &mut Outbox,
    ) {
        if !is_retry {
            state.tries = 0;
        }
        let is_too_soon = state
            .last_initiation_sent
            .is_some_and(|sent| now.instant.saturating_duration_since(sent) < REKEY_TIMEOUT);
        if is_too_soon || state.is_removed {
            return;
        }
        let (Some(identity), Some(endpoint)) = (self.identity(), peer.endpoint()) else {
            return;
        };
        let Some(mut message) = self.make_initiation(now, &identity, peer, state) else {
            return;
        };
        state
            .cookies
            .stamp(&mut message, peer.public_key(), now.instant);
        state.tries += 1;
        state.last_initiation_sent = Some(now.instant);
        outbox.push(endpoint, &message);
        peer.count_sent(message.len());
        self.note_sent(peer, now.instant);
        self.arm_retry(peer, now.instant);
        scrub_stack();
    }

    fn make_initiation(
        &self,
        now: Now,
        identity: &Identity,
        peer: &Arc<Peer>,
        state: &mut PeerState,
    ) -> Option<[u8; INITIATION]> {
        let static_static = static_static(identity, peer, state)?.clone();
        self.drop_initiation(state);
        state.sent_timestamp = Tai64n::after(state.sent_timestamp, now.unix);
        let local_index = self.reserve_index(peer);
        let created = create_initiation(InitiationParts {
            own_public: &identity.public_key,
            responder: peer.public_key(),
            static_static: &static_static,
            ephemeral: self.draw_private_key(),
            timestamp: state.sent_timestamp,
            sender: local_index,
        });
        let Some((message, sent)) = created else {
            self.indices.release(local_index);
            return None;
        };
        state.initiation = Some(Box::new(PendingInitiation { local_index, sent }));
        Some(message)
    }

    /// Completes a handshake that we began: the session is confirmed by the response itself.
    pub(super) fn receive_response(
        &self,
        now: Now,
        source: Endpoint,
        message: &[u8; RESPONSE],
        outbox: &mut Outbox,
    ) -> Result<(), DropReason> {
        let identity = self.identity().ok_or(DropReason::NoPrivateKey)?;
        self.admit(now, source, &identity, message, outbox)?;
        let finished = self.finish_handshake(now, source, &identity, message, outbox);
        self.note_outcome(source.remote, finished, now.instant);
        finished
    }

    fn finish_handshake(
        &self,
        now: Now,
        source: Endpoint,
        identity: &Arc<Identity>,
        message: &[u8; RESPONSE],
        outbox: &mut Outbox,
    ) -> Result<(), DropReason> {
        let remote_index = number(message, 4).ok_or(DropReason::Malformed)?;
        let local_index = number(message, 8).ok_or(DropReason::Malformed)?;
        let Some(Owner::Handshake(weak_peer)) = self.indices.owner(local_index) else {
            return Err(DropReason::UnknownIndex);
        };
        let peer = weak_peer.upgrade().ok_or(DropReason::PeerRemoved)?;
        let mut state = lock(&peer.state);
        self.check_alive(&state, identity)?;
        let session = state
            .initiation
            .as_ref()
            .filter(|pending| pending.local_index == local_index)
            .ok_or(DropReason::UnknownIndex)?
            .sent
            .finish(&identity.private_key, &state.preshared_key, message)
            .map(|keys| {
                Session::new(SessionParts {
                    peer: weak_peer,
                    local_index,
                    remote_index,
                    is_initiator: true,
                    created: now.instant,
                    keys: &keys,
                    aead: self.aead(),
                })
            })
            .ok_or(DropReason::BadHandshake)?;
        // The index lives on as the session's.
        state.initiation = None;
        self.indices.assign(&session);
        self.use_own_session(&peer, &mut state, session);

        peer.roam(source);
        peer.count_received(message.len());
        self.note_received(&peer, now.instant);
        self.arm_erasure(&peer, now.instant);
        // A new try takes the index of the one before away, so the answer is to the last.
        if let Some(sent) = state.last_initiation_sent {
            peer.set_handshake_rtt(now.instant.saturating_duration_since(sent));
        }
        self.complete(now, &peer, &mut state, source);
        let has_staged = !state.staged.is_empty();
        self.flush_staged(now, &peer, &mut state, outbox);
        drop(state);
        if !has_staged {
            // The responder may not send before it has heard from us.
            self.send_keepalive(now, &peer, outbox);
        }
        Ok(())
    }

    /// Keeps the cookie for the next try.
    pub(super) fn receive_cookie_reply(
        &self,
        now: Now,
        message: &[u8; COOKIE_REPLY],
    ) -> Result<(), DropReason> {
        let index = number(message, 4).ok_or(DropReason::Malformed)?;
        let weak_peer = match self.indices.owner(index) {
            Some(Owner::Handshake(peer)) => peer,
            Some(Owner::Session(session)) => session.peer.clone(),
            None => return Err(DropReason::UnknownIndex),
        };
        let peer = weak_peer.upgrade().ok_or(DropReason::PeerRemoved)?;
        lock(&peer.state)
            .cookies
            .take(message, peer.public_key(), now.instant)
            .ok_or(DropReason::BadCookie)
    }
}
