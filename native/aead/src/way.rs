//! The implementations there are, and which of them this processor can run.

/// How packets are sealed and opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Sixteen blocks at once, packets together.
    Avx512,
    /// One packet after the other, with `ring`: everywhere.
    Ring,
}

impl Way {
    /// The fastest that this processor can run. `is_x86_feature_detected` asks the system, too, whether it saves the registers.
    pub fn best() -> Self {
        #[cfg(target_arch = "x86_64")]
        if crate::avx512::is_possible() {
            return Self::Avx512;
        }
        Self::Ring
    }
}
