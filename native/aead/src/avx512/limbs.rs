//! Eight numbers modulo 2^130 - 5, one in each 64-bit lane, as limbs of 44, 44 and 42 bits.
//!
//! `vpmadd52` multiplies 52-bit numbers and adds one half of the product. Limbs of 44 bits leave room to add several
//! numbers before carrying.

use std::arch::x86_64::*;

const LOW_44: i64 = (1 << 44) - 1;
const LOW_42: i64 = (1 << 42) - 1;

#[derive(Clone, Copy)]
pub(super) struct Limbs(pub(super) [__m512i; 3]);

impl Limbs {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
    pub(super) fn zero() -> Self {
        Self([_mm512_setzero_si512(); 3])
    }

    /// Numbers of 128 bits, from their halves.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
    pub(super) fn from_halves(low: __m512i, high: __m512i) -> Self {
        let low_44 = _mm512_set1_epi64(LOW_44);
        let middle = _mm512_or_si512(_mm512_srli_epi64::<44>(low), _mm512_slli_epi64::<20>(high));
        Self([
            _mm512_and_si512(low, low_44),
            _mm512_and_si512(middle, low_44),
            _mm512_srli_epi64::<24>(high),
        ])
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
    pub(super) fn plus(self, other: Self) -> Self {
        let ([a0, a1, a2], [b0, b1, b2]) = (self.0, other.0);
        Self([
            _mm512_add_epi64(a0, b0),
            _mm512_add_epi64(a1, b1),
            _mm512_add_epi64(a2, b2),
        ])
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
    pub(super) fn times(self, factor: &Factor) -> Self {
        let mut product = Product::zero();
        product.add(self, factor);
        product.carried()
    }

    /// `other` where the mask's bit is set.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
    pub(super) fn blend(self, these: u8, other: Self) -> Self {
        let ([a0, a1, a2], [b0, b1, b2]) = (self.0, other.0);
        Self([
            _mm512_mask_blend_epi64(these, a0, b0),
            _mm512_mask_blend_epi64(these, a1, b1),
            _mm512_mask_blend_epi64(these, a2, b2),
        ])
    }

    /// The number of one lane in all of them.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
    pub(super) fn spread<const LANE: i64>(self) -> Self {
        let lane = _mm512_set1_epi64(LANE);
        let [a0, a1, a2] = self.0;
        Self([
            _mm512_permutexvar_epi64(lane, a0),
            _mm512_permutexvar_epi64(lane, a1),
            _mm512_permutexvar_epi64(lane, a2),
        ])
    }

    /// The sum of all lanes, limb by limb.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
    pub(super) fn sum(self) -> [u64; 3] {
        let [a0, a1, a2] = self.0;
        [
            _mm512_reduce_add_epi64(a0) as u64,
            _mm512_reduce_add_epi64(a1) as u64,
            _mm512_reduce_add_epi64(a2) as u64,
        ]
    }
}

/// What numbers are multiplied with. 2^132 is 20 modulo 2^130 - 5, so limbs that reach over come back times 20.
#[derive(Clone, Copy)]
pub(super) struct Factor {
    limbs: Limbs,
    wrapped: [__m512i; 2],
}

impl Factor {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
    pub(super) fn new(limbs: Limbs) -> Self {
        let [_, a1, a2] = limbs.0;
        Self {
            limbs,
            wrapped: [times_20(a1), times_20(a2)],
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
fn times_20(limb: __m512i) -> __m512i {
    // Shifts and an addition are made into a longer multiplication by the compiler.
    _mm512_madd52lo_epu64(_mm512_setzero_si512(), limb, _mm512_set1_epi64(20))
}

/// A sum of products, not yet carried: of at most 16, each of limbs under 2^47.
#[derive(Clone, Copy)]
pub(super) struct Product {
    low: [__m512i; 3],
    high: [__m512i; 3],
}

impl Product {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
    pub(super) fn zero() -> Self {
        let zero = [_mm512_setzero_si512(); 3];
        Self {
            low: zero,
            high: zero,
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
    pub(super) fn add(&mut self, number: Limbs, factor: &Factor) {
        let [a0, a1, a2] = number.0;
        let [f0, f1, f2] = factor.limbs.0;
        let [w1, w2] = factor.wrapped;
        let columns = [
            [(a0, f0), (a1, w2), (a2, w1)],
            [(a0, f1), (a1, f0), (a2, w2)],
            [(a0, f2), (a1, f1), (a2, f0)],
        ];
        for ((low, high), column) in self.low.iter_mut().zip(&mut self.high).zip(columns) {
            for (limb, factor) in column {
                *low = _mm512_madd52lo_epu64(*low, limb, factor);
                *high = _mm512_madd52hi_epu64(*high, limb, factor);
            }
        }
    }

    /// Limbs of 44, 44 (and a little) and 42 bits again.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
    pub(super) fn carried(self) -> Limbs {
        let low_44 = _mm512_set1_epi64(LOW_44);
        let low_42 = _mm512_set1_epi64(LOW_42);
        let ([l0, l1, l2], [h0, h1, h2]) = (self.low, self.high);
        // The high halves weigh 2^52, which is 2^8 in the next limb and 2^10 above the last.
        let t1 = _mm512_add_epi64(l1, _mm512_slli_epi64::<8>(h0));
        let t1 = _mm512_add_epi64(t1, _mm512_srli_epi64::<44>(l0));
        let t2 = _mm512_add_epi64(l2, _mm512_slli_epi64::<8>(h1));
        let t2 = _mm512_add_epi64(t2, _mm512_srli_epi64::<44>(t1));
        let over = _mm512_add_epi64(_mm512_srli_epi64::<42>(t2), _mm512_slli_epi64::<10>(h2));
        let over_times_5 = _mm512_add_epi64(over, _mm512_slli_epi64::<2>(over));
        let t0 = _mm512_add_epi64(_mm512_and_si512(l0, low_44), over_times_5);
        Limbs([
            _mm512_and_si512(t0, low_44),
            _mm512_add_epi64(_mm512_and_si512(t1, low_44), _mm512_srli_epi64::<44>(t0)),
            _mm512_and_si512(t2, low_42),
        ])
    }
}
