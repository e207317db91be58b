//! What the control thread does over and over: the tunnel's timers, events, the switch's sweep, notices.

use std::sync::Arc;
use std::time::Duration;

use culvert_core::EventKind;
use culvert_switch::refusal::MAX_ANSWER_LEN;
use culvert_switch::switch::Switch;

use super::super::directory::{Directory, handle_of};
use super::super::moment::{Moment, milliseconds};
use super::super::shared::Switching;
use super::{FIRST_LANE, Gateway};
use crate::control::Event;

/// How often flows that ran out are collected, and connectors listened for.
pub(super) const TICK: Duration = Duration::from_millis(500);

impl Gateway {
    pub(super) fn go_round(&mut self, now: Moment) {
        let outbox = &mut self.tunnel_outbox;
        self.shared.tunnel.handle_timeout(now.tunnel, outbox);
        self.tell_events(now);
        if now.tunnel.instant >= self.next_tick {
            self.wake_switch(now);
        }
        if let Some(doors) = self.shared.doors(FIRST_LANE) {
            let drops = &self.shared.drops;
            self.outboxes
                .send_all(&doors, &mut self.tunnel_outbox, drops);
        }
        self.tunnel_outbox.clear();
    }

    fn tell_events(&mut self, now: Moment) {
        for event in self.shared.tunnel.take_events() {
            let switching = self.shared.switching();
            let Some(member) = switching.directory.member(handle_of(&event.peer)) else {
                continue;
            };
            let (id, at) = (member.id.clone(), milliseconds(event.at));
            drop(switching);
            match event.kind {
                EventKind::HandshakeDone { endpoint } => {
                    let endpoint = endpoint.map(|endpoint| endpoint.remote.to_string());
                    self.shared
                        .events
                        .send(Event::PeerHandshake { id, at, endpoint });
                    // A connector that is back carries flows at once, not at the next tick.
                    self.next_tick = now.tunnel.instant;
                }
                EventKind::PeerLost => self.shared.events.send(Event::PeerLost { id, at }),
                EventKind::HandshakeGaveUp => {}
            }
        }
    }

    /// In steps of about a millisecond each, so that packets wait no longer than that for the switch.
    fn wake_switch(&mut self, now: Moment) {
        let shared = Arc::clone(&self.shared);
        let Switching {
            switch, directory, ..
        } = &mut *shared.switching();
        self.cut_expired(directory, now);
        self.pulse.check(directory, switch, now);
        switch.handle_timeout(now.switch);
        let next = switch.poll_timeout(now.switch);
        let has_more = next.is_some_and(|at_ms| at_ms <= now.switch.monotonic_ms);
        let delay = if has_more { Duration::ZERO } else { TICK };
        self.next_tick = now.tunnel.instant + delay;
        self.tell_notices(switch, directory, now);
    }

    /// A device whose time is over loses its session too.
    fn cut_expired(&mut self, directory: &mut Directory, now: Moment) {
        let at = now.switch.unix_ms;
        while let Some((_, handle)) = self.expiries.pop_if(|(expiry, _)| *expiry <= at) {
            let Some(member) = directory.remove(handle) else {
                continue;
            };
            self.shared.tunnel.remove_peer(member.peer.public_key());
            let id = member.id;
            self.shared.events.send(Event::PeerLost { id, at });
        }
    }

    fn tell_notices(&mut self, switch: &mut Switch, directory: &Directory, now: Moment) {
        let mut packet = [0; MAX_ANSWER_LEN];
        while let Some(notice) = switch.poll_notice(&mut packet) {
            let member = directory.member(notice.to);
            let reached = member.filter(|member| member.peer.has_session(now.tunnel));
            if let (Some(member), Some(packet)) = (reached, packet.get(..notice.len)) {
                let outbox = &mut self.tunnel_outbox;
                // With a session there is nothing to wait for: it is sealed into the outbox.
                self.shared
                    .tunnel
                    .stage(now.tunnel, &member.peer, packet, outbox);
            }
        }
    }
}
