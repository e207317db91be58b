//! ChaCha20 (RFC 8439, 2.3), one block in each 32-bit lane: 16 blocks in 512-bit registers, or 8 in 256-bit ones.

use std::arch::x86_64::*;

use super::memory::{Block, store_block, store_halves};
use crate::key::Words;

/// "expand 32-byte k"
const CONSTANTS: [u32; 4] = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574];

pub(super) const LANES: usize = 16;

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
    ($words:expr, $lanes:expr, $same:ident, $each:expr) => {{
        let [c0, c1, c2, c3] = CONSTANTS.map(|word| $same(word as i32));
        let [k0, k1, k2, k3, k4, k5, k6, k7] = $words.key.map(|word| $same(word as i32));
        let prefix = $same($words.nonce_prefix as i32);
        let [block, low, high] = [$lanes.block, $lanes.nonce_low, $lanes.nonce_high].map($each);
        [
            c0, c1, c2, c3, k0, k1, k2, k3, k4, k5, k6, k7, block, prefix, low, high,
        ]
    }};
}

/// Half of a quarter round's half.
macro_rules! step {
    (($add:ident, $xor:ident, $rotate:ident), $a:ident, $b:ident, $d:ident, $bits:literal) => {
        $a = $add($a, $b);
        $d = $rotate::<$bits>($xor($d, $a));
    };
}

/// Four quarter rounds, step by step side by side: each alone is one long chain.
macro_rules! round {
    (
        $op:tt
        ($a0:ident, $b0:ident, $c0:ident, $d0:ident) ($a1:ident, $b1:ident, $c1:ident, $d1:ident)
        ($a2:ident, $b2:ident, $c2:ident, $d2:ident) ($a3:ident, $b3:ident, $c3:ident, $d3:ident)
    ) => {
        step!($op, $a0, $b0, $d0, 16);
        step!($op, $a1, $b1, $d1, 16);
        step!($op, $a2, $b2, $d2, 16);
        step!($op, $a3, $b3, $d3, 16);
        step!($op, $c0, $d0, $b0, 12);
        step!($op, $c1, $d1, $b1, 12);
        step!($op, $c2, $d2, $b2, 12);
        step!($op, $c3, $d3, $b3, 12);
        step!($op, $a0, $b0, $d0, 8);
        step!($op, $a1, $b1, $d1, 8);
        step!($op, $a2, $b2, $d2, 8);
        step!($op, $a3, $b3, $d3, 8);
        step!($op, $c0, $d0, $b0, 7);
        step!($op, $c1, $d1, $b1, 7);
        step!($op, $c2, $d2, $b2, 7);
        step!($op, $c3, $d3, $b3, 7);
    };
}

/// 20 rounds, and the initial state added.
macro_rules! rounds {
    ($initial:expr, $add:ident, $xor:ident, $rotate:ident) => {{
        let [
            mut x0,
            mut x1,
            mut x2,
            mut x3,
            mut x4,
            mut x5,
            mut x6,
            mut x7,
            mut x8,
            mut x9,
            mut xa,
            mut xb,
            mut xc,
            mut xd,
            mut xe,
            mut xf,
        ] = $initial;
        for _ in 0..10 {
            round!(($add, $xor, $rotate)(x0, x4, x8, xc)(x1, x5, x9, xd)(
                x2, x6, xa, xe
            )(x3, x7, xb, xf));
            round!(($add, $xor, $rotate)(x0, x5, xa, xf)(x1, x6, xb, xc)(
                x2, x7, x8, xd
            )(x3, x4, x9, xe));
        }
        let [
            i0,
            i1,
            i2,
            i3,
            i4,
            i5,
            i6,
            i7,
            i8,
            i9,
            ia,
            ib,
            ic,
            id,
            ie,
            jf,
        ] = $initial;
        [
            $add(x0, i0),
            $add(x1, i1),
            $add(x2, i2),
            $add(x3, i3),
            $add(x4, i4),
            $add(x5, i5),
            $add(x6, i6),
            $add(x7, i7),
            $add(x8, i8),
            $add(x9, i9),
            $add(xa, ia),
            $add(xb, ib),
            $add(xc, ic),
            $add(xd, id),
            $add(xe, ie),
            $add(xf, jf),
        ]
    }};
}

/// Four words of all lanes become, in each 128 bits, those four words of one lane: of lanes 0, 4, 8 and 12 in
/// the first register that comes back, of 1, 5, 9 and 13 in the second, and so on.
macro_rules! rows {
    ($a:expr, $b:expr, $c:expr, $d:expr, $low32:ident, $high32:ident, $low64:ident, $high64:ident) => {{
        let (ab_low, ab_high) = ($low32($a, $b), $high32($a, $b));
        let (cd_low, cd_high) = ($low32($c, $d), $high32($c, $d));
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
pub(super) fn sixteen_blocks(words: &Words, lanes: &Lanes, keystream: &mut [Block; LANES]) {
    let initial = initial_state!(words, lanes, _mm512_set1_epi32, |lanes| lanes);
    let x = rounds!(
        initial,
        _mm512_add_epi32,
        _mm512_xor_si512,
        _mm512_rol_epi32
    );
    let [
        x0,
        x1,
        x2,
        x3,
        x4,
        x5,
        x6,
        x7,
        x8,
        x9,
        xa,
        xb,
        xc,
        xd,
        xe,
        xf,
    ] = x;
    let a = rows512(x0, x1, x2, x3);
    let b = rows512(x4, x5, x6, x7);
    let c = rows512(x8, x9, xa, xb);
    let d = rows512(xc, xd, xe, xf);
    let [
        k0,
        k1,
        k2,
        k3,
        k4,
        k5,
        k6,
        k7,
        k8,
        k9,
        ka,
        kb,
        kc,
        kd,
        ke,
        kf,
    ] = keystream;
    let [
        [a0, a1, a2, a3],
        [b0, b1, b2, b3],
        [c0, c1, c2, c3],
        [d0, d1, d2, d3],
    ] = [a, b, c, d];
    store_four([k0, k4, k8, kc], [a0, b0, c0, d0]);
    store_four([k1, k5, k9, kd], [a1, b1, c1, d1]);
    store_four([k2, k6, ka, ke], [a2, b2, c2, d2]);
    store_four([k3, k7, kb, kf], [a3, b3, c3, d3]);
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
fn rows512(a: __m512i, b: __m512i, c: __m512i, d: __m512i) -> [__m512i; 4] {
    rows!(
        a,
        b,
        c,
        d,
        _mm512_unpacklo_epi32,
        _mm512_unpackhi_epi32,
        _mm512_unpacklo_epi64,
        _mm512_unpackhi_epi64
    )
}

/// Transposes 4 × 4 rows of 128 bits.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
fn store_four(blocks: [&mut Block; 4], [a, b, c, d]: [__m512i; 4]) {
    let ab_front = _mm512_shuffle_i32x4::<0x44>(a, b);
    let ab_back = _mm512_shuffle_i32x4::<0xee>(a, b);
    let cd_front = _mm512_shuffle_i32x4::<0x44>(c, d);
    let cd_back = _mm512_shuffle_i32x4::<0xee>(c, d);
    let [first, second, third, fourth] = blocks;
    store_block(first, _mm512_shuffle_i32x4::<0x88>(ab_front, cd_front));
    store_block(second, _mm512_shuffle_i32x4::<0xdd>(ab_front, cd_front));
    store_block(third, _mm512_shuffle_i32x4::<0x88>(ab_back, cd_back));
    store_block(fourth, _mm512_shuffle_i32x4::<0xdd>(ab_back, cd_back));
}

/// The first eight lanes only, in half the time.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
pub(super) fn eight_blocks(words: &Words, lanes: &Lanes, keystream: &mut [Block; LANES]) {
    let each = |lanes| _mm512_castsi512_si256(lanes);
    let initial = initial_state!(words, lanes, _mm256_set1_epi32, each);
    let x = rounds!(
        initial,
        _mm256_add_epi32,
        _mm256_xor_si256,
        _mm256_rol_epi32
    );
    let [
        x0,
        x1,
        x2,
        x3,
        x4,
        x5,
        x6,
        x7,
        x8,
        x9,
        xa,
        xb,
        xc,
        xd,
        xe,
        xf,
    ] = x;
    let a = rows256(x0, x1, x2, x3);
    let b = rows256(x4, x5, x6, x7);
    let c = rows256(x8, x9, xa, xb);
    let d = rows256(xc, xd, xe, xf);
    let [
        [a0, a1, a2, a3],
        [b0, b1, b2, b3],
        [c0, c1, c2, c3],
        [d0, d1, d2, d3],
    ] = [a, b, c, d];
    let [k0, k1, k2, k3, k4, k5, k6, k7, ..] = keystream;
    store_two([k0, k4], [a0, b0, c0, d0]);
    store_two([k1, k5], [a1, b1, c1, d1]);
    store_two([k2, k6], [a2, b2, c2, d2]);
    store_two([k3, k7], [a3, b3, c3, d3]);
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
fn rows256(a: __m256i, b: __m256i, c: __m256i, d: __m256i) -> [__m256i; 4] {
    rows!(
        a,
        b,
        c,
        d,
        _mm256_unpacklo_epi32,
        _mm256_unpackhi_epi32,
        _mm256_unpacklo_epi64,
        _mm256_unpackhi_epi64
    )
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
fn store_two([first, second]: [&mut Block; 2], [a, b, c, d]: [__m256i; 4]) {
    let front = |low, high| _mm256_permute2x128_si256::<0x20>(low, high);
    let back = |low, high| _mm256_permute2x128_si256::<0x31>(low, high);
    store_halves(first, front(a, b), front(c, d));
    store_halves(second, back(a, b), back(c, d));
}
