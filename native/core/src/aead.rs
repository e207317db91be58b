//! ChaCha20-Poly1305 for handshakes, XChaCha20-Poly1305 for cookie replies. Data messages have `culvert-aead`.

use std::hint::black_box;

use chacha20::cipher::consts::U10;
use chacha20::hchacha;
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

/// Seals cookies with XChaCha20-Poly1305, under nonces that begin alike and count on: what the key and the beginning
/// give together (HChaCha20, draft-irtf-cfrg-xchacha, section 2.2) is computed once, and no nonce costs a draw.
pub(crate) struct CookieSealer {
    /// Made of a public key, so no secret.
    key: [u8; 32],
    beginning: [u8; 16],
    subkey: FieldKey,
    sealed: u64,
}

impl CookieSealer {
    /// `beginning` must be random: an engine that starts anew has the same key.
    pub(crate) fn new(key: &[u8; 32], beginning: [u8; 16]) -> Option<Self> {
        let subkey: [u8; 32] = hchacha::<U10>(key.into(), (&beginning).into()).into();
        Some(Self {
            key: *key,
            beginning,
            subkey: FieldKey::new(&subkey)?,
            sealed: 0,
        })
    }

    pub(crate) fn is_of(&self, key: &[u8; 32]) -> bool {
        self.key == *key
    }

    /// A nonce, and for the wire 16 bytes and their tag.
    pub(crate) fn seal(
        &mut self,
        mac1: &[u8; 16],
        cookie: &[u8; 16],
    ) -> Option<([u8; 24], [u8; 32])> {
        let count = self.sealed.to_le_bytes();
        self.sealed = self.sealed.checked_add(1)?;
        let (mut nonce, mut short) = ([0; 24], [0; 12]);
        *nonce.first_chunk_mut()? = self.beginning;
        *nonce.last_chunk_mut()? = count;
        *short.last_chunk_mut()? = count;

        let mut sealed = [0; 32];
        let (plaintext, room) = sealed.split_at_mut(16);
        plaintext.copy_from_slice(cookie);
        let nonce_of_one = Nonce::assume_unique_for_key(short);
        let tag = self
            .subkey
            .0
            .seal_in_place_separate_tag(nonce_of_one, Aad::from(mac1), plaintext)
            .ok()?;
        room.copy_from_slice(tag.as_ref());
        Some((nonce, sealed))
    }
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
/// does so after handshakes and when it erases keys. A thread that has sealed or opened packets should too, now and then
/// and before it sleeps for long: it costs a third of a microsecond.
#[inline(never)]
pub fn scrub_stack() {
    let mut blank = [0_u8; 16 * 1024];
    black_box(&mut blank);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_5_a_sealed_cookie_is_what_another_xchacha_opens_and_no_nonce_comes_twice() {
        let mut sealer = CookieSealer::new(&[7; 32], [9; 16]).unwrap();
        let mut nonces = Vec::new();
        for number in 0..300_u32 {
            let mac1 = [number as u8; 16];
            let (nonce, sealed) = sealer.seal(&mac1, &[number as u8 ^ 3; 16]).unwrap();

            let opened = open_cookie(&[7; 32], &nonce, &mac1, &sealed);
            assert_eq!(opened, Some([number as u8 ^ 3; 16]));
            assert_eq!(
                open_cookie(&[7; 32], &nonce, &mac1.map(|byte| !byte), &sealed),
                None
            );
            nonces.push(nonce);
        }
        nonces.sort_unstable();
        nonces.dedup();
        assert_eq!(nonces.len(), 300);
    }
}
