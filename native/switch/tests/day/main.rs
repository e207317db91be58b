//! Hours of a gateway in virtual time: flows that begin, go on both ways and end or fall silent; devices, connectors,
//! networks and rules that come, change and go; sessions that are lost; engines that are started anew. The model says of
//! each packet what must become of it, and what the switch still holds when all flows are over does not grow. (Waiting until
//! they are is not counted among the hours.)
//!
//! A whole day, with figures: `npm run soak -- --virtual`.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "for tests only; one that is wrong should say so at once"
)]

#[path = "../../../core/tests/soak/allocations.rs"]
mod allocations;
#[path = "../chance/mod.rs"]
mod chance;
mod gateway;
mod life;
#[path = "../model/mod.rs"]
mod model;
mod peers;
mod people;
mod rights;
mod rush;
mod tally;
mod traffic;
#[path = "../world/mod.rs"]
mod world;

use std::time::Instant;

use gateway::Gateway;
use rush::Crowd;

const HOURS: f64 = 0.5;
const SAMPLES: u32 = 24;

#[test]
fn the_switch_says_what_the_model_says_for_hours_and_holds_no_more_for_it() {
    let hours = asked_for("CULVERT_VIRTUAL_HOURS").map_or(HOURS, |hours| hours.parse().unwrap());
    let seed = asked_for("CULVERT_SEED").map_or(1, |seed| seed.parse().unwrap());
    let began = Instant::now();
    let (mut held, mut gateway) = counted(|| Gateway::new(seed));
    let samples: Vec<usize> = (1..=SAMPLES)
        .map(|sample| {
            let (more, ()) = counted(|| live(&mut gateway, hours, sample));
            held = held.wrapping_add(more);
            let at = hours * f64::from(sample) / f64::from(SAMPLES);
            println!("{at:7.2} h  {held:9} B  {}", gateway.tally());
            held
        })
        .collect();

    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{hours} hours, seed {seed}, in {seconds:.1} s\n{}",
        gateway.tally().occasions()
    );
    assert_flat(&samples);
}

/// A restart forgives whatever was not forgotten, so the engine of the last of the first samples lives to the end.
fn live(gateway: &mut Gateway, hours: f64, sample: u32) {
    let ms = hours * 3_600_000.0 / f64::from(SAMPLES);
    let is_early = sample <= SAMPLES / 4;
    gateway.live(ms as u64, is_early);
    gateway.rest(if is_early { Crowd::Twice } else { Crowd::Usual });
}

/// How many bytes more are allocated after this work: what a printed line takes does not count.
fn counted<T>(work: impl FnOnce() -> T) -> (usize, T) {
    let before = allocations::live_bytes();
    let result = work();
    (allocations::live_bytes().wrapping_sub(before), result)
}

/// When all is over, not a byte more is held than there was hours before: see [`rush`] for what would be held otherwise.
fn assert_flat(samples: &[usize]) {
    let quarter = samples.len() / 4;
    let [early, late] = [&samples[quarter..2 * quarter], &samples[3 * quarter..]]
        .map(|samples| *samples.iter().max().unwrap());
    assert!(
        late <= early,
        "what the switch holds grew from {early} to {late} bytes"
    );
}

fn asked_for(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
