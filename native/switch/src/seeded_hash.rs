//! The hash by which flows are found.
use std::hash::{BuildHasher, Hasher};

/// Folded multiplication under a secret seed: quick, and nobody outside can choose flows that collide.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SeededState([u64; 2]);

impl SeededState {
    pub(crate) fn new(seed: [u64; 2]) -> Self {
        Self(seed)
    }
}

impl BuildHasher for SeededState {
    type Hasher = SeededHasher;

    fn build_hasher(&self) -> SeededHasher {
        let [state, multiplier] = self.0;
        SeededHasher {
            state,
            multiplier: multiplier | 1,
        }
    }
}

#[derive(Debug)]
pub(crate) struct SeededHasher {
    state: u64,
    multiplier: u64,
}

impl Hasher for SeededHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes
            .iter()
            .for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, word: u64) {
        let product = u128::from(self.state ^ word) * u128::from(self.multiplier);
        // Rotated, so that a word which cancels the state out does not stay cancelled.
        self.state = (product as u64 ^ (product >> 64) as u64)
            .wrapping_add(self.multiplier)
            .rotate_left(23);
    }

    fn write_u128(&mut self, word: u128) {
        self.write_u64(word as u64);
        self.write_u64((word >> 64) as u64);
    }

    fn finish(&self) -> u64 {
        self.state
    }
}
