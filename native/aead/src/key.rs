//! A key, sealing and opening.

use std::fmt;
#[cfg(target_arch = "x86_64")]
use zeroize::ZeroizeOnDrop;

use crate::packet::Packet;
use crate::ring_key::RingKey;
use crate::way::Way;

/// One direction of a session. Dropping it erases it.
pub struct Key(Engine);

/// Behind pointers, so that moving a key about leaves no copies of it: not on the stack, and not in the padding of
/// what it is moved into.
enum Engine {
    #[cfg(target_arch = "x86_64")]
    Avx512(Box<Words>),
    Ring(RingKey),
}

/// The words of ChaCha20's state that stay.
#[cfg(target_arch = "x86_64")]
#[derive(ZeroizeOnDrop)]
pub(crate) struct Words {
    pub(crate) key: [u32; 8],
    /// Four bytes of the nonce; in WireGuard always 0.
    pub(crate) nonce_prefix: u32,
}

impl Key {
    /// For the fastest way that this processor has.
    pub fn new(key: &[u8; 32]) -> Self {
        Self::with_way(Way::best(), key)
    }

    /// For one way. A way that this processor does not have gives [`Way::Ring`].
    pub fn with_way(way: Way, key: &[u8; 32]) -> Self {
        match way {
            #[cfg(target_arch = "x86_64")]
            Way::Avx512 if crate::avx512::is_possible() => Self(Engine::Avx512(Words::new(key))),
            _ => Self(Engine::Ring(RingKey::new(key))),
        }
    }

    pub fn way(&self) -> Way {
        match &self.0 {
            #[cfg(target_arch = "x86_64")]
            Engine::Avx512(_) => Way::Avx512,
            Engine::Ring(_) => Way::Ring,
        }
    }

    /// Encrypts `message` but its last 16 bytes, which become the tag. False when it is shorter than that.
    pub fn seal(&self, counter: u64, message: &mut [u8]) -> bool {
        let mut packet = [Packet::new(counter, message)];
        self.seal_all(&mut packet);
        packet.iter().all(|packet| packet.is_done)
    }

    /// Decrypts in place and returns the plaintext's length, when the tag is right. Else the message is of no use, but
    /// nothing of it has been decrypted, or it has been blanked.
    pub fn open(&self, counter: u64, message: &mut [u8]) -> Option<usize> {
        let mut packet = [Packet::new(counter, message)];
        self.open_all(&mut packet);
        let [packet] = packet;
        packet.is_done.then(|| packet.text_len())
    }

    /// Seals each packet. Those that belong together should come together: a block that a packet does not need is
    /// one of the next packet's.
    pub fn seal_all(&self, packets: &mut [Packet<'_>]) {
        match &self.0 {
            #[cfg(target_arch = "x86_64")]
            Engine::Avx512(words) => crate::avx512::seal_all(words, packets),
            Engine::Ring(key) => packets.iter_mut().for_each(|packet| key.seal(packet)),
        }
    }

    /// Opens each packet that is authentic.
    pub fn open_all(&self, packets: &mut [Packet<'_>]) {
        match &self.0 {
            #[cfg(target_arch = "x86_64")]
            Engine::Avx512(words) => crate::avx512::open_all(words, packets),
            Engine::Ring(key) => packets.iter_mut().for_each(|packet| key.open(packet)),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Key(hidden)")
    }
}

#[cfg(target_arch = "x86_64")]
impl Words {
    /// Filled in where it stays.
    fn new(key: &[u8; 32]) -> Box<Self> {
        let mut words = Box::new(Self {
            key: [0; 8],
            nonce_prefix: 0,
        });
        let (bytes, _) = key.as_chunks();
        for (word, bytes) in words.key.iter_mut().zip(bytes) {
            *word = u32::from_le_bytes(*bytes);
        }
        words
    }
}

#[cfg(test)]
#[cfg(target_arch = "x86_64")]
mod tests {
    use super::*;

    #[test]
    fn project_wycheproofs_vectors_seal_and_open() {
        if !crate::avx512::is_possible() {
            return;
        }
        let vectors = include_str!("vectors/wycheproof.txt").lines();
        let mut count = 0;
        for vector in vectors.filter(|line| !line.starts_with('#')) {
            let fields: Vec<_> = vector.split(' ').map(bytes).collect();
            let [key, nonce, text, sealed] = fields.as_slice() else {
                panic!("{vector}");
            };
            let mut words = Words::new(key.as_slice().try_into().unwrap());
            words.nonce_prefix = u32::from_le_bytes(nonce[..4].try_into().unwrap());
            let key = Key(Engine::Avx512(words));
            let counter = u64::from_le_bytes(nonce[4..].try_into().unwrap());
            let mut message = [text.as_slice(), &[0; 16]].concat();

            assert!(key.seal(counter, &mut message));

            assert_eq!(&message, sealed);
            assert_eq!(key.open(counter, &mut message), Some(text.len()));
            assert_eq!(&message[..text.len()], text);
            count += 1;
        }
        assert_eq!(count, 38);
    }

    fn bytes(hex: &str) -> Vec<u8> {
        let digits = hex.trim_matches('-').as_bytes().chunks(2);
        let byte = |pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
        digits.map(byte).collect()
    }
}
