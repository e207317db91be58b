//! Verb 3: what time brings. The rules are those of the protocol paper, section 6.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::aead::scrub_stack;
use crate::constants::{
    ERASE_KEYS_AFTER, HANDSHAKE_TRIES, KEEPALIVE_TIMEOUT, REJECT_AFTER_TIME, REKEY_TIMEOUT,
    RETRY_JITTER,
};
use crate::entropy;
use crate::locks::{lock, write};
use crate::now::nanos;
use crate::peer::{PeerState, Timers};
use crate::tunnel::Tunnel;
use crate::{EventKind, Now, Outbox, Peer};

impl Tunnel {
    /// When [`Tunnel::handle_timeout`] wants to be called next. Costs one atomic read.
    pub fn next_wakeup(&self) -> Option<Instant> {
        self.agenda.earliest().map(|due| self.timeline.instant(due))
    }

    /// Does everything that is due: retries, keepalives, erasing keys. Too early or too late does no harm.
    pub fn handle_timeout(&self, now: Now, outbox: &mut Outbox) {
        let tick = self.tick(now.instant);
        while let Some(peer) = self.agenda.next_due(tick) {
            self.expire(now, &peer, outbox);
            if let Some(due) = peer.timers.earliest() {
                self.agenda.expect(&peer, due);
            }
        }
    }

    fn expire(&self, now: Now, peer: &Arc<Peer>, outbox: &mut Outbox) {
        let tick = self.tick(now.instant);
        let timers = &peer.timers;
        if timers.retry.take_due(tick) {
            self.retry_handshake(now, peer, outbox);
        }
        if timers.keepalive.take_due(tick) {
            self.answer_with_keepalive(now, peer, outbox);
        }
        if timers.silence.take_due(tick) {
            forget_local_source(peer);
            self.initiate(now, peer, outbox);
        }
        if timers.persistent.take_due(tick) {
            self.send_persistent_keepalive(now, peer, outbox);
        }
        if timers.lost.take_due(tick) {
            self.check_lost(now, peer);
        }
        if timers.erase_keys.take_due(tick) {
            self.erase_sessions(peer, &mut lock(&peer.state));
            scrub_stack();
        }
    }

    fn retry_handshake(&self, now: Now, peer: &Arc<Peer>, outbox: &mut Outbox) {
        let mut state = lock(&peer.state);
        if state.tries >= HANDSHAKE_TRIES {
            self.give_up(now, peer, &mut state);
            return;
        }
        forget_local_source(peer);
        self.initiate_in(now, peer, &mut state, true, outbox);
    }

    fn give_up(&self, now: Now, peer: &Arc<Peer>, state: &mut PeerState) {
        peer.timers.keepalive.clear();
        state.staged.clear();
        state.tries = 0;
        self.drop_initiation(state);
        if !peer.timers.erase_keys.is_set() {
            self.arm_erasure(peer, now.instant);
        }
        self.note_event(peer, EventKind::HandshakeGaveUp, now.unix);
    }

    fn answer_with_keepalive(&self, now: Now, peer: &Arc<Peer>, outbox: &mut Outbox) {
        self.send_keepalive(now, peer, outbox);
        if peer.timers.keepalive_again.swap(false, Ordering::Relaxed) {
            let due = self.tick_after(now.instant, KEEPALIVE_TIMEOUT);
            peer.timers.keepalive.set(due);
        }
    }

    fn send_persistent_keepalive(&self, now: Now, peer: &Arc<Peer>, outbox: &mut Outbox) {
        if peer.keepalive_seconds() == 0 {
            return;
        }
        self.send_keepalive(now, peer, outbox);
        // Also when nothing could be sent, such as for want of an endpoint.
        self.note_traversal(peer, now.instant);
    }

    fn check_lost(&self, now: Now, peer: &Arc<Peer>) {
        let newest = lock(&peer.state)
            .sessions
            .current
            .as_ref()
            .map(|session| session.created());
        match newest {
            Some(created) if now.instant < created + REJECT_AFTER_TIME => {
                self.arm_lost(peer, created);
            }
            _ => self.note_event(peer, EventKind::PeerLost, now.unix),
        }
    }

    /// Data went to the peer: if nothing comes back, the session may be dead on the other side.
    pub(super) fn note_data_sent(&self, peer: &Arc<Peer>, now: Instant) {
        self.note_sent(peer, now);
        if !peer.timers.silence.is_set() {
            let jitter = Duration::from_nanos(peer.timers.jitter_nanos.load(Ordering::Relaxed));
            let due = self.tick_after(now, KEEPALIVE_TIMEOUT + REKEY_TIMEOUT + jitter);
            peer.timers.silence.set(due);
            self.agenda.expect(peer, due);
        }
    }

    /// Anything authenticated went to the peer, so it need not be told that we live.
    pub(super) fn note_sent(&self, peer: &Arc<Peer>, now: Instant) {
        peer.timers.keepalive.clear();
        self.note_traversal(peer, now);
    }

    pub(super) fn note_data_received(&self, peer: &Arc<Peer>, now: Instant) {
        if !peer.timers.keepalive.is_set() {
            let due = self.tick_after(now, KEEPALIVE_TIMEOUT);
            peer.timers.keepalive.set(due);
            self.agenda.expect(peer, due);
        } else if !peer.timers.keepalive_again.load(Ordering::Relaxed) {
            peer.timers.keepalive_again.store(true, Ordering::Relaxed);
        }
    }

    /// Anything authenticated came from the peer, so it lives.
    pub(super) fn note_received(&self, peer: &Arc<Peer>, now: Instant) {
        peer.timers.silence.clear();
        self.note_traversal(peer, now);
    }

    fn note_traversal(&self, peer: &Arc<Peer>, now: Instant) {
        let seconds = peer.keepalive_seconds();
        if seconds != 0 {
            let due = self.tick_after(now, Duration::from_secs(u64::from(seconds)));
            let is_running = peer.timers.persistent.is_set();
            peer.timers.persistent.set(due);
            // A running one only ever moves later, which the agenda finds out when its entry comes up.
            if !is_running {
                self.agenda.expect(peer, due);
            }
        }
    }

    pub(super) fn arm_retry(&self, peer: &Arc<Peer>, now: Instant) {
        let jitter = self.draw_jitter();
        peer.timers.jitter_nanos.store(jitter, Ordering::Relaxed);
        let due = self.tick_after(now, REKEY_TIMEOUT).saturating_add(jitter);
        peer.timers.retry.set(due);
        self.agenda.expect(peer, due);
    }

    pub(super) fn arm_erasure(&self, peer: &Arc<Peer>, now: Instant) {
        let due = self.tick_after(now, ERASE_KEYS_AFTER);
        peer.timers.erase_keys.set(due);
        self.agenda.expect(peer, due);
    }

    pub(super) fn arm_lost(&self, peer: &Arc<Peer>, created: Instant) {
        let due = self.tick_after(created, REJECT_AFTER_TIME);
        peer.timers.lost.set(due);
        self.agenda.expect(peer, due);
    }

    fn draw_jitter(&self) -> u64 {
        let drawn = u64::from_le_bytes(entropy::bytes(&*self.entropy));
        drawn % nanos(RETRY_JITTER)
    }
}

impl Timers {
    pub(crate) fn earliest(&self) -> Option<u64> {
        [
            &self.retry,
            &self.keepalive,
            &self.silence,
            &self.persistent,
            &self.erase_keys,
            &self.lost,
        ]
        .into_iter()
        .filter(|deadline| deadline.is_set())
        .map(|deadline| deadline.get())
        .min()
    }

    pub(crate) fn clear(&self) {
        self.retry.clear();
        self.keepalive.clear();
        self.silence.clear();
        self.persistent.clear();
        self.erase_keys.clear();
        self.lost.clear();
    }
}

/// The address that we answered from may be gone; let the kernel choose again.
fn forget_local_source(peer: &Peer) {
    if let Some(endpoint) = &mut write(&peer.path).endpoint {
        endpoint.local = None;
    }
}
