use std::thread::sleep;
use std::time::{Duration, Instant};

use culvert_core::Entropy;
use ring::rand::{SecureRandom, SystemRandom};

use crate::log_error;

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

/// How long a generator that fails is asked again. Linux's own does not fail once it was seeded (getrandom(2)).
const PATIENCE: Duration = Duration::from_secs(5);
const BETWEEN_TRIES: Duration = Duration::from_millis(10);

impl Entropy for SystemEntropy {
    /// Keys from a generator that failed would be worse than no engine, so that is the end of it.
    fn fill(&self, bytes: &mut [u8]) {
        let began = Instant::now();
        while SystemRandom::new().fill(bytes).is_err() {
            if began.elapsed() > PATIENCE {
                log_error!(
                    "the operating system gives no random bytes, without which no key can be made: leaving"
                );
                std::process::abort();
            }
            sleep(BETWEEN_TRIES);
        }
    }
}
