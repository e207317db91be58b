//! Hours of traffic, rekeys, roams, restarts and peers that come and go, in virtual time. Of each packet it is known
//! what became of it, and a loss that neither the network nor the protocol explains ends the test.
//!
//! ```text
//!   spokes 1 to 8 ══ a network that delays, reorders, doubles, forges, replays and at times loses ══ hub
//! ```
//!
//! A whole day, with figures: `npm run soak -- --virtual`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "for tests only; one that is wrong should say so at once"
)]

mod allocations;
mod host;
mod ledger;
mod random;
mod wire;
mod world;

use std::time::{Duration, Instant};

use world::World;

/// Half an hour has fifteen rekeys, and each kind of trouble several times.
const HOURS: f64 = 0.5;
const SAMPLES: u32 = 24;
const LOOKS: u32 = 10;
/// What tables may still have grown after the first quarter of the time.
const MOST_GROWTH_BYTES: usize = 48 << 10;

#[test]
fn every_packet_arrives_once_or_its_loss_is_explained_and_memory_stays_flat() {
    let hours = asked_for("CULVERT_VIRTUAL_HOURS").map_or(HOURS, |hours| hours.parse().unwrap());
    let seed = asked_for("CULVERT_SEED").map_or(1, |seed| seed.parse().unwrap());
    let began = Instant::now();
    let mut world = World::new(seed);
    let samples: Vec<usize> = (1..=SAMPLES)
        .map(|sample| sample_of(&mut world, hours * 3600.0, sample))
        .collect();
    world.calm_down();

    println!(
        "{hours} hours, seed {seed}, in {:.1} s\n{}",
        began.elapsed().as_secs_f64(),
        world.summary()
    );
    world.ledger.assert_sound();
    assert_flat(&samples);
}

/// The least that was held in this part of the time, without what waits for a handshake: where that takes long, it is
/// all of this part that 128 packets wait.
fn sample_of(world: &mut World, seconds: f64, sample: u32) -> usize {
    let parts = f64::from(SAMPLES * LOOKS);
    let looks = (1..=LOOKS).map(|look| {
        let part = f64::from((sample - 1) * LOOKS + look);
        world.run(Duration::from_secs_f64(seconds * part / parts));
        allocations::live_bytes() - world.waiting_bytes()
    });
    let least = looks.min().unwrap();
    let hours = seconds / 3600.0 * f64::from(sample) / f64::from(SAMPLES);
    println!("{hours:7.2} h  {least:9} B  {}", world.ledger);
    least
}

/// The most that was held in the last quarter is what was held in the second, and a little.
fn assert_flat(samples: &[usize]) {
    let quarter = samples.len() / 4;
    let [early, late] = [&samples[quarter..2 * quarter], &samples[3 * quarter..]]
        .map(|samples| *samples.iter().max().unwrap());
    assert!(
        late <= early + MOST_GROWTH_BYTES,
        "memory grew from {early} to {late} bytes"
    );
}

fn asked_for(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
