//! The Internet checksum (RFC 1071). The sum does not care for byte order, so it runs in the machine's own.

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sum(u64);

impl Sum {
    /// Shaped so that the compiler makes vectors of it: about 75 ns for 1420 bytes.
    pub(crate) fn bytes(self, bytes: &[u8]) -> Sum {
        let (blocks, rest) = bytes.as_chunks::<32>();
        let mut lanes = [0u64; 8];
        for block in blocks {
            let (words, _) = block.as_chunks::<4>();
            for (lane, word) in lanes.iter_mut().zip(words) {
                *lane += u64::from(u32::from_ne_bytes(*word));
            }
        }
        let (pairs, odd) = rest.as_chunks::<2>();
        let tail: u64 = pairs
            .iter()
            .map(|pair| u64::from(u16::from_ne_bytes(*pair)))
            .sum();
        let last: u64 = odd
            .iter()
            .map(|byte| u64::from(u16::from_ne_bytes([*byte, 0])))
            .sum();
        Sum(fold(self.0) + lanes.into_iter().map(fold).sum::<u64>() + tail + last)
    }

    /// A 16-bit field, as a number.
    pub(crate) fn field(self, value: u16) -> Sum {
        Sum(self.0 + u64::from(value.to_be()))
    }

    /// As if that field had not been summed.
    pub(crate) fn without(self, value: u16) -> Sum {
        self.field(!value)
    }

    /// What a super-packet's checksum field holds: folded, not complemented.
    pub(crate) fn folded(self) -> u16 {
        u16::from_be(fold(fold(self.0)) as u16)
    }

    pub(crate) fn checksum(self) -> u16 {
        !self.folded()
    }

    /// UDP keeps 0 for "no checksum".
    pub(crate) fn udp_checksum(self) -> u16 {
        match self.checksum() {
            0 => 0xffff,
            checksum => checksum,
        }
    }
}

/// 64 bits into 17 or fewer; twice makes it 16.
fn fold(sum: u64) -> u64 {
    let sum = (sum & 0xffff_ffff) + (sum >> 32);
    let sum = (sum & 0xffff) + ((sum >> 16) & 0xffff) + (sum >> 32);
    (sum & 0xffff) + (sum >> 16)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_example_of_rfc_1071_gives_its_sum() {
        let bytes = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];

        assert_eq!(Sum::default().bytes(&bytes).folded(), 0xddf2);
    }

    proptest! {
        #[test]
        fn it_is_the_sum_of_big_endian_words_with_end_around_carry(
            bytes in prop::collection::vec(any::<u8>(), 0..2000)
        ) {
            prop_assert_eq!(Sum::default().bytes(&bytes).folded(), reference(&bytes));
        }

        #[test]
        fn a_field_taken_out_was_never_there(bytes: [u8; 20], field: u16) {
            let with = Sum::default().bytes(&bytes).field(field).without(field);
            let never = Sum::default().bytes(&bytes);

            // 0 and 0xffff are the same number in one's complement.
            prop_assert_eq!(with.folded() % 0xffff, never.folded() % 0xffff);
        }
    }

    fn reference(bytes: &[u8]) -> u16 {
        let mut sum = 0u64;
        for pair in bytes.chunks(2) {
            sum += u64::from(pair[0]) << 8 | u64::from(*pair.get(1).unwrap_or(&0));
        }
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        sum as u16
    }
}
