//! BLAKE2s as handshakes use it: HASH and KDF (HKDF). MAC has a file of its own, `mac.rs`.

use blake2::{Blake2s256, Digest};
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PublicKey;
    use crate::cookie::mac1_key;

    /// Keys and inputs are those of wireguard-go's `TestKDF`; a key that is shorter than a block stands for itself with zeros.
    #[test]
    fn line_1_keys_are_derived_as_wireguard_go_derives_them() {
        for (text, input, expected) in [
            (
                "test-key",
                "test-input",
                [
                    "6f0e5ad38daba1bea8a0d213688736f19763239305e0f58aba697f9ffc41c633",
                    "df1194df20802a4fe594cde27e92991c8cae66c366e8106aaa937a55fa371e8a",
                    "fac6e2745a325f5dc5d11a5b165aad08b0ada28e7b4e666b7c077934a4d76c24",
                ],
            ),
            (
                "wireguard",
                "wireguard",
                [
                    "491d43bbfdaa8750aaf535e334ecbfe5129967cd64635101c566d4caefda96e8",
                    "1e71a379baefd8a79aa4662212fcafe19a23e2b609a3db7d6bcba8f560e3d25f",
                    "31e1ae48bddfbe5de38f295e5452b1909a1b4e38e183926af3780b0c1e1f0160",
                ],
            ),
            (
                "",
                "",
                [
                    "8387b46bf43eccfcf349552a095d8315c4055beb90208fb1be23b894bc2ed5d0",
                    "58a0e5f6faefccf4807bff1f05fa8a9217945762040bcec2f4b4a62bdfe0e86e",
                    "0ce6ea98ec548f8e281e93e32db65621c45eb18dc6f0a7ad94178610a2f7338e",
                ],
            ),
        ] {
            let mut key = [0; 32];
            key[..text.len()].copy_from_slice(text.as_bytes());
            let (first, second, third) = kdf3(&key, input.as_bytes());

            assert_eq!([first, second, third].map(|hash| hex(&hash)), expected);
            assert_eq!(kdf1(&key, input.as_bytes()), first);
            assert_eq!(kdf2(&key, input.as_bytes()), (first, second));
        }
    }

    /// `hashlib.blake2s(message, key=hashlib.blake2s(b"mac1----" + public).digest(), digest_size=16)` in Python.
    #[test]
    fn line_1_mac1_is_what_another_blake2s_says() {
        let public = PublicKey(std::array::from_fn(|place| place as u8));
        let message: [u8; 116] = std::array::from_fn(|place| (place * 7) as u8);

        let mac1 = mac1_key(&public).of(&message);

        assert_eq!(hex(&mac1), "03a55c329de13c8e850faad2618d1d34");
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
