use culvert_core::Entropy;
use ring::rand::{SecureRandom, SystemRandom};

/// The operating system's generator.
pub(crate) struct SystemEntropy;

impl SystemEntropy {
    pub(crate) fn words<const N: usize>() -> [u64; N] {
        std::array::from_fn(|_| {
            let mut bytes = [0; 8];
            SystemEntropy.fill(&mut bytes);
            u64::from_ne_bytes(bytes)
        })
    }
}

impl Entropy for SystemEntropy {
    /// Keys from a generator that failed would be worse than no engine.
    fn fill(&self, bytes: &mut [u8]) {
        if SystemRandom::new().fill(bytes).is_err() {
            std::process::abort();
        }
    }
}
