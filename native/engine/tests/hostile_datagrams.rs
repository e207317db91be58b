//! What anybody on the network can throw at the port, line 37: the largest datagrams there are, and bursts that the kernel
//! glues together. Needs root and `wg`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // test builders, outside #[test] functions

mod device;
mod lab;

use std::net::SocketAddr;

use culvert_udp::{Binding, Door, Outbox, Route};
use device::two;
use lab::Host;
use lab::folder::Folder;

const LARGEST: usize = 65_507;
/// Half of them over either family.
const OVERSIZED: usize = 10_000;
const GLUED: usize = 10_000;

#[test]
fn line_37_ten_thousand_of_the_largest_datagrams_and_ten_thousand_glued_ones_harm_nothing() {
    let ((one, other), folder) = (Host::pair(), Folder::new());
    let [near, far] = two(&one, &other, &folder);
    one.must_reach("10.5.0.2");
    let before = far.resident_kilobytes();

    for to in ["192.0.2.2:2111", "[fd00:2::2]:2111"] {
        let to: SocketAddr = to.parse().unwrap();
        let thrown = one.within(move || throw(to));
        assert!(thrown.join().unwrap() > OVERSIZED / 2, "too few have left");
    }

    for address in ["10.5.0.2", "fd55::2"] {
        one.must_reach(address);
    }
    // The receive buffers have been touched in full now: 16 slots of 64 KB, and no more.
    let grown = far.resident_kilobytes().saturating_sub(before);
    assert!(grown < 16 << 10, "{grown} KB more than before");
    // Nothing of it was counted as the peer's.
    let [received, _] = far.transfer_with(&near);
    assert_eq!(received, 148 + 2 * 128 + 144);
}

/// Garbage that begins like each kind of message; how many datagrams the kernel took.
fn throw(to: SocketAddr) -> usize {
    let any: SocketAddr = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" }
        .parse()
        .unwrap();
    let door = Door::bind(&Binding::to(any)).unwrap();
    let (mut outbox, mut taken) = (Outbox::new(), 0);
    for round in 0..OVERSIZED / 2 {
        let garbage = garbage(round, LARGEST);
        let mut batch = outbox.batch(&door);
        batch.push(Route::to(to), &garbage);
        taken += batch.send().sent;
    }
    for round in 0..GLUED / 2 / 50 {
        let garbage = garbage(round, 50 * (1 + round * 13 % 1400));
        let mut batch = outbox.batch(&door);
        for segment in garbage.chunks(1 + round * 13 % 1400) {
            batch.push(Route::to(to), segment);
        }
        taken += batch.send().sent;
    }
    taken
}

fn garbage(round: usize, bytes: usize) -> Vec<u8> {
    let mut garbage = vec![round as u8; bytes];
    for (place, byte) in [1 + (round % 4) as u8, 0, 0, 0].into_iter().enumerate() {
        if let Some(first) = garbage.get_mut(place) {
            *first = byte;
        }
    }
    garbage
}
