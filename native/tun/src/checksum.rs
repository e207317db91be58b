//! The Internet checksum (RFC 1071). The sum does not care for byte order, so it runs in the machine's own.

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sum(u64);

impl Sum {
    pub(crate) fn bytes(self, bytes: &[u8]) -> Sum {
        let (blocks, rest) = bytes.as_chunks::<BLOCK>();
        let (words, rest) = rest.as_chunks::<4>();
        let (pairs, odd) = rest.as_chunks::<2>();
        let words: u64 = words.iter().map(word).sum();
        let pairs: u64 = pairs
            .iter()
            .map(|pair| u64::from(u16::from_ne_bytes(*pair)))
            .sum();
        let odd: u64 = odd
            .iter()
            .map(|byte| u64::from(u16::from_ne_bytes([*byte, 0])))
            .sum();
        Sum(fold(self.0) + fold(sum_of(blocks)) + words + pairs + odd)
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

const BLOCK: usize = 32;

/// Shaped so that the compiler makes vectors of it, of those that every processor has: wider ones, found at run time, gain
/// whole packets little, and cost short ones more. A lane has four bytes of each block, so 64 bits have room for all of them
/// together, of 64 KB and far more; checked additions could not be vectors.
fn sum_of(blocks: &[[u8; BLOCK]]) -> u64 {
    let mut lanes = [0u64; BLOCK / 4];
    for block in blocks {
        let (words, _) = block.as_chunks::<4>();
        for (lane, bytes) in lanes.iter_mut().zip(words) {
            *lane = lane.wrapping_add(word(bytes));
        }
    }
    lanes.into_iter().fold(0, u64::wrapping_add)
}

fn word(bytes: &[u8; 4]) -> u64 {
    u64::from(u32::from_ne_bytes(*bytes))
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

    #[test]
    fn it_is_right_for_every_length_at_every_alignment() {
        let bytes: Vec<u8> = (0..400u32).map(|at| (at * 181 + 37) as u8).collect();
        for start in 0..64 {
            for length in lengths_within(bytes.len() - start) {
                let part = &bytes[start..start + length];
                let sum = Sum::default().bytes(part).folded();
                assert_eq!(sum, reference(part), "{length} bytes from {start}");
            }
        }
    }

    /// Every length below the limit. Under Miri, which takes half an hour over those, none to three blocks with each kind of rest
    /// behind them: with and without words, a pair, an odd byte.
    fn lengths_within(limit: usize) -> impl Iterator<Item = usize> {
        let near_a_block = |length: &usize| *length < 100 && (*length + 4) % BLOCK < 12;
        (0..limit).filter(move |length| !cfg!(miri) || near_a_block(length))
    }

    #[test]
    fn the_largest_sums_are_carried() {
        let bytes = vec![0xff; 65_535];
        for length in [32, 1420, 1421, 65_534, 65_535] {
            let part = &bytes[..length];
            let full = Sum(u64::MAX).bytes(part).folded();
            assert_eq!(Sum::default().bytes(part).folded(), reference(part));
            // All ones are a zero that is carried.
            assert_eq!(full, reference(&[&[0xff; 8], part].concat()), "{length}");
        }
    }

    proptest! {
        #[test]
        fn it_is_the_sum_of_big_endian_words_with_end_around_carry(
            bytes in prop::collection::vec(any::<u8>(), 0..2000)
        ) {
            prop_assert_eq!(Sum::default().bytes(&bytes).folded(), reference(&bytes));
        }

        #[test]
        fn parts_give_what_the_whole_does(
            pairs in prop::collection::vec(any::<[u8; 2]>(), 0..400), rest in prop::collection::vec(any::<u8>(), 0..400)
        ) {
            let parts = Sum::default().bytes(pairs.as_flattened()).bytes(&rest);
            let whole = [pairs.as_flattened(), &rest].concat();

            prop_assert_eq!(parts.folded(), reference(&whole));
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
