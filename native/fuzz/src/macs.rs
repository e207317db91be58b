//! mac1, which anybody can make who knows a public key.

use blake2::digest::consts::U16;
use blake2::digest::{FixedOutput, KeyInit, Update};
use blake2::{Blake2s256, Blake2sMac, Digest};
use culvert_core::PublicKey;

const MACS: usize = 32;
const MAC: usize = 16;

pub(crate) fn stamp(receiver: &PublicKey, message: &mut [u8]) {
    let Some(end) = message.len().checked_sub(MACS) else {
        return;
    };
    let mac1 = mac1(receiver, &message[..end]);
    message[end..end + MAC].copy_from_slice(&mac1);
}

pub(crate) fn is_right(receiver: &PublicKey, message: &[u8]) -> bool {
    message
        .len()
        .checked_sub(MACS)
        .is_some_and(|end| message[end..end + MAC] == mac1(receiver, &message[..end]))
}

fn mac1(receiver: &PublicKey, body: &[u8]) -> [u8; MAC] {
    let key = Blake2s256::new()
        .chain_update(b"mac1----")
        .chain_update(receiver.as_bytes())
        .finalize();
    let mut mac = <Blake2sMac<U16> as KeyInit>::new_from_slice(&key).unwrap();
    Update::update(&mut mac, body);
    mac.finalize_fixed().into()
}
