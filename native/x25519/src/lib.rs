//! X25519 (RFC 7748): two agreements at once where the processor has AVX-512 IFMA, `x25519-dalek` elsewhere. Time and memory
//! access depend on no secret. Nothing is erased here: the stack that was used is the caller's to scrub.

#[cfg(target_arch = "x86_64")]
mod avx512;

use subtle::ConstantTimeEq;
use x25519_dalek::{PublicKey, StaticSecret};

/// Of a private key, clamped or not.
pub fn public_key(secret: &[u8; 32]) -> [u8; 32] {
    PublicKey::from(&StaticSecret::from(*secret)).to_bytes()
}

/// `None` when the other's point is of low order: the shared secret would be no secret.
pub fn agree(secret: &[u8; 32], theirs: &[u8; 32]) -> Option<[u8; 32]> {
    let [shared, _] = agree_twice([(secret, theirs); 2]);
    shared
}

/// [`agree`] for two pairs, in the time of one.
pub fn agree_twice(pairs: [(&[u8; 32], &[u8; 32]); 2]) -> [Option<[u8; 32]>; 2] {
    products(pairs).map(|shared| {
        let is_zero: bool = shared.ct_eq(&[0; 32]).into();
        (!is_zero).then_some(shared)
    })
}

#[cfg(target_arch = "x86_64")]
fn products(pairs: [(&[u8; 32], &[u8; 32]); 2]) -> [[u8; 32]; 2] {
    if avx512::is_possible() {
        // SAFETY: the processor has what the ladder asks for.
        return unsafe { avx512::two_ladders(pairs) };
    }
    pairs.map(product)
}

#[cfg(not(target_arch = "x86_64"))]
fn products(pairs: [(&[u8; 32], &[u8; 32]); 2]) -> [[u8; 32]; 2] {
    pairs.map(product)
}

fn product((secret, theirs): (&[u8; 32], &[u8; 32])) -> [u8; 32] {
    let secret = StaticSecret::from(*secret);
    secret.diffie_hellman(&PublicKey::from(*theirs)).to_bytes()
}
