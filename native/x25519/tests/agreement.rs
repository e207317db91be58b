//! RFC 7748's vectors, and `x25519-dalek` for everything else.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // test builders, outside #[test] functions

use culvert_x25519::{agree, agree_twice, public_key};
use proptest::prelude::*;

#[test]
fn rfc_7748s_vectors_agree() {
    for [secret, point, shared] in [
        [
            "a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4",
            "e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c",
            "c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552",
        ],
        [
            "4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d",
            "e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493",
            "95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957",
        ],
    ] {
        assert_eq!(agree(&bytes(secret), &bytes(point)), Some(bytes(shared)));
    }
}

#[test]
fn rfc_7748s_thousand_iterations_end_where_they_should() {
    let mut point = [0; 32];
    point[0] = 9;
    let mut secret = point;

    for _ in 0..1000 {
        let shared = agree(&secret, &point).unwrap();
        (secret, point) = (shared, secret);
    }

    let end = "684cf59ba83309552800ef566f2f4d3c1c3887c49360e3875f2eb94d99532c51";
    assert_eq!(secret, bytes(end));
}

#[test]
fn points_of_low_order_and_at_the_borders_of_the_modulus_are_taken_as_dalek_takes_them() {
    let secret = [0x5a; 32];
    let mut points = vec![[0; 32], [0xff; 32]];
    for high in [0x7f, 0xff] {
        for low in 0xe9..=0xff {
            let mut near_modulus = [0xff; 32];
            (near_modulus[0], near_modulus[31]) = (low, high);
            points.push(near_modulus);
        }
    }
    for small in 1..=20 {
        let mut point = [0; 32];
        point[0] = small;
        points.push(point);
    }
    points.push(bytes(
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    ));
    points.push(bytes(
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    ));
    let mut refused = 0;
    for point in points {
        let expected = dalek(&secret, &point);
        assert_eq!(agree(&secret, &point), expected, "{point:02x?}");
        refused += usize::from(expected.is_none());
    }
    assert!(refused >= 8, "the points of low order are among them");
}

/// Numbers whose parts, as this crate or dalek cuts them (51 or 52 bits), are as large or as small as they can be, or nearly.
fn extreme() -> impl Strategy<Value = [u8; 32]> {
    let part = prop_oneof![
        Just(0_u64),
        Just(1),
        Just(u64::MAX),
        Just(u64::MAX - 1),
        Just(1 << 50),
        any::<u64>()
    ];
    (
        prop::array::uniform5(part),
        prop_oneof![Just(51_usize), Just(52)],
    )
        .prop_map(|(parts, width)| {
            let mut number = [0; 32];
            for place in 0..256 {
                let bit = parts[(place / width).min(4)] >> (place % width) & 1;
                number[place / 8] |= (bit as u8) << (place % 8);
            }
            number
        })
}

proptest! {
    #[test]
    fn numbers_with_extreme_parts_are_taken_as_dalek_takes_them(
        secrets in prop::array::uniform2(extreme()),
        points in prop::array::uniform2(extreme()),
    ) {
        let [one, other] = secrets;
        let both = agree_twice([(&one, &points[0]), (&other, &points[1])]);

        prop_assert_eq!(both, [dalek(&one, &points[0]), dalek(&other, &points[1])]);
        prop_assert_eq!(agree(&one, &points[1]), dalek(&one, &points[1]));
    }

    #[test]
    fn two_agreements_are_what_dalek_makes_of_each(
        secrets: [[u8; 32]; 2],
        points: [[u8; 32]; 2],
    ) {
        let [one, other] = secrets;
        let both = agree_twice([(&one, &points[0]), (&other, &points[1])]);

        prop_assert_eq!(both, [dalek(&one, &points[0]), dalek(&other, &points[1])]);
    }

    #[test]
    fn both_ends_agree(mine: [u8; 32], theirs: [u8; 32]) {
        let shared = agree(&mine, &public_key(&theirs));

        prop_assert_eq!(shared, agree(&theirs, &public_key(&mine)));
        prop_assert!(shared.is_some());
    }
}

fn dalek(secret: &[u8; 32], point: &[u8; 32]) -> Option<[u8; 32]> {
    let secret = x25519_dalek::StaticSecret::from(*secret);
    let shared = secret.diffie_hellman(&x25519_dalek::PublicKey::from(*point));
    shared.was_contributory().then(|| shared.to_bytes())
}

fn bytes(hex: &str) -> [u8; 32] {
    std::array::from_fn(|place| {
        u8::from_str_radix(hex.get(2 * place..2 * place + 2).unwrap(), 16).unwrap()
    })
}
