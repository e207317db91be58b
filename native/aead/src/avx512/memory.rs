//! The only loads and stores of the vector path. Each takes a reference to what it touches, so nothing behind or
//! before a buffer is ever read or written.

use std::arch::x86_64::*;

/// One block of keystream, in one cache line.
#[derive(Clone, Copy)]
#[repr(align(64))]
pub(super) struct Block([u8; 64]);

impl Block {
    pub(super) const BLANK: Self = Self([0; 64]);

    #[cfg(test)]
    pub(super) fn starting_with(bytes: &[u8; 32]) -> Self {
        let mut block = Self::BLANK;
        block.0[..32].copy_from_slice(bytes);
        block
    }

    /// Where a first block holds r, not yet clamped.
    #[inline]
    pub(super) fn first_quarter(&self) -> u128 {
        self.0
            .first_chunk()
            .map_or(0, |bytes| u128::from_le_bytes(*bytes))
    }

    /// Where a first block holds the pad.
    #[inline]
    pub(super) fn second_quarter(&self) -> u128 {
        let bytes = self.0.get(16..).and_then(|bytes| bytes.first_chunk());
        bytes.map_or(0, |bytes| u128::from_le_bytes(*bytes))
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
pub(super) fn store_block(block: &mut Block, value: __m512i) {
    // SAFETY: the block is 64 bytes that we hold exclusively, aligned to 64.
    unsafe { _mm512_store_si512(block.0.as_mut_ptr().cast(), value) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
pub(super) fn store_halves(block: &mut Block, front: __m256i, back: __m256i) {
    let (first, second) = block.0.split_at_mut(32);
    // SAFETY: both halves are 32 bytes that we hold exclusively, aligned to 32 because the block is to 64.
    unsafe {
        _mm256_store_si256(first.as_mut_ptr().cast(), front);
        _mm256_store_si256(second.as_mut_ptr().cast(), back);
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
pub(super) fn load_block(block: &Block) -> __m512i {
    // SAFETY: the block is 64 readable bytes, aligned to 64.
    unsafe { _mm512_load_si512(block.0.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
pub(super) fn load(bytes: &[u8; 64]) -> __m512i {
    // SAFETY: 64 readable bytes; this load asks for no alignment.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
pub(super) fn store(bytes: &mut [u8; 64], value: __m512i) {
    // SAFETY: 64 bytes that we hold exclusively; this store asks for no alignment.
    unsafe { _mm512_storeu_si512(bytes.as_mut_ptr().cast(), value) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
pub(super) fn load_words(words: &[u64; 8]) -> __m512i {
    // SAFETY: 64 readable bytes; this load asks for no alignment.
    unsafe { _mm512_loadu_si512(words.as_ptr().cast()) }
}

/// Up to 64 of the bytes behind so many zeros, and zeros behind them where there are too few.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
pub(super) fn load_behind(zeros: usize, bytes: &[u8]) -> __m512i {
    let these = first(bytes.len()).checked_shl(zeros as u32).unwrap_or(0);
    // Maybe before the slice, but there only as a number: the load is masked.
    let from = bytes.as_ptr().wrapping_sub(zeros);
    // SAFETY: a masked load touches only the bytes whose bit is set. Bit `zeros` is the slice's first byte, and
    // `first` sets no bit past its end.
    unsafe { _mm512_maskz_loadu_epi8(these, from.cast()) }
}

/// Writes the first bytes of `value`, as many as there is room for: at most 64.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
pub(super) fn store_front(bytes: &mut [u8], value: __m512i) {
    // SAFETY: a masked store touches only the bytes whose bit is set, and `first` sets none past the slice's end,
    // which we hold exclusively.
    unsafe { _mm512_mask_storeu_epi8(bytes.as_mut_ptr().cast(), first(bytes.len()), value) }
}

/// One bit for each of so many bytes, 64 at most.
#[inline]
fn first(bytes: usize) -> u64 {
    match bytes {
        0..64 => (1 << bytes) - 1,
        _ => u64::MAX,
    }
}
