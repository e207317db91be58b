//! The way out: an inner packet becomes a data message, in place. Allocates only when it must stage.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use crate::constants::{DATA_HEADER, PADDING, STAGED_PACKETS, TAG};
use crate::locks::{lock, read};
use crate::peer::PeerState;
use crate::session::Session;
use crate::tunnel::Tunnel;
use crate::{DropReason, Endpoint, Now, Outbox, Peer};

/// What became of a packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sealed {
    /// Send `buffer[range]` to the endpoint.
    Datagram {
        endpoint: Endpoint,
        range: Range<usize>,
    },
    /// A copy waits for the handshake, which has been started; it will appear in an outbox.
    Staged,
    Dropped(DropReason),
}

/// Seals many packets for one peer: the lookups are done once, the accounting when it is dropped.
/// Keep it for a batch, not longer: keys age.
pub struct Sealer<'a> {
    pub(super) tunnel: &'a Tunnel,
    pub(super) peer: &'a Arc<Peer>,
    pub(super) session: Arc<Session>,
    pub(super) endpoint: Endpoint,
    pub(super) now: Instant,
    pub(super) mtu: usize,
    pub(super) sealed_bytes: usize,
}

impl Tunnel {
    /// Seals `buffer[inner]`, which needs [`crate::HEADROOM`] bytes before and [`crate::TAILROOM`] behind it.
    pub fn seal(
        &self,
        now: Now,
        peer: &Arc<Peer>,
        buffer: &mut [u8],
        inner: Range<usize>,
        outbox: &mut Outbox,
    ) -> Sealed {
        let Some(mut sealer) = self.sealer(now, peer, outbox) else {
            return match buffer.get(inner) {
                Some(packet) => self.stage(now, peer, packet, outbox),
                None => self.refuse(DropReason::NoRoom),
            };
        };
        match sealer.seal(buffer, inner) {
            Ok(range) => Sealed::Datagram {
                endpoint: sealer.endpoint(),
                range,
            },
            Err(reason) => Sealed::Dropped(reason),
        }
    }

    /// `None` while there is no session (or no endpoint): then [`Tunnel::stage`] is the way. Starts a new
    /// handshake when the session is old.
    pub fn sealer<'a>(
        &'a self,
        now: Now,
        peer: &'a Arc<Peer>,
        outbox: &mut Outbox,
    ) -> Option<Sealer<'a>> {
        let (session, endpoint) = {
            let path = read(&peer.path);
            (Arc::clone(path.session.as_ref()?), path.endpoint?)
        };
        if !session.can_send(now.instant) {
            return None;
        }
        if session.wants_rekey_on_send(now.instant) {
            self.initiate(now, peer, outbox);
        }
        Some(Sealer {
            tunnel: self,
            peer,
            session,
            endpoint,
            now: now.instant,
            mtu: self.mtu(),
            sealed_bytes: 0,
        })
    }

    /// Keeps a copy for when the session is there and sees to it that a handshake is under way. Of more than
    /// 128 packets the oldest goes. Never answers with a datagram: what can leave is put into the outbox.
    pub fn stage(&self, now: Now, peer: &Arc<Peer>, packet: &[u8], outbox: &mut Outbox) -> Sealed {
        if peer.endpoint().is_none() {
            return self.refuse(DropReason::NoEndpoint);
        }
        let mut state = lock(&peer.state);
        if state.is_removed {
            return self.refuse(DropReason::PeerRemoved);
        }
        if state.staged.len() >= STAGED_PACKETS {
            state.staged.pop_front();
        }
        state.staged.push_back(packet.into());
        if self.usable_session(&state, now.instant).is_some() {
            self.flush_staged(now, peer, &mut state, outbox);
        } else {
            self.initiate_in(now, peer, &mut state, false, outbox);
        }
        Sealed::Staged
    }

    /// Sends what waited, through the current session.
    pub(super) fn flush_staged(
        &self,
        now: Now,
        peer: &Arc<Peer>,
        state: &mut PeerState,
        outbox: &mut Outbox,
    ) {
        let Some(session) = self.usable_session(state, now.instant) else {
            return;
        };
        let Some(endpoint) = peer.endpoint() else {
            return;
        };
        let mut has_sent = false;
        for packet in state.staged.drain(..) {
            has_sent |= self.seal_into(outbox, peer, &session, endpoint, &packet);
        }
        state.staged.shrink_to_fit();
        if has_sent {
            self.note_data_sent(peer, now.instant);
        }
    }

    /// An empty data message. Without a session it takes a handshake instead, which proves as much.
    pub fn send_keepalive(&self, now: Now, peer: &Arc<Peer>, outbox: &mut Outbox) {
        let (session, endpoint) = {
            let path = read(&peer.path);
            (path.session.clone(), path.endpoint)
        };
        let session = session.filter(|session| session.can_send(now.instant));
        let (Some(session), Some(endpoint)) = (session, endpoint) else {
            self.initiate(now, peer, outbox);
            return;
        };
        if self.seal_into(outbox, peer, &session, endpoint, &[]) {
            self.note_sent(peer, now.instant);
        }
        if session.wants_rekey_on_send(now.instant) {
            self.initiate(now, peer, outbox);
        }
    }

    fn seal_into(
        &self,
        outbox: &mut Outbox,
        peer: &Peer,
        session: &Session,
        endpoint: Endpoint,
        packet: &[u8],
    ) -> bool {
        let padded = packet.len() + padding(packet.len(), self.mtu());
        let length = Session::datagram_length(padded);
        let is_sealed = outbox.push_with(endpoint, length, |datagram| {
            let Some(plaintext) = datagram.get_mut(DATA_HEADER..DATA_HEADER + packet.len()) else {
                return false;
            };
            plaintext.copy_from_slice(packet);
            session.seal(datagram).is_ok()
        });
        if is_sealed {
            peer.count_sent(length);
        }
        is_sealed
    }

    fn usable_session(&self, state: &PeerState, now: Instant) -> Option<Arc<Session>> {
        let session = state.sessions.current.as_ref()?;
        session.can_send(now).then(|| Arc::clone(session))
    }

    fn refuse(&self, reason: DropReason) -> Sealed {
        self.count_drop(reason);
        Sealed::Dropped(reason)
    }
}

impl Sealer<'_> {
    /// Where the datagrams of this batch go.
    pub fn endpoint(&self) -> Endpoint {
        self.endpoint
    }

    /// Seals `buffer[inner]` in place; what comes back is the datagram's place in the buffer.
    pub fn seal(
        &mut self,
        buffer: &mut [u8],
        inner: Range<usize>,
    ) -> Result<Range<usize>, DropReason> {
        let sealed = self.seal_uncounted(buffer, inner);
        match &sealed {
            Ok(range) => self.sealed_bytes += range.len(),
            Err(reason) => self.tunnel.count_drop(*reason),
        }
        sealed
    }

    /// Where the datagram will lie, and it, with its padding.
    pub(super) fn prepared<'b>(
        &self,
        buffer: &'b mut [u8],
        inner: Range<usize>,
    ) -> Result<(Range<usize>, &'b mut [u8]), DropReason> {
        let start = inner
            .start
            .checked_sub(DATA_HEADER)
            .ok_or(DropReason::NoRoom)?;
        let padding = padding(inner.len(), self.mtu);
        let range = start..inner.end + padding + TAG;
        let datagram = buffer.get_mut(range.clone()).ok_or(DropReason::NoRoom)?;
        let plaintext_end = DATA_HEADER + inner.len();
        datagram
            .get_mut(plaintext_end..plaintext_end + padding)
            .ok_or(DropReason::NoRoom)?
            .fill(0);
        Ok((range, datagram))
    }

    fn seal_uncounted(
        &self,
        buffer: &mut [u8],
        inner: Range<usize>,
    ) -> Result<Range<usize>, DropReason> {
        let (range, datagram) = self.prepared(buffer, inner)?;
        self.session.seal(datagram)?;
        Ok(range)
    }
}

impl Drop for Sealer<'_> {
    fn drop(&mut self) {
        if self.sealed_bytes > 0 {
            self.peer.count_sent(self.sealed_bytes);
            self.tunnel.note_data_sent(self.peer, self.now);
        }
    }
}

/// Hides the length to the next 16 bytes, but never makes a packet larger than the MTU.
fn padding(length: usize, mtu: usize) -> usize {
    let padded = length.next_multiple_of(PADDING).min(mtu.max(length));
    padded - length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_34_a_packet_is_padded_to_16_bytes_or_to_the_mtu() {
        for mtu in [576, 1280, 1419, 1420, 65_535] {
            for length in 0..=mtu {
                let padded = length + padding(length, mtu);

                assert!(padded.is_multiple_of(16) || padded == mtu);
                assert!(padded >= length && padded < length + 16 && padded <= mtu);
            }
        }
    }

    #[test]
    fn a_packet_larger_than_the_mtu_is_not_padded() {
        assert_eq!(padding(1500, 1420), 0);
        assert_eq!(padding(20, 0), 0);
    }
}
