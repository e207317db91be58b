//! The powers of a packet's one-time number r with which its blocks are multiplied.

use std::arch::x86_64::*;

use super::limbs::{Factor, Limbs};
use super::memory::{Block, load_words};

/// The lanes hold r^8, r^4, r^7, r^3, r^6, r^2, r^5 and r^1: the order in which blocks lie after unpacking.
#[derive(Clone, Copy)]
pub(super) struct Powers(pub(super) Limbs);

impl Powers {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
    pub(super) fn blank() -> Self {
        Self(Limbs::zero())
    }
}

/// As many packets as there are lanes.
pub(super) const TOGETHER: usize = 8;

/// From here on it is faster to compute the powers of several packets side by side.
const SIDE_BY_SIDE: usize = 3;

/// Of each packet, from the first block of its keystream.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
pub(super) fn powers_of(keys: &[Block], powers: &mut [Powers]) {
    if keys.len() < SIDE_BY_SIDE {
        for (key, powers) in keys.iter().zip(powers) {
            *powers = powers_of_one(key);
        }
        return;
    }
    for (keys, powers) in keys.chunks(TOGETHER).zip(powers.chunks_mut(TOGETHER)) {
        side_by_side(keys, powers);
    }
}

/// r^1 to r^8 in three steps, each of which doubles how many there are.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
fn powers_of_one(key: &Block) -> Powers {
    let r = key.first_quarter();
    let r1 = clamped(
        _mm512_set1_epi64(r as i64),
        _mm512_set1_epi64((r >> 64) as i64),
    );
    let r2 = r1.times(&Factor::new(r1));
    let one_two = r1.blend(0b0011_0011, r2);
    let three_four = one_two.times(&Factor::new(r2));
    let to_four = one_two.blend(0b0000_1111, three_four);
    let r4 = three_four.spread::<1>();
    let five_to_eight = to_four.times(&Factor::new(r4));
    Powers(to_four.blend(0b0101_0101, five_to_eight))
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
fn side_by_side(keys: &[Block], powers: &mut [Powers]) {
    let (mut low, mut high) = ([0; TOGETHER], [0; TOGETHER]);
    for ((low, high), key) in low.iter_mut().zip(&mut high).zip(keys) {
        let r = key.first_quarter();
        *low = r as u64;
        *high = (r >> 64) as u64;
    }
    let r1 = clamped(load_words(&low), load_words(&high));
    let by_r1 = Factor::new(r1);
    let r2 = r1.times(&by_r1);
    let by_r2 = Factor::new(r2);
    let r3 = r2.times(&by_r1);
    let r4 = r2.times(&by_r2);
    let by_r4 = Factor::new(r4);
    let r5 = r1.times(&by_r4);
    let r6 = r2.times(&by_r4);
    let r7 = r3.times(&by_r4);
    let r8 = r4.times(&by_r4);
    let [a, b, c, d, e, f, g, h] = [r8, r4, r7, r3, r6, r2, r5, r1].map(|power| power.0);
    let limb0 = transposed([a[0], b[0], c[0], d[0], e[0], f[0], g[0], h[0]]);
    let limb1 = transposed([a[1], b[1], c[1], d[1], e[1], f[1], g[1], h[1]]);
    let limb2 = transposed([a[2], b[2], c[2], d[2], e[2], f[2], g[2], h[2]]);
    let limbs = limb0.into_iter().zip(limb1).zip(limb2);
    for (powers, ((limb0, limb1), limb2)) in powers.iter_mut().zip(limbs) {
        *powers = Powers(Limbs([limb0, limb1, limb2]));
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
fn clamped(low: __m512i, high: __m512i) -> Limbs {
    Limbs::from_halves(
        _mm512_and_si512(low, _mm512_set1_epi64(0x0fff_fffc_0fff_ffff)),
        _mm512_and_si512(high, _mm512_set1_epi64(0x0fff_fffc_0fff_fffc)),
    )
}

/// 8 × 8 numbers.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
fn transposed(rows: [__m512i; 8]) -> [__m512i; 8] {
    let [a, b, c, d, e, f, g, h] = rows;
    let [ab, cd, ef, gh] = [(a, b), (c, d), (e, f), (g, h)]
        .map(|(x, y)| [_mm512_unpacklo_epi64(x, y), _mm512_unpackhi_epi64(x, y)]);
    let ([ab0, ab1], [cd0, cd1], [ef0, ef1], [gh0, gh1]) = (ab, cd, ef, gh);
    let [o0, o2, o4, o6] = transposed_pairs([ab0, cd0, ef0, gh0]);
    let [o1, o3, o5, o7] = transposed_pairs([ab1, cd1, ef1, gh1]);
    [o0, o1, o2, o3, o4, o5, o6, o7]
}

/// 4 × 4 pairs of numbers.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
fn transposed_pairs([a, b, c, d]: [__m512i; 4]) -> [__m512i; 4] {
    let ab_front = _mm512_shuffle_i64x2::<0x44>(a, b);
    let ab_back = _mm512_shuffle_i64x2::<0xee>(a, b);
    let cd_front = _mm512_shuffle_i64x2::<0x44>(c, d);
    let cd_back = _mm512_shuffle_i64x2::<0xee>(c, d);
    [
        _mm512_shuffle_i64x2::<0x88>(ab_front, cd_front),
        _mm512_shuffle_i64x2::<0xdd>(ab_front, cd_front),
        _mm512_shuffle_i64x2::<0x88>(ab_back, cd_back),
        _mm512_shuffle_i64x2::<0xdd>(ab_back, cd_back),
    ]
}
