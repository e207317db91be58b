//! A number modulo 2^255 - 19 in five limbs of 51 bits.

pub(super) const BITS: u32 = 51;
pub(super) const MASK: u64 = (1 << BITS) - 1;

#[derive(Clone, Copy)]
pub(super) struct Limbs(pub(super) [u64; 5]);

impl Limbs {
    pub(super) const ZERO: Self = Self([0; 5]);
    pub(super) const ONE: Self = Self([1, 0, 0, 0, 0]);

    /// The topmost bit does not count, and a number past the modulus is as good as any (RFC 7748, section 5).
    pub(super) fn from_bytes(bytes: &[u8; 32]) -> Self {
        let [a, b, c, d] = words_of(bytes);
        Self([
            a & MASK,
            (a >> 51 | b << 13) & MASK,
            (b >> 38 | c << 26) & MASK,
            (c >> 25 | d << 39) & MASK,
            d >> 12 & MASK,
        ])
    }

    /// The one number below the modulus. The limbs may be a little longer than 51 bits.
    pub(super) fn into_bytes(self) -> [u8; 32] {
        let [a, b, c, d, e] = self.carried().carried().less_the_modulus().0;
        let words = [
            a | b << 51,
            b >> 13 | c << 38,
            c >> 26 | d << 25,
            d >> 39 | e << 12,
        ];
        let mut bytes = [0; 32];
        let (places, _) = bytes.as_chunks_mut();
        for (place, word) in places.iter_mut().zip(words) {
            *place = word.to_le_bytes();
        }
        bytes
    }

    /// From limb to limb, and what is past 2^255 comes back as 19 times itself.
    fn carried(self) -> Self {
        let mut carry = 0;
        let [first, b, c, d, e] = self.0.map(|limb| {
            let sum = limb + carry;
            carry = sum >> BITS;
            sum & MASK
        });
        Self([first + 19 * carry, b, c, d, e])
    }

    /// Once, if it is not less already: with 19 more it then reaches 2^255, which is dropped.
    fn less_the_modulus(self) -> Self {
        let past = self.0.iter().fold(19, |carry, limb| (limb + carry) >> BITS);
        let mut carry = 19 * past;
        Self(self.0.map(|limb| {
            let sum = limb + carry;
            carry = sum >> BITS;
            sum & MASK
        }))
    }
}

pub(super) fn words_of(bytes: &[u8; 32]) -> [u64; 4] {
    let (chunks, _) = bytes.as_chunks();
    let mut words = [0; 4];
    for (word, chunk) in words.iter_mut().zip(chunks) {
        *word = u64::from_le_bytes(*chunk);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_below_the_modulus() {
        let mut modulus = [0xff; 32];
        modulus[0] = 0xed;
        modulus[31] = 0x7f;
        for more in 0..=18 {
            let mut bytes = modulus;
            bytes[0] += more;
            let mut small = [0; 32];
            small[0] = more;
            assert_eq!(Limbs::from_bytes(&bytes).into_bytes(), small);
        }
        let mut below = modulus;
        below[0] -= 1;
        assert_eq!(Limbs::from_bytes(&below).into_bytes(), below);
        let any: [u8; 32] = std::array::from_fn(|place| place as u8 * 3 + 1);
        assert_eq!(Limbs::from_bytes(&any).into_bytes(), any);
    }

    #[test]
    fn limbs_that_are_too_long_are_carried() {
        let long = Limbs([MASK + 20_000; 5]);

        // Each is one too many for the next, and the last 19 for the first.
        let carried = Limbs([19_999 + 19, 20_000, 20_000, 20_000, 20_000]);
        assert_eq!(long.into_bytes(), carried.into_bytes());
    }
}
