//! The end of Poly1305: one number modulo 2^130 - 5, and the pad that hides it.

const LOW_44: u64 = (1 << 44) - 1;
const LOW_42: u64 = (1 << 42) - 1;

/// From limbs that weigh 1, 2^44 and 2^88, each under 2^50. The same steps for every number.
pub(crate) fn tag_of([l0, l1, l2]: [u64; 3], pad: u128) -> [u8; 16] {
    let [l0, l1, l2] = carried(carried([l0, l1, l2]));
    // Now under 2^130, so at most one time the modulus is too much: exactly where adding 5 reaches 2^130.
    let t0 = l0 + 5;
    let t1 = l1 + (t0 >> 44);
    let t2 = l2 + (t1 >> 44);
    let reaches = 0_u64.wrapping_sub(t2 >> 42);
    let choose = |limb: u64, less: u64| limb ^ (reaches & (limb ^ less));
    let [l0, l1, l2] = [
        choose(l0, t0 & LOW_44),
        choose(l1, t1 & LOW_44),
        choose(l2, t2 & LOW_42),
    ];
    let number = u128::from(l0) | u128::from(l1) << 44 | u128::from(l2) << 88;
    number.wrapping_add(pad).to_le_bytes()
}

/// What reaches 2^130 comes back times 5.
fn carried([l0, l1, l2]: [u64; 3]) -> [u64; 3] {
    let l1 = l1 + (l0 >> 44);
    let l2 = l2 + (l1 >> 44);
    let l0 = (l0 & LOW_44) + (l2 >> 42) * 5;
    let l1 = (l1 & LOW_44) + (l0 >> 44);
    [l0 & LOW_44, l1, l2 & LOW_42]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2^130 - 5, as limbs.
    const MODULUS: [u64; 3] = [LOW_44 - 4, LOW_44, LOW_42];

    #[test]
    fn multiples_of_the_modulus_are_nothing() {
        for times in 0..64 {
            assert_eq!(tag_of(MODULUS.map(|limb| limb * times), 0), [0; 16]);
        }
    }

    #[test]
    fn around_the_modulus_and_powers_of_two_the_number_is_reduced_once_and_only_then() {
        for offset in 0..2_000 {
            let above = [MODULUS[0] + offset, MODULUS[1], MODULUS[2]];
            assert_eq!(number(above), u128::from(offset));
            let below = [MODULUS[0] - offset, MODULUS[1], MODULUS[2]];
            let expected = match offset {
                0 => 0,
                _ => (u128::MAX - 4) - u128::from(offset),
            };
            assert_eq!(number(below), expected, "{offset}");
        }
        assert_eq!(number([0, 0, 1 << 42]), 5, "2^130");
        assert_eq!(number([0, 0, 1 << 43]), 10, "2^131");
        assert_eq!(number([1 << 44, 0, 0]), 1 << 44);
        assert_eq!(
            number([1 << 49, 1 << 49, 1 << 49]),
            (1 << 49) + (1 << 93) + (5 << 7)
        );
    }

    #[test]
    fn the_pad_is_added_modulo_2_to_the_128th() {
        assert_eq!(tag_of([3, 0, 0], u128::MAX), 2_u128.to_le_bytes());
        assert_eq!(tag_of([0; 3], u128::MAX), [0xff; 16]);
    }

    fn number(limbs: [u64; 3]) -> u128 {
        u128::from_le_bytes(tag_of(limbs, 0))
    }
}
