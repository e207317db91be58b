//! What an agreement costs: `x25519-dalek`, one of ours, and each of two of ours; microseconds, the best of many rounds in turn.
//!
//!     cargo run --release -p culvert-x25519 --example agreement-cost

use std::hint::black_box;
use std::time::Instant;

use culvert_x25519::{agree, agree_twice, public_key};
use x25519_dalek::{PublicKey, StaticSecret};

const ROUNDS: usize = 4000;

fn main() {
    let (secret, other) = ([0x42; 32], [0x77; 32]);
    let (point, farther) = (public_key(&[7; 32]), public_key(&[8; 32]));
    let mut best = [f64::MAX; 4];
    for _ in 0..ROUNDS {
        let [dalek, one, two, public] = &mut best;
        time(dalek, || {
            let secret = StaticSecret::from(black_box(secret));
            black_box(secret.diffie_hellman(&PublicKey::from(point)));
        });
        time(one, || {
            black_box(agree(black_box(&secret), &point));
        });
        time(two, || {
            let pairs = [(&secret, &point), (&other, &farther)];
            black_box(agree_twice(black_box(pairs)));
        });
        time(public, || {
            black_box(public_key(black_box(&secret)));
        });
    }
    let [dalek, one, two, public] = best;
    println!("x25519-dalek            {dalek:6.1} us");
    println!(
        "one agreement           {one:6.1} us  ({:.2} x)",
        dalek / one
    );
    println!(
        "each of two             {:6.1} us  ({:.2} x)",
        two / 2.0,
        dalek / two * 2.0
    );
    println!("a public key            {public:6.1} us");
}

fn time(best: &mut f64, work: impl FnOnce()) {
    let start = Instant::now();
    work();
    *best = best.min(start.elapsed().as_secs_f64() * 1e6);
}
