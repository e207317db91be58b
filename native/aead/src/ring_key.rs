//! A key of `ring`'s.

use std::hint::black_box;

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

use crate::packet::Packet;

/// Behind a pointer, because ring leaves room for the largest of its ciphers. Always there: ring refuses only keys of
/// another length.
pub(crate) struct RingKey(Box<Option<LessSafeKey>>);

impl RingKey {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self(Box::new(made(key)))
    }

    pub(crate) fn seal(&self, packet: &mut Packet<'_>) {
        packet.is_done = self.try_seal(packet).is_some();
    }

    fn try_seal(&self, packet: &mut Packet<'_>) -> Option<()> {
        let key = self.0.as_ref().as_ref()?;
        let nonce = nonce(packet.counter);
        let (text, place) = packet.parts()?;
        let tag = key.seal_in_place_separate_tag(nonce, Aad::empty(), text);
        place.copy_from_slice(tag.ok()?.as_ref());
        Some(())
    }

    /// ring blanks what it decrypted when the tag is not right.
    pub(crate) fn open(&self, packet: &mut Packet<'_>) {
        let nonce = nonce(packet.counter);
        packet.is_done = self.0.as_ref().as_ref().is_some_and(|key| {
            let opened = key.open_in_place(nonce, Aad::empty(), packet.message);
            opened.is_ok()
        });
    }
}

fn made(key: &[u8; 32]) -> Option<LessSafeKey> {
    let key = UnboundKey::new(&CHACHA20_POLY1305, key).ok()?;
    Some(LessSafeKey::new(key))
}

fn nonce(counter: u64) -> Nonce {
    let mut bytes = [0; 12];
    if let Some(low) = bytes.last_chunk_mut() {
        *low = counter.to_le_bytes();
    }
    Nonce::assume_unique_for_key(bytes)
}

/// ring does not erase its keys; overwriting one in place and showing it to the optimiser does.
impl Drop for RingKey {
    fn drop(&mut self) {
        *self.0 = made(&[0; 32]);
        black_box(&self.0);
    }
}
