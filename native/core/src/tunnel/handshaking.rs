//! Handshakes: who may have one, and what becomes of it. Everything here happens under the peer's state lock.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::aead::scrub_stack;
use crate::constants::{INITIATION_GAP, REKEY_TIMEOUT};
use crate::cookie::has_valid_mac1;
use crate::entropy;
use crate::indices::{Lane, Owner};
use crate::key::SharedKey;
use crate::locks::{lock, read, write};
use crate::message::{COOKIE_REPLY, INITIATION, RESPONSE, number};
use crate::noise::{InitiationParts, ProvenInitiation, create_initiation, open_initiation};
use crate::peer::{PeerState, PendingInitiation};
use crate::session::{Session, SessionParts};
use crate::tunnel::{Defence, Identity, Tunnel};
use crate::{DropReason, Endpoint, EventKind, Now, Outbox, Peer, PrivateKey, Tai64n};

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

    fn reserve_index(&self, peer: &Arc<Peer>) -> u32 {
        let lane = Lane::of(peer.number(), self.lanes.load(Ordering::Relaxed));
        self.indices
            .reserve(&*self.entropy, &Arc::downgrade(peer), lane)
    }

    /// Answers an initiation. The new session waits for the initiator's first packet.
    pub(super) fn receive_initiation(
        &self,
        now: Now,
        source: Endpoint,
        message: &[u8; INITIATION],
        outbox: &mut Outbox,
    ) -> Result<(), DropReason> {
        let identity = self.identity().ok_or(DropReason::NoPrivateKey)?;
        self.admit(now, source, &identity, message, outbox)?;
        let answered = self.answer_initiation(now, source, &identity, message, outbox);
        if let Err(reason) = answered {
            self.note_failure(source.remote, reason, now.instant);
        }
        answered
    }

    fn answer_initiation(
        &self,
        now: Now,
        source: Endpoint,
        identity: &Arc<Identity>,
        message: &[u8; INITIATION],
        outbox: &mut Outbox,
    ) -> Result<(), DropReason> {
        let opened = open_initiation(&identity.private_key, &identity.public_key, message)
            .ok_or(DropReason::BadHandshake)?;
        let peer = self
            .peer(&opened.initiator)
            .ok_or(DropReason::UnknownPeer)?;
        let mut state = lock(&peer.state);
        self.check_alive(&state, identity)?;
        let proven = static_static(identity, &peer, &mut state)
            .and_then(|secret| opened.prove(secret))
            .ok_or(DropReason::BadHandshake)?;
        check_freshness(&mut state, &proven, now.instant)?;

        peer.roam(source);
        peer.count_received(message.len());
        self.note_received(&peer, now.instant);
        self.respond(now, source, &peer, &mut state, proven, outbox)
    }

    fn respond(
        &self,
        now: Now,
        source: Endpoint,
        peer: &Arc<Peer>,
        state: &mut PeerState,
        proven: ProvenInitiation,
        outbox: &mut Outbox,
    ) -> Result<(), DropReason> {
        let remote_index = proven.sender;
        let weak_peer = Arc::downgrade(peer);
        let local_index = self.reserve_index(peer);
        let ephemeral = self.draw_private_key();
        let made = proven
            .respond(&state.preshared_key, &ephemeral, local_index)
            .map(|(message, keys)| {
                let session = Session::new(SessionParts {
                    peer: weak_peer,
                    local_index,
                    remote_index,
                    is_initiator: false,
                    created: now.instant,
                    keys: &keys,
                });
                (message, session)
            });
        let Some((mut message, session)) = made else {
            self.indices.release(local_index);
            return Err(DropReason::BadHandshake);
        };
        self.indices.assign(&session);
        // The previous one stays while it is young enough to be used: after crossed handshakes it is what the peer sends
        // through until it has our response.
        let sessions = &mut state.sessions;
        let outlived = sessions
            .previous
            .take_if(|previous| !previous.is_usable(now.instant));
        let replaced = [sessions.next.replace(session), outlived];
        self.release_sessions(replaced);

        state
            .cookies
            .stamp(&mut message, peer.public_key(), now.instant);
        if let Some(keep) = &*read(&self.answer_keeper) {
            keep(peer.public_key(), state.received_timestamp);
        }
        outbox.push(source, &message);
        peer.count_sent(message.len());
        self.arm_erasure(peer, now.instant);
        self.note_sent(peer, now.instant);
        Ok(())
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
        if let Err(reason) = finished {
            self.note_failure(source.remote, reason, now.instant);
        }
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

    /// The initiator's rotation: a session that we were offered meanwhile stays as the previous one, because
    /// the peer may already send through it.
    fn use_own_session(&self, peer: &Peer, state: &mut PeerState, session: Arc<Session>) {
        let sessions = &mut state.sessions;
        let current = sessions.current.replace(Arc::clone(&session));
        let replaced = match sessions.next.take() {
            Some(next) => [sessions.previous.replace(next), current],
            None => [std::mem::replace(&mut sessions.previous, current), None],
        };
        write(&peer.path).session = Some(session);
        self.release_sessions(replaced);
    }

    /// The responder's rotation, at the first data message of the initiator.
    pub(super) fn confirm(
        &self,
        now: Now,
        source: Endpoint,
        peer: &Arc<Peer>,
        session: &Arc<Session>,
        outbox: &mut Outbox,
    ) {
        let mut state = lock(&peer.state);
        let is_next = state
            .sessions
            .next
            .as_ref()
            .is_some_and(|next| Arc::ptr_eq(next, session));
        if !is_next || state.is_removed {
            return;
        }
        session.confirm();
        let sessions = &mut state.sessions;
        let current = std::mem::replace(&mut sessions.current, sessions.next.take());
        let replaced = std::mem::replace(&mut sessions.previous, current);
        write(&peer.path).session = Some(Arc::clone(session));
        self.release_sessions([replaced, None]);
        self.complete(now, peer, &mut state, source);
        self.flush_staged(now, peer, &mut state, outbox);
    }

    fn complete(&self, now: Now, peer: &Arc<Peer>, state: &mut PeerState, source: Endpoint) {
        state.tries = 0;
        peer.timers.retry.clear();
        peer.set_last_handshake(now.unix);
        self.arm_lost(peer, now.instant);
        let endpoint = Some(source);
        self.note_event(peer, EventKind::HandshakeDone { endpoint }, now.unix);
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

    /// mac1 before anything else; then, under load, proof that the source can receive.
    fn admit(
        &self,
        now: Now,
        source: Endpoint,
        identity: &Identity,
        message: &[u8],
        outbox: &mut Outbox,
    ) -> Result<(), DropReason> {
        if !has_valid_mac1(message, &identity.mac1_key) {
            return Err(DropReason::BadMac1);
        }
        let Defence { load, cookies } = &mut *lock(&self.defence);
        if !load.wants_cookie(source.remote.ip(), now.instant) {
            return Ok(());
        }
        if !cookies.has_valid_mac2(message, source.remote, now.instant) {
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

    /// With the state locked, so that neither can change before the handshake is through.
    fn check_alive(&self, state: &PeerState, identity: &Arc<Identity>) -> Result<(), DropReason> {
        let is_current = self
            .identity()
            .is_some_and(|current| Arc::ptr_eq(&current, identity));
        if state.is_removed || !is_current {
            return Err(DropReason::PeerRemoved);
        }
        Ok(())
    }

    /// Only what cost us a Diffie-Hellman counts.
    fn note_failure(&self, source: SocketAddr, reason: DropReason, now: Instant) {
        if !matches!(
            reason,
            DropReason::UnknownIndex | DropReason::Malformed | DropReason::PeerRemoved
        ) {
            lock(&self.defence).load.note_failure(source.ip(), now);
        }
    }

    pub(super) fn drop_initiation(&self, state: &mut PeerState) {
        if let Some(pending) = state.initiation.take() {
            self.indices.release(pending.local_index);
        }
    }

    /// Forgets every key that was made with this peer; the last holder's drop erases it.
    pub(super) fn erase_sessions(&self, peer: &Peer, state: &mut PeerState) {
        write(&peer.path).session = None;
        let sessions = std::mem::take(&mut state.sessions);
        self.release_sessions([sessions.current, sessions.previous, sessions.next]);
        self.drop_initiation(state);
    }

    fn release_sessions<const N: usize>(&self, sessions: [Option<Arc<Session>>; N]) {
        for session in sessions.into_iter().flatten() {
            self.indices.release(session.local_index);
        }
    }

    fn draw_private_key(&self) -> PrivateKey {
        PrivateKey::from_bytes(entropy::bytes(&*self.entropy))
    }
}

/// Made once per peer and private key. `None`: the peer's key is of low order.
fn static_static<'a>(
    identity: &Identity,
    peer: &Peer,
    state: &'a mut PeerState,
) -> Option<&'a SharedKey> {
    if state.static_static.is_none() {
        state.static_static = identity.private_key.agree(peer.public_key());
    }
    state.static_static.as_ref()
}

/// Newer than every initiation before, and not in a burst.
fn check_freshness(
    state: &mut PeerState,
    proven: &ProvenInitiation,
    now: Instant,
) -> Result<(), DropReason> {
    if proven.timestamp <= state.received_timestamp {
        return Err(DropReason::ReplayedHandshake);
    }
    let is_flood = state
        .last_initiation_received
        .is_some_and(|received| now.saturating_duration_since(received) <= INITIATION_GAP);
    if is_flood {
        return Err(DropReason::HandshakeFlood);
    }
    state.received_timestamp = proven.timestamp;
    state.last_initiation_received = Some(now);
    Ok(())
}
