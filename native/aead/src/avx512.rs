//! Sixteen blocks at once, of as many packets as there are.
//!
//! Every packet needs its first block for a one-time key and one more for each 64 bytes. Up to 16 packets are taken
//! together: their first blocks and all others fill the lanes one behind the other, so that only the last pass has
//! lanes with nothing to do.

mod chacha20;
mod group;
mod limbs;
mod memory;
mod pass;
mod poly1305;
mod powers;

use self::group::{open_group, seal_group};
use crate::key::Words;
use crate::packet::{Packet, TOGETHER};

/// So few need less room, which would have to be blanked.
const FEW: usize = 2;

pub(crate) fn is_possible() -> bool {
    !cfg!(culvert_without_avx512)
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vl")
        && is_x86_feature_detected!("avx512ifma")
}

/// Only with words that were made where [`is_possible`].
pub(crate) fn seal_all(words: &Words, packets: &mut [Packet<'_>]) {
    for packets in packets.chunks_mut(TOGETHER) {
        // SAFETY: a key has such words only where the processor has these features.
        unsafe {
            match packets.len() {
                ..=FEW => seal_group::<FEW>(words, packets),
                _ => seal_group::<TOGETHER>(words, packets),
            }
        }
    }
}

/// Only with words that were made where [`is_possible`].
pub(crate) fn open_all(words: &Words, packets: &mut [Packet<'_>]) {
    for packets in packets.chunks_mut(TOGETHER) {
        // SAFETY: a key has such words only where the processor has these features.
        unsafe {
            match packets.len() {
                ..=FEW => open_group::<FEW>(words, packets),
                _ => open_group::<TOGETHER>(words, packets),
            }
        }
    }
}
