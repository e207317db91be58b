//! ChaCha20-Poly1305 for handshakes, XChaCha20-Poly1305 for cookie replies. Data messages have `culvert-aead`.

use std::hint::black_box;

use chacha20poly1305::aead::AeadInPlace;
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

use crate::constants::TAG;

/// The key of one field of a handshake message.
struct FieldKey(LessSafeKey);

impl FieldKey {
    fn new(key: &[u8; 32]) -> Option<Self> {
        UnboundKey::new(&CHACHA20_POLY1305, key)
            .ok()
            .map(|key| Self(LessSafeKey::new(key)))
    }
}

/// ring does not erase its keys; overwriting one in place and showing it to the optimiser does.
impl Drop for FieldKey {
    fn drop(&mut self) {
        if let Ok(blank) = UnboundKey::new(&CHACHA20_POLY1305, &[0; 32]) {
            self.0 = LessSafeKey::new(blank);
            black_box(&self.0);
        }
    }
}

/// Each key is used once.
fn first_nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

/// `sealed` holds the plaintext and 16 bytes more.
pub(crate) fn seal_field(key: &[u8; 32], authenticated: &[u8], sealed: &mut [u8]) -> Option<()> {
    let (plaintext, room) = sealed.split_last_chunk_mut::<TAG>()?;
    let tag = FieldKey::new(key)?
        .0
        .seal_in_place_separate_tag(first_nonce(), Aad::from(authenticated), plaintext)
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
    FieldKey::new(key)?
        .0
        .open_in_place(first_nonce(), Aad::from(authenticated), &mut copy)
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
