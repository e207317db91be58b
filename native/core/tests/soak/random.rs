//! Chance that comes out the same in every run of one seed.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use culvert_core::Entropy;

/// splitmix64: repeatable, and nothing like secure.
pub(crate) struct Random(AtomicU64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed.wrapping_mul(0x1234_5678_9abc_def1)))
    }

    pub(crate) fn number(&self) -> u64 {
        let step = 0x9e37_79b9_7f4a_7c15;
        let mut mixed = self.0.fetch_add(step, Ordering::Relaxed).wrapping_add(step);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&self, end: usize) -> usize {
        usize::try_from(self.number() % end as u64).unwrap()
    }

    /// True in one of so many cases.
    pub(crate) fn one_in(&self, cases: usize) -> bool {
        self.below(cases) == 0
    }

    /// Evenly between the two.
    pub(crate) fn between(&self, least: Duration, most: Duration) -> Duration {
        let span = u64::try_from((most - least).as_micros()).unwrap();
        least + Duration::from_micros(self.number() % (span + 1))
    }

    /// Waiting times of what happens so often on average: from a tenth of it to twice as long.
    pub(crate) fn about(&self, average: Duration) -> Duration {
        self.between(average / 10, average * 19 / 10)
    }
}

impl Entropy for Random {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let drawn = self.number().to_le_bytes();
            chunk.copy_from_slice(&drawn[..chunk.len()]);
        }
    }
}
