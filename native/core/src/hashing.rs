//! BLAKE2s in the three ways that WireGuard uses it: HASH, MAC and KDF (HKDF).

use blake2::digest::consts::U16;
use blake2::digest::{FixedOutput, KeyInit, Update};
use blake2::{Blake2s256, Blake2sMac, Digest};
use zeroize::Zeroize;

pub(crate) type Hash = [u8; 32];

const BLOCK: usize = 64;

pub(crate) fn hash(parts: &[&[u8]]) -> Hash {
    let mut state = Blake2s256::new();
    for part in parts {
        Digest::update(&mut state, part);
    }
    state.finalize().into()
}

/// Keyed BLAKE2s with 16 bytes of output. Keys are 16 (a cookie) or 32 bytes, which it always accepts.
pub(crate) fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 16] {
    let Ok(mut state) = <Blake2sMac<U16> as KeyInit>::new_from_slice(key) else {
        return [0; 16];
    };
    for part in parts {
        Update::update(&mut state, part);
    }
    state.finalize_fixed().into()
}

/// HMAC over BLAKE2s; the key is at most one block here.
fn hmac(key: &Hash, parts: &[&[u8]]) -> Hash {
    let mut inner_pad = [0x36; BLOCK];
    let mut outer_pad = [0x5c; BLOCK];
    for (pad, byte) in inner_pad.iter_mut().zip(key) {
        *pad ^= byte;
    }
    for (pad, byte) in outer_pad.iter_mut().zip(key) {
        *pad ^= byte;
    }
    let mut inner = Blake2s256::new();
    Digest::update(&mut inner, inner_pad);
    for part in parts {
        Digest::update(&mut inner, part);
    }
    let mut digest: Hash = inner.finalize().into();
    let authenticated = hash(&[&outer_pad, &digest]);
    inner_pad.zeroize();
    outer_pad.zeroize();
    digest.zeroize();
    authenticated
}

pub(crate) fn kdf1(key: &Hash, input: &[u8]) -> Hash {
    let mut extracted = hmac(key, &[input]);
    let first = hmac(&extracted, &[&[1]]);
    extracted.zeroize();
    first
}

pub(crate) fn kdf2(key: &Hash, input: &[u8]) -> (Hash, Hash) {
    let mut extracted = hmac(key, &[input]);
    let first = hmac(&extracted, &[&[1]]);
    let second = hmac(&extracted, &[&first, &[2]]);
    extracted.zeroize();
    (first, second)
}

pub(crate) fn kdf3(key: &Hash, input: &[u8]) -> (Hash, Hash, Hash) {
    let mut extracted = hmac(key, &[input]);
    let first = hmac(&extracted, &[&[1]]);
    let second = hmac(&extracted, &[&first, &[2]]);
    let third = hmac(&extracted, &[&second, &[3]]);
    extracted.zeroize();
    (first, second, third)
}
