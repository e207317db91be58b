//! ChaCha20 (RFC 8439, 2.3), one block in each 32-bit lane: 16 blocks in 512-bit registers, or 8 in 256-bit ones.

use std::arch::x86_64::*;

use super::memory::{Block, store_block, store_halves};
use crate::key::Words;

/// "expand 32-byte k"
const CONSTANTS: [u32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];

pub(super) const LANES: usize = 16;

/// A block for each lane.
pub(super) type Keystream = [[Block; 4]; LANES / 4];

/// What differs from lane to lane.
#[derive(Clone, Copy)]
pub(super) struct Lanes {
    block: __m512i,
    nonce_low: __m512i,
    nonce_high: __m512i,
}

impl Lanes {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
    pub(super) fn new() -> Self {
        let zero = _mm512_setzero_si512();
        Self {
            block: zero,
            nonce_low: zero,
            nonce_high: zero,
        }
    }

    /// Lane `lane` and those behind it become the blocks from `block` on under `nonce`.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
    pub(super) fn assign(&mut self, lane: usize, nonce: u64, block: u32) {
        let these = (0xffff_u32 << lane) as u16;
        let lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
        let first = _mm512_set1_epi32(block.wrapping_sub(lane as u32) as i32);
        self.block = _mm512_mask_add_epi32(self.block, these, lanes, first);
        self.nonce_low = _mm512_mask_set1_epi32(self.nonce_low, these, nonce as i32);
        self.nonce_high = _mm512_mask_set1_epi32(self.nonce_high, these, (nonce >> 32) as i32);
    }
}

/// The state's 16 words, each with one value for all lanes or one value a lane.
macro_rules! initial_state {
    ($words:expr, $lanes:expr, $same:expr, $each:expr) => {{
        let (same, each) = ($same, $each);
        let [c0, c1, c2, c3] = CONSTANTS;
        let [k0, k1, k2, k3, k4, k5, k6, k7] = $words.key;
        [
            same(c0),
            same(c1),
            same(c2),
            same(c3),
            same(k0),
            same(k1),
            same(k2),
            same(k3),
            same(k4),
            same(k5),
            same(k6),
            same(k7),
            each($lanes.block),
            same($words.nonce_prefix),
            each($lanes.nonce_low),
            each($lanes.nonce_high),
        ]
    }};
}

/// Four quarter rounds side by side, step by step: each alone is one long chain. Of the orders that were tried, the
/// processor's schedulers liked this one best, by 8 % (Zen 4).
macro_rules! step {
    (
        $x:ident, $add:ident, $xor:ident, $rotate:ident, $bits:literal,
        [$a0:tt $b0:tt $d0:tt] [$a1:tt $b1:tt $d1:tt] [$a2:tt $b2:tt $d2:tt] [$a3:tt $b3:tt $d3:tt]
    ) => {
        $x[$a1] = $add($x[$a1], $x[$b1]);
        $x[$d1] = $xor($x[$d1], $x[$a1]);
        $x[$a3] = $add($x[$a3], $x[$b3]);
        $x[$d3] = $xor($x[$d3], $x[$a3]);
        $x[$a0] = $add($x[$a0], $x[$b0]);
        $x[$d3] = $rotate::<$bits>($x[$d3]);
        $x[$a2] = $add($x[$a2], $x[$b2]);
        $x[$d0] = $xor($x[$d0], $x[$a0]);
        $x[$d2] = $xor($x[$d2], $x[$a2]);
        $x[$d0] = $rotate::<$bits>($x[$d0]);
        $x[$d2] = $rotate::<$bits>($x[$d2]);
        $x[$d1] = $rotate::<$bits>($x[$d1]);
    };
}

macro_rules! round {
    ($x:ident, $add:ident, $xor:ident, $rotate:ident, $([$a:tt $b:tt $c:tt $d:tt])*) => {
        step!($x, $add, $xor, $rotate, 16, $([$a $b $d])*);
        step!($x, $add, $xor, $rotate, 12, $([$c $d $b])*);
        step!($x, $add, $xor, $rotate, 8, $([$a $b $d])*);
        step!($x, $add, $xor, $rotate, 7, $([$c $d $b])*);
    };
}

/// 20 rounds, and the initial state added.
macro_rules! keystream {
    ($initial:expr, $add:ident, $xor:ident, $rotate:ident) => {{
        let initial = $initial;
        let mut x = initial;
        for _ in 0..10 {
            round!(x, $add, $xor, $rotate, [0 4 8 12] [1 5 9 13] [2 6 10 14] [3 7 11 15]);
            round!(x, $add, $xor, $rotate, [0 5 10 15] [1 6 11 12] [2 7 8 13] [3 4 9 14]);
        }
        for (word, initial) in x.iter_mut().zip(initial) {
            *word = $add(*word, initial);
        }
        x
    }};
}

/// Four words of all lanes become, in each 128 bits, those four words of one lane: of lanes 0, 4, 8 and 12 in
/// the first register that comes back, of 1, 5, 9 and 13 in the second, and so on.
macro_rules! rows {
    ($words:expr, $low32:ident, $high32:ident, $low64:ident, $high64:ident) => {{
        let [a, b, c, d] = $words;
        let (ab_low, ab_high) = ($low32(a, b), $high32(a, b));
        let (cd_low, cd_high) = ($low32(c, d), $high32(c, d));
        [
            $low64(ab_low, cd_low),
            $high64(ab_low, cd_low),
            $low64(ab_high, cd_high),
            $high64(ab_high, cd_high),
        ]
    }};
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
pub(super) fn sixteen_blocks(words: &Words, lanes: &Lanes, keystream: &mut Keystream) {
    let same = |word| _mm512_set1_epi32(word as i32);
    let initial = initial_state!(words, lanes, same, |lanes| lanes);
    let x = keystream!(
        initial,
        _mm512_add_epi32,
        _mm512_xor_si512,
        _mm512_rol_epi32
    );
    let a = rows512([x[0], x[1], x[2], x[3]]);
    let b = rows512([x[4], x[5], x[6], x[7]]);
    let c = rows512([x[8], x[9], x[10], x[11]]);
    let d = rows512([x[12], x[13], x[14], x[15]]);
    store_column::<0>(keystream, [a[0], b[0], c[0], d[0]]);
    store_column::<1>(keystream, [a[1], b[1], c[1], d[1]]);
    store_column::<2>(keystream, [a[2], b[2], c[2], d[2]]);
    store_column::<3>(keystream, [a[3], b[3], c[3], d[3]]);
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
fn rows512(words: [__m512i; 4]) -> [__m512i; 4] {
    rows!(
        words,
        _mm512_unpacklo_epi32,
        _mm512_unpackhi_epi32,
        _mm512_unpacklo_epi64,
        _mm512_unpackhi_epi64
    )
}

/// Transposes 4 × 4 rows of 128 bits into every fourth block from the `COLUMN`th on.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
fn store_column<const COLUMN: usize>(keystream: &mut Keystream, [a, b, c, d]: [__m512i; 4]) {
    let ab_front = _mm512_shuffle_i32x4::<0x44>(a, b);
    let ab_back = _mm512_shuffle_i32x4::<0xee>(a, b);
    let cd_front = _mm512_shuffle_i32x4::<0x44>(c, d);
    let cd_back = _mm512_shuffle_i32x4::<0xee>(c, d);
    let blocks = [
        _mm512_shuffle_i32x4::<0x88>(ab_front, cd_front),
        _mm512_shuffle_i32x4::<0xdd>(ab_front, cd_front),
        _mm512_shuffle_i32x4::<0x88>(ab_back, cd_back),
        _mm512_shuffle_i32x4::<0xdd>(ab_back, cd_back),
    ];
    for (four, block) in keystream.iter_mut().zip(blocks) {
        if let Some(place) = four.get_mut(COLUMN) {
            store_block(place, block);
        }
    }
}

/// The first eight lanes only, in half the time.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
pub(super) fn eight_blocks(words: &Words, lanes: &Lanes, keystream: &mut Keystream) {
    let same = |word| _mm256_set1_epi32(word as i32);
    let each = |lanes| _mm512_castsi512_si256(lanes);
    let initial = initial_state!(words, lanes, same, each);
    let x = keystream!(
        initial,
        _mm256_add_epi32,
        _mm256_xor_si256,
        _mm256_rol_epi32
    );
    let a = rows256([x[0], x[1], x[2], x[3]]);
    let b = rows256([x[4], x[5], x[6], x[7]]);
    let c = rows256([x[8], x[9], x[10], x[11]]);
    let d = rows256([x[12], x[13], x[14], x[15]]);
    store_short_column::<0>(keystream, [a[0], b[0], c[0], d[0]]);
    store_short_column::<1>(keystream, [a[1], b[1], c[1], d[1]]);
    store_short_column::<2>(keystream, [a[2], b[2], c[2], d[2]]);
    store_short_column::<3>(keystream, [a[3], b[3], c[3], d[3]]);
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
fn rows256(words: [__m256i; 4]) -> [__m256i; 4] {
    rows!(
        words,
        _mm256_unpacklo_epi32,
        _mm256_unpackhi_epi32,
        _mm256_unpacklo_epi64,
        _mm256_unpackhi_epi64
    )
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
fn store_short_column<const COLUMN: usize>(keystream: &mut Keystream, [a, b, c, d]: [__m256i; 4]) {
    let front = |low, high| _mm256_permute2x128_si256::<0x20>(low, high);
    let back = |low, high| _mm256_permute2x128_si256::<0x31>(low, high);
    let blocks = [[front(a, b), front(c, d)], [back(a, b), back(c, d)]];
    for (four, [front, back]) in keystream.iter_mut().zip(blocks) {
        if let Some(place) = four.get_mut(COLUMN) {
            store_halves(place, front, back);
        }
    }
}
