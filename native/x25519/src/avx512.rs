//! Two Montgomery ladders side by side (RFC 7748, section 5). Each has four field elements of its state in four lanes of
//! 64 bits, so that one vector multiplication does four of a step's multiplications for both.

mod field;
mod limbs;

use self::field::{Field, add_and_subtract, inverse, lanes_of, mul, mul_by_a24_and_add};
use self::limbs::{Limbs, words_of};

pub(crate) fn is_possible() -> bool {
    !cfg!(culvert_without_avx512)
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512ifma")
}

/// A lane each: x2, z2, x3 and z3.
type State = Field;

#[target_feature(enable = "avx512f,avx512ifma")]
pub(crate) fn two_ladders(pairs: [(&[u8; 32], &[u8; 32]); 2]) -> [[u8; 32]; 2] {
    let [(one_secret, one_point), (other_secret, other_point)] = pairs;
    let points = [Limbs::from_bytes(one_point), Limbs::from_bytes(other_point)];
    let secrets = [clamped(one_secret), clamped(other_secret)];
    let (one, zero) = (Limbs::ONE, Limbs::ZERO);
    let mut state = Field::new(points.map(|point| [one, zero, point, one]));
    let points = Field::new(points.map(|point| [one, one, one, point]));

    let mut before = [0; 2];
    for place in (0..255).rev() {
        let bits = secrets.map(|secret| bit(secret, place));
        let [one_before, other_before] = before;
        let [one, other] = bits;
        state = state.swapped_where([one ^ one_before, other ^ other_before]);
        before = bits;
        state = step(state, points);
    }
    state = state.swapped_where(before);

    let inverses = inverse(lanes_of::<0b01_01_01_01>(state));
    mul(state, inverses).first_lanes().map(Limbs::into_bytes)
}

/// One bit of the secret, in RFC 7748's names: AA, BB, DA and CB, and what becomes of them.
#[inline]
#[target_feature(enable = "avx512f,avx512ifma")]
fn step(state: State, points: Field) -> State {
    // A, B, C, D
    let sums = add_and_subtract(state);
    // A A, B B, D A, C B
    let products = mul(
        lanes_of::<0b10_11_01_00>(sums),
        lanes_of::<0b01_00_01_00>(sums),
    );
    // (AA + BB), E, DA + CB, DA - CB
    let sums = add_and_subtract(products);
    let aa = lanes_of::<0b10_10_00_00>(products);
    let bb = lanes_of::<0b11_11_01_01>(products);
    // In E's lane: AA + a24 E
    let factor = mul_by_a24_and_add(sums, aa);
    // AA BB, E (AA + a24 E), (DA + CB)^2, (DA - CB)^2
    let products = mul(
        sums.with_lane::<0b0001>(aa),
        sums.with_lane::<0b0001>(bb).with_lane::<0b0010>(factor),
    );
    // The last one times the point, all others times 1.
    mul(products, points)
}

fn clamped(secret: &[u8; 32]) -> [u64; 4] {
    let [first, second, third, last] = words_of(secret);
    [first & !7, second, third, last & (u64::MAX >> 1) | 1 << 62]
}

/// 0 or 1. The place is no secret.
fn bit(secret: [u64; 4], place: usize) -> u64 {
    secret
        .get(place / 64)
        .map_or(0, |word| word >> (place % 64) & 1)
}
