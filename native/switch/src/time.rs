//! Time comes in as a value, on two clocks.

/// Flows age on a clock that nobody can set; expiry dates are of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Milliseconds since any fixed moment, never going back.
    pub monotonic_ms: u64,
    /// Milliseconds since 1970.
    pub unix_ms: u64,
}
