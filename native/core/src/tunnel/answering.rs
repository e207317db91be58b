//! Handshakes that others begin. Everything here happens under the peer's state lock.

use std::sync::Arc;
use std::time::Instant;

use crate::constants::INITIATION_GAP;
use crate::locks::{lock, read};
use crate::message::INITIATION;
use crate::noise::{ProvenInitiation, open_initiation};
use crate::peer::PeerState;
use crate::session::{Session, SessionParts};
use crate::tunnel::handshaking::static_static;
use crate::tunnel::{Identity, Tunnel};
use crate::{DropReason, Endpoint, Now, Outbox, Peer};

impl Tunnel {
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
        self.note_outcome(source.remote, answered, now.instant);
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
                    aead: self.aead(),
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
