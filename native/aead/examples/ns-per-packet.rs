//! Nanoseconds per packet: `ring` against one packet at a time, two, sixteen and 44 together, in interleaved rounds.
//!
//!     cargo run --release -p culvert-aead --example ns-per-packet [-- BYTES...]

use std::array;
use std::hint::black_box;
use std::time::Instant;

use culvert_aead::{Key, Packet, TAG, Way};

const MOST: usize = 44;
const ROUNDS: usize = 201;
/// About as long as a slice of time that nobody else gets.
const PACKETS_A_ROUND: usize = 880;
const LENGTHS: [usize; 5] = [0, 64, 576, 1420, 8900];

struct Contender {
    name: &'static str,
    way: Way,
    together: usize,
}

const CONTENDERS: [Contender; 5] = [
    Contender {
        name: "ring",
        way: Way::Ring,
        together: 1,
    },
    Contender {
        name: "one",
        way: Way::Avx512,
        together: 1,
    },
    Contender {
        name: "pair",
        way: Way::Avx512,
        together: 2,
    },
    Contender {
        name: "16",
        way: Way::Avx512,
        together: 16,
    },
    Contender {
        name: "44",
        way: Way::Avx512,
        together: MOST,
    },
];

fn main() {
    let lengths = wanted_lengths();
    println!(
        "best here: {:?}; medians of {ROUNDS} interleaved rounds, ns per packet (× ring)\n",
        Way::best()
    );
    print!("{:24}", "");
    for contender in &CONTENDERS {
        print!("{:>16}", contender.name);
    }
    println!();
    for length in lengths {
        for is_opening in [false, true] {
            print_row(length, is_opening);
        }
    }
}

/// Those that are asked for; several that tell something, unless told.
fn wanted_lengths() -> Vec<usize> {
    let mut words = std::env::args();
    words.next();
    let asked: Vec<usize> = words.map(|word| length_of(&word)).collect();
    if asked.is_empty() {
        LENGTHS.to_vec()
    } else {
        asked
    }
}

fn length_of(word: &str) -> usize {
    word.parse().unwrap_or_else(|_| {
        eprintln!(
            "{word:?} is no number of bytes. Give lengths of packets such as 64 or 1420, or none."
        );
        std::process::exit(2)
    })
}

fn print_row(length: usize, is_opening: bool) {
    let medians = medians(length, is_opening);
    let verb = if is_opening { "open" } else { "seal" };
    print!("{:24}", format!("{verb} {length} B"));
    let [ring, ..] = medians;
    for median in medians {
        print!("{:>16}", format!("{median:.0} ({:.2})", ring / median));
    }
    println!();
}

fn medians(length: usize, is_opening: bool) -> [f64; CONTENDERS.len()] {
    let stride = length + TAG;
    let mut buffer = vec![0; MOST * stride];
    let keys: [Key; CONTENDERS.len()] =
        CONTENDERS.map(|contender| Key::with_way(contender.way, &[7; 32]));
    let mut samples: [Vec<f64>; CONTENDERS.len()] = Default::default();
    for _ in 0..ROUNDS {
        for ((contender, key), samples) in CONTENDERS.iter().zip(&keys).zip(&mut samples) {
            samples.push(round(contender, key, &mut buffer, stride, is_opening));
        }
    }
    samples.map(|mut samples| {
        samples.sort_by(f64::total_cmp);
        samples.get(ROUNDS / 2).copied().unwrap_or(f64::NAN)
    })
}

fn round(
    contender: &Contender,
    key: &Key,
    buffer: &mut [u8],
    stride: usize,
    is_opening: bool,
) -> f64 {
    let mut nanoseconds = 0.0;
    for _ in 0..PACKETS_A_ROUND / MOST {
        if is_opening {
            each_batch(buffer, stride, MOST, |packets| key.seal_all(packets));
        }
        let start = Instant::now();
        each_batch(buffer, stride, contender.together, |packets| {
            if is_opening {
                key.open_all(packets);
            } else {
                key.seal_all(packets);
            }
            assert!(packets.iter().all(|packet| packet.is_done));
        });
        nanoseconds += start.elapsed().as_nanos() as f64;
        black_box(&buffer);
    }
    nanoseconds / (PACKETS_A_ROUND / MOST * MOST) as f64
}

fn each_batch(
    buffer: &mut [u8],
    stride: usize,
    together: usize,
    mut work: impl FnMut(&mut [Packet<'_>]),
) {
    let mut nth = 0;
    for batch in buffer.chunks_mut(stride * together) {
        let count = batch.len() / stride;
        let mut messages = batch.chunks_mut(stride);
        let mut next = || {
            nth += 1;
            Packet::new(nth, messages.next().unwrap_or_default())
        };
        if together == 1 {
            work(&mut [next()]);
        } else if together == 2 {
            work(&mut [next(), next()]);
        } else {
            let mut packets: [Packet<'_>; MOST] =
                array::from_fn(|at| if at < count { next() } else { Packet::empty() });
            work(packets.get_mut(..count).unwrap_or_default());
        }
    }
}
