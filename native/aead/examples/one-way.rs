//! Does nothing but seal, or but open, 16 packets together for some seconds, so that a profiler sees only that.
//!
//!     cargo run --release -p culvert-aead --example one-way -- seal|open BYTES SECONDS
//!
//! Prints the way and the mean time of a packet in nanoseconds. Opening takes the sealed packets back each time: that
//! copy is not in the time, but a profiler sees it.

use std::hint::black_box;
use std::time::{Duration, Instant};

use culvert_aead::{Key, Packet, TAG, TOGETHER, Way};

/// Between two looks at the clock: enough that looking costs nothing.
const BATCHES_A_ROUND: u32 = 64;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let wanted = match *words {
        [verb @ ("seal" | "open"), bytes, seconds] => numbers(bytes, seconds, verb == "open"),
        _ => None,
    };
    let Some((bytes, seconds, is_opening)) = wanted else {
        eprintln!("Usage: one-way seal|open BYTES SECONDS, such as: one-way seal 1420 3");
        std::process::exit(2)
    };
    let nanoseconds = mean(bytes, Duration::from_secs(seconds), is_opening);
    println!("{:?}: {nanoseconds:.1} ns per packet", Way::best());
}

fn numbers(bytes: &str, seconds: &str, is_opening: bool) -> Option<(usize, u64, bool)> {
    Some((bytes.parse().ok()?, seconds.parse().ok()?, is_opening))
}

/// Of a packet, in nanoseconds.
fn mean(bytes: usize, during: Duration, is_opening: bool) -> f64 {
    let key = Key::new(&[7; 32]);
    let mut buffer = vec![0; TOGETHER * (bytes + TAG)];
    key.seal_all(&mut packets(&mut buffer, bytes));
    let sealed = buffer.clone();
    let started = Instant::now();
    let mut busy = Duration::ZERO;
    let mut rounds: u32 = 0;
    while started.elapsed() < during {
        for _ in 0..BATCHES_A_ROUND {
            busy += batch(&key, &mut buffer, &sealed, bytes, is_opening);
        }
        rounds += 1;
    }
    busy.as_nanos() as f64 / (f64::from(rounds * BATCHES_A_ROUND) * TOGETHER as f64)
}

fn batch(key: &Key, buffer: &mut [u8], sealed: &[u8], bytes: usize, is_opening: bool) -> Duration {
    if is_opening {
        buffer.copy_from_slice(sealed);
    }
    let mut packets = packets(buffer, bytes);
    let start = Instant::now();
    if is_opening {
        key.open_all(&mut packets);
    } else {
        key.seal_all(&mut packets);
    }
    let took = start.elapsed();
    assert!(packets.iter().all(|packet| packet.is_done));
    black_box(&packets);
    took
}

fn packets(buffer: &mut [u8], bytes: usize) -> [Packet<'_>; TOGETHER] {
    let mut messages = buffer.chunks_mut(bytes + TAG);
    std::array::from_fn(|nth| Packet::new(nth as u64, messages.next().unwrap_or_default()))
}
