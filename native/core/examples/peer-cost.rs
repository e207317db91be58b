//! What peers cost: time and memory to configure 10,000 of them, and handshakes answered in a second.
//!
//!     cargo run --release -p culvert-core --example peer-cost
#![allow(clippy::disallowed_methods, reason = "it measures time")]

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use culvert_core::{
    Endpoint, Entropy, HEADROOM, Now, Outbox, PeerUpdate, PrivateKey, SourceCheck, Tunnel,
    TunnelOptions,
};

const PEERS: u32 = 10_000;
const INITIATORS: u32 = 1_000;

fn main() -> Result<(), Box<dyn Error>> {
    let now = Now {
        instant: Instant::now(),
        unix: Duration::from_secs(1_800_000_000),
    };
    let gateway = tunnel(now, PrivateKey::from_bytes([1; 32]));
    let keys: Vec<PrivateKey> = (0..PEERS).map(private_key).collect();
    let updates: Vec<PeerUpdate> = keys
        .iter()
        .zip(0..)
        .map(|(key, number): (_, u32)| PeerUpdate {
            endpoint: Some(Endpoint::from(address(number))),
            allowed_ips: vec![std::net::IpAddr::from((0x0a00_0000 + number).to_be_bytes()).into()],
            ..PeerUpdate::new(key.public_key())
        })
        .collect();

    let before = resident_bytes();
    let start = Instant::now();
    for update in updates {
        gateway.update_peer(now, update);
    }
    println!("{PEERS} peers set in {:?}", start.elapsed());
    let after = resident_bytes();
    println!(
        "{} bytes each",
        after.saturating_sub(before) / PEERS as usize
    );

    let gateway_key = gateway.public_key().ok_or("no key")?;
    let mut outbox = Outbox::new();
    let mut initiations = Vec::new();
    for (key, number) in keys.iter().zip(0..INITIATORS) {
        let device = tunnel(now, key.clone());
        let update = PeerUpdate {
            endpoint: Some(Endpoint::from(address(PEERS))),
            ..PeerUpdate::new(gateway_key)
        };
        let peer = device.update_peer(now, update).ok_or("no peer")?;
        device.seal(
            now,
            &peer,
            &mut [0; 128],
            HEADROOM..HEADROOM + 40,
            &mut outbox,
        );
        let message = outbox.iter().next().ok_or("no initiation")?.1.to_vec();
        initiations.push((address(number), message));
        outbox.clear();
    }
    let before = resident_bytes();
    let start = cpu_time();
    for (source, message) in &mut initiations {
        gateway.receive(now, Endpoint::from(*source), message, &mut outbox);
        assert!(!outbox.is_empty());
        outbox.clear();
    }
    let each = (cpu_time() - start) / INITIATORS;
    println!(
        "a handshake answered in {each:?} of a core's time, {:.0} a second",
        1.0 / each.as_secs_f64()
    );
    let grown = resident_bytes().saturating_sub(before);
    println!("{} bytes for each session", grown / INITIATORS as usize);
    Ok(())
}

fn tunnel(now: Now, key: PrivateKey) -> Tunnel {
    let options = TunnelOptions {
        entropy: Arc::new(Counter(AtomicU64::new(u64::from(key.as_bytes()[3])))),
        mtu: 1420,
        source_check: SourceCheck::AllowedIps,
    };
    let tunnel = Tunnel::new(options, now);
    tunnel.set_private_key(now, Some(key));
    tunnel
}

fn private_key(number: u32) -> PrivateKey {
    let mut bytes = [9; 32];
    if let Some(first) = bytes.first_chunk_mut() {
        *first = (number << 3).to_le_bytes();
    }
    PrivateKey::from_bytes(bytes)
}

fn address(number: u32) -> SocketAddr {
    SocketAddr::from(((0x0b00_0000 + number).to_be_bytes(), 51_820))
}

/// What this thread has had of a processor: others that run meanwhile do not count.
fn cpu_time() -> Duration {
    let spent = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = spent.split(' ').next().unwrap_or("0");
    Duration::from_nanos(nanos.parse().unwrap_or(0))
}

fn resident_bytes() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let resident = pages.split(' ').nth(1).unwrap_or("0");
    resident.parse::<usize>().unwrap_or(0) * 4096
}

struct Counter(AtomicU64);

impl Entropy for Counter {
    fn fill(&self, bytes: &mut [u8]) {
        for byte in bytes {
            let count = self.0.fetch_add(1, Ordering::Relaxed);
            *byte = (count.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8;
        }
    }
}
