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
