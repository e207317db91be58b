use std::time::Duration;

use crate::now::nanos;

/// A handshake's timestamp: TAI64N, big-endian, so that byte order is time order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Tai64n(pub [u8; 12]);

/// 2^62 for the epoch, and the 10 s by which TAI was ahead of UTC in 1970.
const TAI_BASE: u64 = 0x4000_0000_0000_000a;
/// Coarse on purpose: a precise timestamp would be a clock to measure us with.
const GRAIN: u64 = 1 << 24;

impl Tai64n {
    /// The timestamp of `unix`, or the next one after `last`: a clock that is set back must not make
    /// the peer ignore us.
    pub(crate) fn after(last: Self, unix: Duration) -> Self {
        let wanted = Self::of_nanos(nanos(unix));
        if wanted > last {
            return wanted;
        }
        Self::of_nanos(last.unix_nanos().saturating_add(GRAIN))
    }

    /// What the clock that made it showed.
    pub fn since_epoch(self) -> Duration {
        Duration::from_nanos(self.unix_nanos())
    }

    fn of_nanos(unix_nanos: u64) -> Self {
        let seconds = TAI_BASE + unix_nanos / 1_000_000_000;
        let fraction = (unix_nanos % 1_000_000_000) & !(GRAIN - 1);
        let mut bytes = [0; 12];
        let (high, low) = bytes.split_at_mut(8);
        high.copy_from_slice(&seconds.to_be_bytes());
        low.copy_from_slice(&u32::try_from(fraction).unwrap_or(0).to_be_bytes());
        Self(bytes)
    }

    fn unix_nanos(self) -> u64 {
        let seconds = self
            .0
            .first_chunk()
            .map_or(0, |high| u64::from_be_bytes(*high));
        let fraction = self
            .0
            .last_chunk()
            .map_or(0, |low| u32::from_be_bytes(*low));
        seconds
            .saturating_sub(TAI_BASE)
            .saturating_mul(1_000_000_000)
            .saturating_add(u64::from(fraction))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_10_the_low_24_bits_of_the_nanoseconds_are_zero() {
        for unix_nanos in [1, 999_999_999, 1_700_000_000_123_456_789] {
            let stamp = Tai64n::after(Tai64n::default(), Duration::from_nanos(unix_nanos));
            let fraction = u32::from_be_bytes(stamp.0[8..].try_into().unwrap());

            assert_eq!(fraction & 0x00ff_ffff, 0);
        }
    }

    #[test]
    fn timestamps_grow_even_when_the_clock_stands_or_is_set_back() {
        let mut last = Tai64n::default();
        for (step, second) in [100, 100, 100, 50, 50, 0]
            .into_iter()
            .cycle()
            .take(600)
            .enumerate()
        {
            let next = Tai64n::after(last, Duration::from_secs(second));

            assert!(next > last, "step {step}");
            last = next;
        }
    }

    #[test]
    fn the_unix_epoch_is_ten_seconds_into_tai() {
        let stamp = Tai64n::of_nanos(0);

        assert_eq!(stamp.0, [0x40, 0, 0, 0, 0, 0, 0, 0x0a, 0, 0, 0, 0]);
    }
}
