//! What it costs to take a packet of a stream into a batch: its headers looked at, its checksums verified, its neighbour
//! found. Nanoseconds each, the best of many short rounds, so that what else the machine does hardly matters.
//!
//!     cargo run --release -p culvert-tun --example glue-cost
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a measurement that cannot be made should say so at once"
)]

#[path = "../tests/headers/mod.rs"]
mod headers;

use std::time::{Duration, Instant};

use culvert_tun::{Inbox, Offloads, Outbox, Queue, Room};
use headers::{ACK, Ip, Stream, segment};

/// A full super-packet's.
const PACKETS: u32 = 44;
const ROUNDS: usize = 20_000;
/// What 20 or 40 bytes of network header, 20 of TCP and 12 of its options leave of the tunnel's 1420.
const PAYLOADS: [(Ip, usize); 4] = [(Ip::V4, 1368), (Ip::V6, 1348), (Ip::V4, 512), (Ip::V4, 64)];

fn main() {
    for (ip, payload) in PAYLOADS {
        let packets = stream(ip, payload);
        let each = best(&packets).as_secs_f64() * 1e9 / f64::from(PACKETS);
        let bytes = packets.first().unwrap().len();
        println!("{ip:?}, {bytes:4} B   {each:6.1} ns a packet");
    }
}

fn stream(ip: Ip, payload: usize) -> Vec<Vec<u8>> {
    (0..PACKETS)
        .map(|number| {
            let sequence = number * payload as u32;
            let stream = Stream {
                ip,
                sequence,
                flags: ACK,
                ..Stream::default()
            };
            segment(&stream, payload)
        })
        .collect()
}

/// To take all of them in; the system call that then writes them is not counted.
fn best(packets: &[Vec<u8>]) -> Duration {
    let all = Offloads {
        tcp: true,
        udp: true,
    };
    let (kernel, ours) = Queue::pair(all).unwrap();
    let mut outbox = Outbox::new();
    let mut emptying = Inbox::new(Room {
        before: 0,
        behind: 0,
    });
    let mut best = Duration::MAX;
    for _ in 0..ROUNDS {
        // Writing changes the first of them.
        let mut packets = packets.to_vec();
        let mut batch = outbox.batch(&ours);
        let start = Instant::now();
        for packet in &mut packets {
            batch.push(packet);
        }
        best = best.min(start.elapsed());
        let report = batch.write();
        assert_eq!((report.writes, report.dropped), (1, 0), "they are glued");
        emptying.receive(&kernel).unwrap();
        emptying.clear();
    }
    best
}
