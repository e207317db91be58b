//! A peer's sessions: how a new one takes its place, and how they go. Everything here happens under the peer's state lock.

use std::sync::Arc;

use crate::locks::{lock, write};
use crate::peer::PeerState;
use crate::session::Session;
use crate::tunnel::Tunnel;
use crate::{Endpoint, EventKind, Now, Outbox, Peer};

impl Tunnel {
    /// The initiator's rotation: a session that we were offered meanwhile stays as the previous one, because
    /// the peer may already send through it.
    pub(super) fn use_own_session(
        &self,
        peer: &Peer,
        state: &mut PeerState,
        session: Arc<Session>,
    ) {
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

    pub(super) fn complete(
        &self,
        now: Now,
        peer: &Arc<Peer>,
        state: &mut PeerState,
        source: Endpoint,
    ) {
        state.tries = 0;
        peer.timers.retry.clear();
        peer.set_last_handshake(now.unix);
        self.arm_lost(peer, now.instant);
        let endpoint = Some(source);
        self.note_event(peer, EventKind::HandshakeDone { endpoint }, now.unix);
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

    pub(super) fn release_sessions<const N: usize>(&self, sessions: [Option<Arc<Session>>; N]) {
        for session in sessions.into_iter().flatten() {
            self.indices.release(session.local_index);
        }
    }
}
