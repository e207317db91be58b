//! One session: two keys, a send counter, a replay window. Dropping it erases the keys.

use std::slice;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Instant;

use culvert_aead::{Key, Packet, Way as Aead};

use crate::aead::scrub_stack;
use crate::constants::{
    DATA_HEADER, REJECT_AFTER_MESSAGES, REJECT_AFTER_TIME, REKEY_AFTER_MESSAGES, REKEY_AFTER_TIME,
    REKEY_ON_RECEIVE_AFTER, TAG,
};
use crate::locks::{OwnCacheLine, lock};
use crate::message::{DataHeader, write_data_header};
use crate::noise::SessionKeys;
use crate::replay::ReplayWindow;
use crate::{DropReason, Peer};

#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) peer: Weak<Peer>,
    pub(crate) local_index: u32,
    pub(crate) remote_index: u32,
    pub(crate) is_initiator: bool,
    created: Instant,
    sealing: Key,
    opening: Key,
    /// A responder may send only once the initiator has shown that it has the keys.
    confirmed: AtomicBool,
    /// Something arrived so late in the session's life that a rekey was asked for, once.
    rekeyed_on_receive: AtomicBool,
    /// 64 bits on every target: a 32-bit counter would wrap into nonce reuse.
    sent: OwnCacheLine<AtomicU64>,
    received: OwnCacheLine<Mutex<ReplayWindow>>,
}

pub(crate) struct SessionParts<'a> {
    pub(crate) peer: Weak<Peer>,
    pub(crate) local_index: u32,
    pub(crate) remote_index: u32,
    pub(crate) is_initiator: bool,
    pub(crate) created: Instant,
    pub(crate) keys: &'a SessionKeys,
    pub(crate) aead: Aead,
}

impl Session {
    /// What is moved takes along what lay in its padding, and that must be no key: hence the scrubbing, and the
    /// frame of its own to build the session in.
    pub(crate) fn new(parts: SessionParts<'_>) -> Arc<Self> {
        scrub_stack();
        Self::built(parts)
    }

    #[inline(never)]
    fn built(parts: SessionParts<'_>) -> Arc<Self> {
        Arc::new(Self {
            peer: parts.peer,
            local_index: parts.local_index,
            remote_index: parts.remote_index,
            is_initiator: parts.is_initiator,
            created: parts.created,
            sealing: Key::with_way(parts.aead, &parts.keys.sending),
            opening: Key::with_way(parts.aead, &parts.keys.receiving),
            confirmed: AtomicBool::new(parts.is_initiator),
            rekeyed_on_receive: AtomicBool::new(false),
            sent: OwnCacheLine::default(),
            received: OwnCacheLine::default(),
        })
    }

    /// Writes the header into the first 16 bytes, encrypts what follows but the last 16, which become the tag.
    pub(crate) fn seal(&self, datagram: &mut [u8]) -> Result<(), DropReason> {
        let counter = self.next_counters(1);
        let mut packet = self.packet(datagram, counter)?;
        self.seal_all(slice::from_mut(&mut packet));
        if packet.is_done {
            Ok(())
        } else {
            Err(DropReason::NoRoom)
        }
    }

    /// So many in a row; those past the limit no packet is made for.
    pub(crate) fn next_counters(&self, count: u64) -> u64 {
        let first = self.sent.0.fetch_add(count, Ordering::Relaxed);
        if first >= REJECT_AFTER_MESSAGES {
            // Held there, or enough further calls would wrap it.
            self.sent.0.store(REJECT_AFTER_MESSAGES, Ordering::Relaxed);
        }
        first
    }

    /// A datagram with its header, to be sealed.
    pub(crate) fn packet<'d>(
        &self,
        datagram: &'d mut [u8],
        counter: u64,
    ) -> Result<Packet<'d>, DropReason> {
        if counter >= REJECT_AFTER_MESSAGES {
            return Err(DropReason::CounterExhausted);
        }
        let (header, message) = datagram
            .split_first_chunk_mut::<DATA_HEADER>()
            .ok_or(DropReason::NoRoom)?;
        write_data_header(header, self.remote_index, counter);
        Ok(Packet::new(counter, message))
    }

    pub(crate) fn seal_all(&self, packets: &mut [Packet<'_>]) {
        self.sealing.seal_all(packets);
    }

    /// A datagram that may be opened.
    pub(crate) fn sealed_packet<'d>(
        &self,
        header: DataHeader,
        datagram: &'d mut [u8],
        now: Instant,
    ) -> Result<Packet<'d>, DropReason> {
        if header.counter >= REJECT_AFTER_MESSAGES {
            return Err(DropReason::CounterExhausted);
        }
        if !self.is_usable(now) {
            return Err(DropReason::SessionExpired);
        }
        let message = datagram.get_mut(DATA_HEADER..);
        Ok(Packet::new(header.counter, message.unwrap_or_default()))
    }

    /// Decrypts each in place that is authentic.
    pub(crate) fn open_all(&self, packets: &mut [Packet<'_>]) {
        self.opening.open_all(packets);
    }

    /// For authenticated counters only.
    pub(crate) fn window(&self) -> MutexGuard<'_, ReplayWindow> {
        lock(&self.received.0)
    }

    pub(crate) fn is_usable(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.created) < REJECT_AFTER_TIME
    }

    pub(crate) fn can_send(&self, now: Instant) -> bool {
        self.is_usable(now) && self.sent.0.load(Ordering::Relaxed) < REJECT_AFTER_MESSAGES
    }

    pub(crate) fn wants_rekey_on_send(&self, now: Instant) -> bool {
        let age = now.saturating_duration_since(self.created);
        self.sent.0.load(Ordering::Relaxed) > REKEY_AFTER_MESSAGES
            || (self.is_initiator && age >= REKEY_AFTER_TIME)
    }

    /// True once, when this initiator's session is nearly over and only the other side sends.
    pub(crate) fn wants_rekey_on_receive(&self, now: Instant) -> bool {
        self.is_initiator
            && now.saturating_duration_since(self.created) >= REKEY_ON_RECEIVE_AFTER
            && !self.rekeyed_on_receive.swap(true, Ordering::Relaxed)
    }

    pub(crate) fn is_confirmed(&self) -> bool {
        self.confirmed.load(Ordering::Acquire)
    }

    pub(crate) fn confirm(&self) {
        self.confirmed.store(true, Ordering::Release);
    }

    pub(crate) fn created(&self) -> Instant {
        self.created
    }

    /// Whole datagram for a plaintext of this length, padding included.
    pub(crate) fn datagram_length(padded: usize) -> usize {
        DATA_HEADER + padded + TAG
    }

    #[cfg(test)]
    pub(crate) fn set_sent(&self, counter: u64) {
        self.sent.0.store(counter, Ordering::Relaxed);
    }
}
