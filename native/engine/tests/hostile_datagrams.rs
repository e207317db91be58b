//! What anybody on the network can throw at the port, line 37: the largest datagrams there are, and bursts that the kernel
//! glues together. Needs root and `wg`.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "for tests only; one that is wrong should say so at once"
)]

mod device;
mod lab;
#[path = "connector/process.rs"]
mod process;

use std::net::SocketAddr;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use culvert_udp::{Binding, Door, Outbox, Route};
use device::Device;
use lab::Host;
use lab::folder::Folder;
use process::Control;
use serde_json::Value;

const LARGEST: usize = 65_507;
/// Half of them over either family.
const OVERSIZED: usize = 10_000;
const GLUED: usize = 10_000;
const IN_A_BURST: usize = 50;
/// Of what is thrown; with less, a machine had other things to do than to read it, which says nothing, and it is thrown again.
const WHOLE: f64 = 0.95;
const ATTEMPTS: usize = 5;
/// For some datagrams of 64 KB in dozens of fragments, when others want the processors too.
const LONG_ENOUGH_TO_LOOK: Duration = Duration::from_millis(100);

#[test]
fn line_37_ten_thousand_of_the_largest_datagrams_and_ten_thousand_glued_ones_harm_nothing() {
    let ((one, other), folder) = (Host::pair(), Folder::new());
    let control = folder.join("control.sock");
    let near = Device::start(&one, &folder, 1);
    let far = Device::start_with(
        &other,
        &folder,
        2,
        &format!("--control {}", control.display()),
    );
    near.knows(&far, "192.0.2.2");
    far.knows(&near, "192.0.2.1");
    one.must_reach("10.5.0.2");
    let before = far.resident_kilobytes();

    for to in ["192.0.2.2:2111", "[fd00:2::2]:2111"] {
        let (to, control): (SocketAddr, _) = (to.parse().unwrap(), control.clone());
        one.within(move || throw_until_seen(to, &control))
            .join()
            .unwrap();
    }

    for address in ["10.5.0.2", "fd55::2"] {
        one.must_reach(address);
    }
    // The receive buffers have been touched in full now: 16 slots of 64 KB, and no more.
    let grown = far.resident_kilobytes().saturating_sub(before);
    assert!(grown < 16 << 10, "{grown} KB more than before");
    // Nothing of it was counted as the peer's, whose keepalive comes where all this took more than ten seconds.
    let [received, _] = far.transfer_with(&near);
    let (own, keepalive) = (148 + 2 * 128 + 144, 32);
    assert!([own, own + keepalive].contains(&received), "{received}");
}

/// What passes is a throw of which the engine has looked at nearly all: it counts why it drops what it drops.
fn throw_until_seen(to: SocketAddr, control: &Path) {
    let shares = (0..ATTEMPTS).map(|_| throw(to, control));
    let mut told = shares.inspect(|[oversized, glued]| {
        println!("{to}: of the largest {oversized:.4} were looked at, of the glued {glued:.4}");
    });
    let is_whole = told.any(|shares| shares.iter().all(|share| *share >= WHOLE));
    assert!(is_whole, "too few have been looked at, as it says above");
}

/// Garbage that begins like each kind of message; which share of either sort was looked at.
fn throw(to: SocketAddr, control: &Path) -> [f64; 2] {
    let mut thrower = Thrower::new(to, control);
    for round in 0..OVERSIZED / 2 {
        thrower.throw(&garbage(round, LARGEST), LARGEST);
    }
    let oversized = thrower.share_seen(OVERSIZED / 2);
    let mut thrower = Thrower::new(to, control);
    for round in 0..GLUED / 2 / IN_A_BURST {
        let length = 1 + round * 13 % 1400;
        thrower.throw(&garbage(round, IN_A_BURST * length), length);
    }
    [oversized, thrower.share_seen(GLUED / 2)]
}

struct Thrower {
    to: SocketAddr,
    control: Control,
    door: Door,
    outbox: Outbox,
    seen_before: u64,
    /// Since the engine was last waited for.
    bytes: usize,
    taken: usize,
    lost: usize,
}

impl Thrower {
    /// Before its socket overflows: what it can not hold, it has not seen.
    const MOST_BYTES: usize = 8 * LARGEST;

    fn new(to: SocketAddr, control: &Path) -> Thrower {
        let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
        let mut control = Control::open(control);
        Thrower {
            to,
            door: Door::bind(&Binding::to(any.parse().unwrap())).unwrap(),
            outbox: Outbox::new(),
            seen_before: seen(&mut control),
            control,
            bytes: 0,
            taken: 0,
            lost: 0,
        }
    }

    /// In pieces of this length, all at once.
    fn throw(&mut self, garbage: &[u8], piece: usize) {
        let mut batch = self.outbox.batch(&self.door);
        for segment in garbage.chunks(piece) {
            batch.push(Route::to(self.to), segment);
        }
        self.taken += batch.send().sent;
        self.bytes += garbage.len();
        if self.bytes >= Self::MOST_BYTES {
            self.bytes = 0;
            self.wait_until_seen();
        }
    }

    /// All but those that were given up before.
    fn wait_until_seen(&mut self) -> usize {
        let start = Instant::now();
        loop {
            let new = (seen(&mut self.control) - self.seen_before) as usize;
            let missing = self.taken.saturating_sub(new);
            if missing <= self.lost || start.elapsed() > LONG_ENOUGH_TO_LOOK {
                self.lost = missing;
                return new;
            }
            sleep(Duration::from_millis(1));
        }
    }

    fn share_seen(mut self, count: usize) -> f64 {
        self.wait_until_seen() as f64 / count as f64
    }
}

/// Datagrams that the engine has looked at and dropped, whatever the reason.
fn seen(control: &mut Control) -> u64 {
    let status = control.ask("status", Value::Null)["result"].clone();
    let drops = status["drops"].as_object().unwrap();
    drops.values().filter_map(Value::as_u64).sum()
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
