//! Eight numbers modulo 2^255 - 19 at once: a vector for each limb, a lane for each number.
//!
//! A *tight* number has limbs below 2^51 + 2^15. What comes in and goes out here is tight, so that sums, and differences
//! with a multiple of the modulus added, stay below 2^53, and factors below 2^52 as IFMA wants them.

use std::arch::x86_64::*;

use super::limbs::{BITS, Limbs, MASK};

const LIMBS: usize = 5;
/// RFC 7748: (486662 - 2) / 4.
const A24: i64 = 121_665;
/// Twice the modulus, limb by limb: more than any tight number has.
const TWICE_MODULUS: [i64; LIMBS] = [
    (1 << 52) - 38,
    (1 << 52) - 2,
    (1 << 52) - 2,
    (1 << 52) - 2,
    (1 << 52) - 2,
];
/// Of each four lanes the second and the fourth.
const ODD: __mmask8 = 0b1010_1010;

#[derive(Clone, Copy)]
pub(super) struct Field([__m512i; LIMBS]);

macro_rules! sum_of {
    ($multiply:ident, $($x:ident $y:ident),+) => {{
        let mut sum = _mm512_setzero_si512();
        $(sum = $multiply(sum, $x, $y);)+
        sum
    }};
}

impl Field {
    /// Four numbers of each of the two ladders.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn new([one, other]: [[Limbs; 4]; 2]) -> Self {
        let [a, b, c, d] = one.map(limbs_of);
        let [e, f, g, h] = other.map(limbs_of);
        Self([
            _mm512_setr_epi64(a[0], b[0], c[0], d[0], e[0], f[0], g[0], h[0]),
            _mm512_setr_epi64(a[1], b[1], c[1], d[1], e[1], f[1], g[1], h[1]),
            _mm512_setr_epi64(a[2], b[2], c[2], d[2], e[2], f[2], g[2], h[2]),
            _mm512_setr_epi64(a[3], b[3], c[3], d[3], e[3], f[3], g[3], h[3]),
            _mm512_setr_epi64(a[4], b[4], c[4], d[4], e[4], f[4], g[4], h[4]),
        ])
    }

    /// Of each ladder the number in the first of its four lanes.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn first_lanes(self) -> [Limbs; 2] {
        let one = |limb| _mm_cvtsi128_si64(_mm512_castsi512_si128(limb)) as u64;
        let other = |limb| {
            let high = _mm512_extracti64x4_epi64::<1>(limb);
            _mm_cvtsi128_si64(_mm256_castsi256_si128(high)) as u64
        };
        [Limbs(self.0.map(one)), Limbs(self.0.map(other))]
    }

    /// The first two of a ladder's lanes change places with the last two where its bit is 1, and neither time nor
    /// memory tells.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn swapped_where(self, [one, other]: [u64; 2]) -> Self {
        let [one, other] = [one, other].map(|bit| bit.wrapping_neg() as i64);
        let mask = _mm512_setr_epi64(one, one, one, one, other, other, other, other);
        Self(self.0.map(|limb| {
            let swapped = _mm512_permutex_epi64::<0b01_00_11_10>(limb);
            let difference = _mm512_and_si512(_mm512_xor_si512(limb, swapped), mask);
            _mm512_xor_si512(limb, difference)
        }))
    }

    /// With some of each four lanes from another.
    #[inline]
    #[target_feature(enable = "avx512f,avx512ifma")]
    pub(super) fn with_lane<const OF_FOUR: u8>(self, other: Self) -> Self {
        let these = OF_FOUR | OF_FOUR << 4;
        zip(self, other, |mine, theirs| {
            _mm512_mask_mov_epi64(mine, these, theirs)
        })
    }
}

fn limbs_of(number: Limbs) -> [i64; LIMBS] {
    number.0.map(|limb| limb as i64)
}

#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn zip(x: Field, y: Field, each: impl Fn(__m512i, __m512i) -> __m512i) -> Field {
    let ([x0, x1, x2, x3, x4], [y0, y1, y2, y3, y4]) = (x.0, y.0);
    Field([
        each(x0, y0),
        each(x1, y1),
        each(x2, y2),
        each(x3, y3),
        each(x4, y4),
    ])
}

/// Of each four lanes these, two bits for each, the first one's lowest.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn lanes_of<const FROM: i32>(x: Field) -> Field {
    Field(x.0.map(|limb| _mm512_permutex_epi64::<FROM>(limb)))
}

/// Of a, b, c and d: a + b, a - b, c + d and c - d.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn add_and_subtract(x: Field) -> Field {
    let first = lanes_of::<0b10_10_00_00>(x);
    let second = lanes_of::<0b11_11_01_01>(x);
    let modulus = Field(TWICE_MODULUS.map(|limb| _mm512_set1_epi64(limb)));
    let second = zip(second, modulus, |limb, modulus| {
        _mm512_mask_sub_epi64(limb, ODD, modulus, limb)
    });
    carried(zip(first, second, |x, y| _mm512_add_epi64(x, y)))
}

/// a24 x + y.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn mul_by_a24_and_add(x: Field, y: Field) -> Field {
    let a24 = _mm512_set1_epi64(A24);
    let zero = _mm512_setzero_si512();
    let low = zip(x, y, |x, y| _mm512_madd52lo_epu64(y, x, a24));
    let high = x.0.map(|limb| _mm512_madd52hi_epu64(zero, limb, a24));
    let [l0, l1, l2, l3, l4] = low.0;
    let [h0, h1, h2, h3, h4] = high;
    carried(Field([
        _mm512_add_epi64(l0, doubled(nineteen(h4))),
        _mm512_add_epi64(l1, doubled(h0)),
        _mm512_add_epi64(l2, doubled(h1)),
        _mm512_add_epi64(l3, doubled(h2)),
        _mm512_add_epi64(l4, doubled(h3)),
    ]))
}

/// The products' low 52 bits belong to the column of their limbs, the bits above, twice, to the next one. Columns past
/// the fifth come back 19 times. Each stays below 2^60.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn mul(x: Field, y: Field) -> Field {
    let ([x0, x1, x2, x3, x4], [y0, y1, y2, y3, y4]) = (x.0, y.0);
    let low = |sum, x, y| _mm512_madd52lo_epu64(sum, x, y);
    let high = |sum, x, y| _mm512_madd52hi_epu64(sum, x, y);
    let l0 = sum_of!(low, x0 y0);
    let l1 = sum_of!(low, x0 y1, x1 y0);
    let l2 = sum_of!(low, x0 y2, x1 y1, x2 y0);
    let l3 = sum_of!(low, x0 y3, x1 y2, x2 y1, x3 y0);
    let l4 = sum_of!(low, x0 y4, x1 y3, x2 y2, x3 y1, x4 y0);
    let l5 = sum_of!(low, x1 y4, x2 y3, x3 y2, x4 y1);
    let l6 = sum_of!(low, x2 y4, x3 y3, x4 y2);
    let l7 = sum_of!(low, x3 y4, x4 y3);
    let l8 = sum_of!(low, x4 y4);
    let h0 = sum_of!(high, x0 y0);
    let h1 = sum_of!(high, x0 y1, x1 y0);
    let h2 = sum_of!(high, x0 y2, x1 y1, x2 y0);
    let h3 = sum_of!(high, x0 y3, x1 y2, x2 y1, x3 y0);
    let h4 = sum_of!(high, x0 y4, x1 y3, x2 y2, x3 y1, x4 y0);
    let h5 = sum_of!(high, x1 y4, x2 y3, x3 y2, x4 y1);
    let h6 = sum_of!(high, x2 y4, x3 y3, x4 y2);
    let h7 = sum_of!(high, x3 y4, x4 y3);
    let h8 = sum_of!(high, x4 y4);
    let column = |low, high| _mm512_add_epi64(low, doubled(high));
    let fold = |low, high| _mm512_add_epi64(low, nineteen(high));
    carried(Field([
        fold(l0, column(l5, h4)),
        fold(column(l1, h0), column(l6, h5)),
        fold(column(l2, h1), column(l7, h6)),
        fold(column(l3, h2), column(l8, h7)),
        fold(column(l4, h3), doubled(h8)),
    ]))
}

/// To the power of 2^255 - 21 (Fermat): 0 for 0.
#[target_feature(enable = "avx512f,avx512ifma")]
pub(super) fn inverse(x: Field) -> Field {
    let x2 = squared(x, 1);
    let x9 = mul(x, squared(x2, 2));
    let x11 = mul(x2, x9);
    // Names tell how many ones the exponent has in binary.
    let ones5 = mul(x9, squared(x11, 1));
    let ones10 = mul(ones5, squared(ones5, 5));
    let ones20 = mul(ones10, squared(ones10, 10));
    let ones40 = mul(ones20, squared(ones20, 20));
    let ones50 = mul(ones10, squared(ones40, 10));
    let ones100 = mul(ones50, squared(ones50, 50));
    let ones200 = mul(ones100, squared(ones100, 100));
    let ones250 = mul(ones50, squared(ones200, 50));
    mul(x11, squared(ones250, 5))
}

#[target_feature(enable = "avx512f,avx512ifma")]
fn squared(mut x: Field, times: usize) -> Field {
    for _ in 0..times {
        x = mul(x, x);
    }
    x
}

/// All limbs at once, of up to 61 bits: tight again, for a carry has ten bits at most, and the first limb gets 19 of them.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn carried(x: Field) -> Field {
    let mask = _mm512_set1_epi64(MASK as i64);
    let [c0, c1, c2, c3, c4] = x.0.map(|limb| _mm512_srli_epi64::<BITS>(limb));
    let kept = Field(x.0.map(|limb| _mm512_and_si512(limb, mask)));
    let carry = Field([nineteen(c4), c0, c1, c2, c3]);
    zip(kept, carry, |kept, carry| _mm512_add_epi64(kept, carry))
}

#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn doubled(x: __m512i) -> __m512i {
    _mm512_add_epi64(x, x)
}

/// 16 + 2 + 1.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn nineteen(x: __m512i) -> __m512i {
    let three = _mm512_add_epi64(x, doubled(x));
    _mm512_add_epi64(three, _mm512_slli_epi64::<4>(x))
}
