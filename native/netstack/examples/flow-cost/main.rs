//! What a connection costs that is open, and what it costs the one next to it: memory, processor time for a byte there and back
//! with 10, 1,000 and 10,000 others open, and processor time while nothing happens. Then what a packet costs when all of them
//! are at work (`turns`). Needs root.
//! `cargo run --release -p culvert-netstack --example flow-cost` (`-- turns` for the last part alone)
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a measurement that cannot be made should say so at once"
)]

mod device;
#[path = "../../tests/lab/mod.rs"]
mod lab;
mod processor_time;
mod server;
mod turns;

use device::{Device, QUIET};
use lab::in_a_private_network;
use server::{DOWNLOAD, DOWNLOAD_BYTES, ECHO, Server, serve};

/// The best of so many: the first ones warm up, and what else the machine does only ever adds.
const TURNS: u32 = 9;
const COUNTS: [u16; 3] = [10, 1_000, 10_000];

fn main() {
    allow_open_files(20_000);
    let wanted = std::env::args().nth(1);
    if wanted.as_deref() == Some("serve") {
        return serve();
    }
    in_a_private_network(move || {
        let mut server = Server::start();
        if wanted.as_deref() != Some("turns") {
            COUNTS.into_iter().for_each(measure);
            downloads_then_quiet(200);
        }
        COUNTS
            .into_iter()
            .for_each(|count| turns::measure(&mut server, count));
        server.stop();
    });
}

fn measure(count: u16) {
    let mut device = Device::new();
    device.open(20_000..20_000 + count, ECHO);
    let memory = device.memory_per_flow();
    device.reset_all();
    device.open(20_000..20_000 + count, ECHO);
    let again = device.memory_per_flow();
    // The timers of the handshakes come up in vain first.
    device.quiet();
    let round = (0..TURNS)
        .map(|_| device.rounds(20_000))
        .fold(f64::INFINITY, f64::min);
    let idle = device.idle();
    println!(
        "{count:>6} open: {memory:>6.2} KB each, {again:>6.2} KB after all were closed and opened again; \
         a byte there and back {round:>5.1} µs; idle {idle:.2} % of a core; {} deadlines",
        device.nat.deadlines()
    );
}

fn downloads_then_quiet(count: u16) {
    let mut device = Device::new();
    device.open(20_000..20_000 + count, DOWNLOAD);
    let ports: Vec<u16> = device.flows.keys().copied().collect();
    device.until(|device| {
        ports
            .iter()
            .all(|port| device.flows[port].received == DOWNLOAD_BYTES)
    });
    let busy = device.memory_per_flow();
    device.quiet();
    println!(
        "{count:>6} downloads of {} MB: {busy:.0} KB each, {:.2} KB when they have been quiet for {} s",
        DOWNLOAD_BYTES >> 20,
        device.memory_per_flow(),
        QUIET.as_secs()
    );
}

fn allow_open_files(count: u64) {
    let limit = libc::rlimit {
        rlim_cur: count,
        rlim_max: count,
    };
    // SAFETY: `limit` is a valid rlimit that outlives the call.
    let done = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    assert_eq!(done, 0);
}
