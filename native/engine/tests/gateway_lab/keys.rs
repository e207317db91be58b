//! Keys by chance, and as text.

use culvert_core::{Entropy, PrivateKey};
use ring::rand::{SecureRandom, SystemRandom};

pub(super) struct Random;

impl Entropy for Random {
    fn fill(&self, bytes: &mut [u8]) {
        SystemRandom::new().fill(bytes).unwrap();
    }
}

pub(super) fn random_key() -> PrivateKey {
    let mut bytes = [0; 32];
    Random.fill(&mut bytes);
    PrivateKey::from_bytes(bytes)
}

pub(super) fn key_text(key: &[u8; 32]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in key.chunks(3) {
        let bits = chunk
            .iter()
            .chain(&[0, 0])
            .take(3)
            .fold(0, |bits, byte| bits << 8 | usize::from(*byte));
        text.extend(
            (0..=chunk.len()).map(|place| char::from(ALPHABET[bits >> (18 - 6 * place) & 63])),
        );
    }
    text + "="
}
