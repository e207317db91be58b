//! Keys as types: public ones can be shown and compared, secret ones are erased on drop and never printed.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PublicKey(pub [u8; 32]);

#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct PrivateKey([u8; 32]);

/// All zero means "none", as in the protocol.
#[derive(Clone, Default, Zeroize, ZeroizeOnDrop)]
pub struct PresharedKey([u8; 32]);

impl PublicKey {
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PrivateKey {
    /// Clamps, as every WireGuard implementation does, so that read-out equals what others print.
    pub fn from_bytes(mut bytes: [u8; 32]) -> Self {
        let [first, .., last] = &mut bytes;
        *first &= 0b1111_1000;
        *last = (*last & 0b0111_1111) | 0b0100_0000;
        let key = Self(bytes);
        bytes.zeroize();
        key
    }

    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    pub fn public_key(&self) -> PublicKey {
        PublicKey(culvert_x25519::public_key(&self.0))
    }

    /// UAPI's way to say "no private key".
    pub fn is_zero(bytes: &[u8; 32]) -> bool {
        bytes.ct_eq(&[0; 32]).into()
    }

    /// `None` when the other's point is of low order: the secret would be no secret.
    pub(crate) fn agree(&self, theirs: &PublicKey) -> Option<SharedKey> {
        #[cfg(test)]
        agreements::count(1);
        culvert_x25519::agree(&self.0, &theirs.0).map(SharedKey)
    }
}

impl PresharedKey {
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The outcome of one Diffie-Hellman.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub(crate) struct SharedKey(pub(crate) [u8; 32]);

/// [`PrivateKey::agree`] for two pairs at once, which takes little longer than for one.
pub(crate) fn agree_twice(pairs: [(&PrivateKey, &PublicKey); 2]) -> Option<[SharedKey; 2]> {
    #[cfg(test)]
    agreements::count(2);
    let pairs = pairs.map(|(secret, theirs)| (&secret.0, &theirs.0));
    let [one, other] = culvert_x25519::agree_twice(pairs).map(|shared| shared.map(SharedKey));
    Some([one?, other?])
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in self.0 {
            write!(formatter, "{byte:02x}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PrivateKey(hidden)")
    }
}

impl fmt::Debug for PresharedKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PresharedKey(hidden)")
    }
}

/// Counts what is expensive, so that tests can tell that forged bytes never reach it.
#[cfg(test)]
pub(crate) mod agreements {
    use std::cell::Cell;

    thread_local!(static DONE: Cell<u64> = const { Cell::new(0) });

    pub(crate) fn count(agreements: u64) {
        DONE.set(DONE.get() + agreements);
    }

    pub(crate) fn done() -> u64 {
        DONE.get()
    }
}
