//! Poly1305 (RFC 8439, 2.5 and 2.8) over a text and its length, 16 blocks a step.
//!
//! Blocks are taken from the end: zeros that carry no weight stand before the first step's blocks, so that the last
//! block is always multiplied with r^1.

use std::arch::x86_64::*;

use super::limbs::{Factor, Limbs, Product};
use super::memory::{load, load_behind};
use super::powers::Powers;
use crate::residue::tag_of;

const BLOCK: usize = 16;
const STEP: usize = 16 * BLOCK;
const HALF_STEP: usize = 8 * BLOCK;

/// Which lanes hold blocks and which the zeros in front of them, by how many blocks of zeros there are: unpacking
/// puts the blocks into the order 0, 4, 1, 5, 2, 6, 3, 7.
const BLOCKS_BEHIND: [u8; 9] = [
    0b1111_1111,
    0b1111_1110,
    0b1111_1010,
    0b1110_1010,
    0b1010_1010,
    0b1010_1000,
    0b1010_0000,
    0b1000_0000,
    0b0000_0000,
];

/// The tag of a text under a one-time key: the powers of its first half, and its second half.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
pub(super) fn tag(powers: &Powers, pad: u128, text: &[u8]) -> [u8; 16] {
    // With the block that tells the length.
    let padded = text.len().next_multiple_of(BLOCK) + BLOCK;
    let length = text.len() as i64;
    let to_eight = Factor::new(powers.0);
    let mut sum = Product::zero();
    if padded <= HALF_STEP {
        let blocks = framed(HALF_STEP - padded, text, 0);
        sum.add(blocks.with_length(length).limbs(), &to_eight);
        return tag_of(sum.carried().sum(), pad);
    }
    let by_r8 = Factor::new(powers.0.spread::<0>());
    let to_sixteen = powers.0.times(&by_r8);
    let (sum_before, zeros, last) = if padded <= STEP {
        (Limbs::zero(), STEP - padded, text)
    } else {
        let by_r16 = Factor::new(to_sixteen.spread::<0>());
        let (sum, last) = all_but_the_last_step(&by_r8, &by_r16, padded, text);
        (sum, 0, last)
    };
    let front = framed(zeros, last, 0).limbs().plus(sum_before);
    let back = framed(zeros, last, HALF_STEP).with_length(length).limbs();
    sum.add(back, &to_eight);
    sum.add(front, &Factor::new(to_sixteen));
    tag_of(sum.carried().sum(), pad)
}

/// The first step may be short, those that follow are whole. Returns what is left for the last step, too.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
fn all_but_the_last_step<'t>(
    by_r8: &Factor,
    by_r16: &Factor,
    padded: usize,
    text: &'t [u8],
) -> (Limbs, &'t [u8]) {
    let first_step = (padded - BLOCK) % STEP + BLOCK;
    let (first, rest) = text.split_at(first_step.min(text.len()));
    let (steps, last) = rest.as_chunks::<STEP>();
    let zeros = STEP - first_step;
    let mut sum = Product::zero();
    sum.add(framed(zeros, first, HALF_STEP).limbs(), by_r8);
    if zeros < HALF_STEP {
        sum.add(framed(zeros, first, 0).limbs(), by_r16);
    }
    for step in steps {
        let (pieces, _) = step.as_chunks::<64>();
        let [a, b, c, d] = pieces else { break };
        let before = sum.carried();
        sum = Product::zero();
        sum.add(Blocks::whole(load(c), load(d)).limbs(), by_r8);
        sum.add(Blocks::whole(load(a), load(b)).limbs().plus(before), by_r16);
    }
    (sum.carried(), last)
}

/// Eight blocks, one a lane.
struct Blocks {
    low: __m512i,
    high: __m512i,
    /// The lanes that hold blocks.
    present: u8,
}

impl Blocks {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
    fn whole(front: __m512i, back: __m512i) -> Self {
        Self {
            low: _mm512_unpacklo_epi64(front, back),
            high: _mm512_unpackhi_epi64(front, back),
            present: u8::MAX,
        }
    }

    /// The last block is the text's length, behind the length of no associated data.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
    fn with_length(self, length: i64) -> Self {
        Self {
            high: _mm512_mask_set1_epi64(self.high, 0b1000_0000, length),
            ..self
        }
    }

    /// A block weighs 2^128 more than its bytes say.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
    fn limbs(self) -> Limbs {
        let Limbs([a0, a1, a2]) = Limbs::from_halves(self.low, self.high);
        let weight = _mm512_maskz_set1_epi64(self.present, 1 << (128 - 88));
        Limbs([a0, a1, _mm512_or_si512(a2, weight)])
    }
}

/// The eight blocks at `from`, a multiple of 128, of so many zeros and the bytes and zeros behind them.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
fn framed(zeros: usize, bytes: &[u8], from: usize) -> Blocks {
    let missing = (zeros / BLOCK).saturating_sub(from / BLOCK);
    Blocks {
        present: BLOCKS_BEHIND.get(missing).copied().unwrap_or(0),
        ..Blocks::whole(piece(zeros, bytes, from), piece(zeros, bytes, from + 64))
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
fn piece(zeros: usize, bytes: &[u8], from: usize) -> __m512i {
    let bytes = bytes.get(from.saturating_sub(zeros)..).unwrap_or_default();
    load_behind(zeros.saturating_sub(from).min(64), bytes)
}

#[cfg(test)]
mod tests {
    use poly1305::universal_hash::KeyInit;
    use proptest::prelude::*;

    use super::*;
    use crate::avx512::is_possible;
    use crate::avx512::memory::Block;
    use crate::avx512::powers::powers_of;

    /// All that clamping leaves.
    const LARGEST: u128 = 0x0fff_fffc_0fff_fffc_0fff_fffc_0fff_ffff;

    #[test]
    fn numbers_at_the_borders_of_the_modulus_and_of_the_limbs_give_the_right_tag() {
        let numbers = [
            0,
            1,
            2,
            3,
            4,
            5,
            1 << 43,
            (1 << 44) - 1,
            1 << 44,
            1 << 88,
            u128::MAX,
        ];
        for r in numbers.into_iter().chain([LARGEST, LARGEST - 1]) {
            for pad in [0, 1, u128::MAX] {
                for fill in [0x00, 0x01, 0x7f, 0x80, 0xfb, 0xfe, 0xff] {
                    for length in (0..600).chain([1_420, 4_096, 65_535]) {
                        assert_right(r, pad, &vec![fill; length]);
                    }
                }
            }
        }
    }

    /// RFC 8439, A.3: the texts of vectors 7 to 11 bring the sum to 2^130 - 5 and around it.
    #[test]
    fn texts_that_bring_the_sum_to_the_modulus_give_the_right_tag() {
        let ff = u128::MAX;
        let texts = [
            vec![ff, ff - 0xf, 0x11],
            vec![
                ff,
                0xfefe_fefe_fefe_fefe_fefe_fefe_fefe_fefb,
                0x0101_0101_0101_0101_0101_0101_0101_0101,
            ],
            vec![ff - 2],
            vec![
                0x0100_0000_0000_0000_9402_d5a6_0000_0000_u128.swap_bytes(),
                1 << 64,
                1,
            ],
            vec![ff - 4, ff, ff],
        ];
        for text in texts {
            let mut bytes: Vec<_> = text.iter().flat_map(|block| block.to_le_bytes()).collect();
            for r in [1, 2, 4, 0x0400_0000_0000_0000_0100_0000_0000_0000] {
                for _ in 0..40 {
                    assert_right(r, 0, &bytes);
                    bytes.extend_from_within(..16);
                }
                bytes.truncate(text.len() * 16);
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn any_text_under_any_key_gives_the_right_tag(
            r in any::<u128>(),
            pad in any::<u128>(),
            text in proptest::collection::vec(prop_oneof![Just(0xff), any::<u8>()], 0..3_000),
        ) {
            assert_right(r, pad, &text);
        }
    }

    /// As another implementation has it, and alone as well as side by side with others.
    fn assert_right(r: u128, pad: u128, text: &[u8]) {
        if !is_possible() {
            return;
        }
        let mut key = [0; 32];
        key[..16].copy_from_slice(&r.to_le_bytes());
        key[16..].copy_from_slice(&pad.to_le_bytes());
        let mut message = text.to_vec();
        message.resize(text.len().next_multiple_of(16), 0);
        message.extend([0; 8]);
        message.extend((text.len() as u64).to_le_bytes());
        let expected = poly1305::Poly1305::new(&key.into()).compute_unpadded(&message);

        let mut blocks = [Block::starting_with(&[0x5a; 32]); 9];
        blocks[8] = Block::starting_with(&key);
        // SAFETY: the processor has what these functions need.
        let (alone, together) = unsafe {
            let mut powers = [Powers::blank(); 9];
            powers_of(&blocks[8..], &mut powers);
            let alone = tag(&powers[0], pad, text);
            powers_of(&blocks[1..], &mut powers);
            (alone, tag(&powers[7], pad, text))
        };

        assert_eq!(alone, expected.as_slice(), "{r:x} {pad:x} {}", text.len());
        assert_eq!(together, alone);
    }
}
