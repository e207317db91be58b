//! ChaCha20-Poly1305 for data and handshakes, XChaCha20-Poly1305 for cookie replies.
//!
//! The data path goes through [`DataKey`] only, so a faster implementation has one place to go.

use std::fmt;
use std::hint::black_box;

use chacha20poly1305::aead::AeadInPlace;
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

use crate::constants::TAG;

/// One direction of a session.
pub(crate) struct DataKey(LessSafeKey);

impl DataKey {
    pub(crate) fn new(key: &[u8; 32]) -> Option<Self> {
        UnboundKey::new(&CHACHA20_POLY1305, key)
            .ok()
            .map(|key| Self(LessSafeKey::new(key)))
    }

    /// Encrypts `message` but its last 16 bytes, which become the tag.
    pub(crate) fn seal(&self, counter: u64, message: &mut [u8]) -> bool {
        let Some((plaintext, room)) = message.split_last_chunk_mut::<TAG>() else {
            return false;
        };
        let sealed = self
            .0
            .seal_in_place_separate_tag(nonce(counter), Aad::empty(), plaintext);
        match sealed {
            Ok(tag) => {
                room.copy_from_slice(tag.as_ref());
                true
            }
            Err(_) => false,
        }
    }

    /// Decrypts in place and returns the plaintext's length; on failure the message is garbage.
    pub(crate) fn open(&self, counter: u64, message: &mut [u8]) -> Option<usize> {
        self.0
            .open_in_place(nonce(counter), Aad::empty(), message)
            .ok()
            .map(|plaintext| plaintext.len())
    }
}

/// ring does not erase its keys; overwriting one in place and showing it to the optimiser does.
impl Drop for DataKey {
    fn drop(&mut self) {
        if let Ok(blank) = UnboundKey::new(&CHACHA20_POLY1305, &[0; 32]) {
            self.0 = LessSafeKey::new(blank);
            black_box(&self.0);
        }
    }
}

impl fmt::Debug for DataKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("DataKey(hidden)")
    }
}

fn nonce(counter: u64) -> Nonce {
    let mut bytes = [0; 12];
    if let Some(low) = bytes.last_chunk_mut() {
        *low = counter.to_le_bytes();
    }
    Nonce::assume_unique_for_key(bytes)
}

/// Handshake fields: each key is used once, so the counter is 0. `sealed` holds the plaintext and 16 bytes more.
pub(crate) fn seal_field(key: &[u8; 32], authenticated: &[u8], sealed: &mut [u8]) -> Option<()> {
    let (plaintext, room) = sealed.split_last_chunk_mut::<TAG>()?;
    let tag = DataKey::new(key)?
        .0
        .seal_in_place_separate_tag(nonce(0), Aad::from(authenticated), plaintext)
        .ok()?;
    room.copy_from_slice(tag.as_ref());
    Some(())
}

pub(crate) fn open_field<const SEALED: usize, const PLAIN: usize>(
    key: &[u8; 32],
    authenticated: &[u8],
    sealed: &[u8; SEALED],
) -> Option<[u8; PLAIN]> {
    let mut copy = *sealed;
    DataKey::new(key)?
        .0
        .open_in_place(nonce(0), Aad::from(authenticated), &mut copy)
        .ok()?;
    copy.first_chunk().copied()
}

/// A cookie for the wire: 16 bytes and their tag.
pub(crate) fn seal_cookie(
    key: &[u8; 32],
    nonce: &[u8; 24],
    authenticated: &[u8],
    cookie: &[u8; 16],
) -> Option<[u8; 32]> {
    let mut sealed = [0; 32];
    let (plaintext, room) = sealed.split_at_mut(16);
    plaintext.copy_from_slice(cookie);
    let tag = XChaCha20Poly1305::new(key.into())
        .encrypt_in_place_detached(nonce.into(), authenticated, plaintext)
        .ok()?;
    room.copy_from_slice(&tag);
    Some(sealed)
}

pub(crate) fn open_cookie(
    key: &[u8; 32],
    nonce: &[u8; 24],
    authenticated: &[u8],
    sealed: &[u8; 32],
) -> Option<[u8; 16]> {
    let mut cookie: [u8; 16] = *sealed.first_chunk()?;
    let tag: &[u8; 16] = sealed.last_chunk()?;
    XChaCha20Poly1305::new(key.into())
        .decrypt_in_place_detached(nonce.into(), authenticated, &mut cookie, tag.into())
        .ok()?;
    Some(cookie)
}

/// Using a key leaves copies in the dead part of the calling thread's stack; this writes over them. The tunnel
/// does so after handshakes and when it erases keys. A thread that has sealed or opened packets and is about to
/// sleep for long should too: it costs a third of a microsecond.
#[inline(never)]
pub fn scrub_stack() {
    let mut blank = [0_u8; 16 * 1024];
    black_box(&mut blank);
}
