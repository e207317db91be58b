//! What a packet costs beside its encryption: nanoseconds each, the best of several short runs.
//!
//!     cargo run --release -p culvert-core --example packet-cost
#![allow(clippy::disallowed_methods, reason = "it measures time")]

use std::array;
use std::error::Error;
use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use culvert_core::{
    Endpoint, Entropy, HEADROOM, Now, Outbox, Outgoing, Peer, PeerUpdate, PrivateKey, PublicKey,
    Sealed, SourceCheck, TAILROOM, Tunnel, TunnelOptions,
};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

const INNER: usize = 1420;
const STRIDE: usize = INNER + 32;
const BATCH: usize = 44;
/// As many as a caller should collect.
const TOGETHER: usize = 16;
const ROUNDS: usize = 300;
const RUNS: usize = 15;

fn main() -> Result<(), Box<dyn Error>> {
    let now = Now {
        instant: Instant::now(),
        unix: Duration::from_secs(1_800_000_000),
    };
    let (left, right) = (tunnel(1, now), tunnel(2, now));
    let addresses = [([192, 0, 2, 1], 1), ([192, 0, 2, 2], 2)].map(SocketAddr::from);
    let peer = join(&left, &right, addresses[1], "10.0.0.2/32", now)?;
    join(&right, &left, addresses[0], "10.0.0.1/32", now)?;
    shake_hands(&left, &right, addresses, &peer, now);

    let key = LessSafeKey::new(
        UnboundKey::new(&CHACHA20_POLY1305, &[7; 32]).map_err(|_| "ring refused a key")?,
    );
    let mut buffer = vec![0; BATCH * STRIDE + 64];
    let aead = measure(|| {
        for chunk in buffer.chunks_exact_mut(STRIDE) {
            let nonce = Nonce::assume_unique_for_key([0; 12]);
            let (_, sealed) = chunk.split_at_mut(16);
            let (plaintext, _) = sealed.split_at_mut(INNER);
            black_box(key.seal_in_place_separate_tag(nonce, Aad::empty(), plaintext)).ok();
        }
    });
    println!("ring alone, seal            {aead:7.1} ns");

    let mut outbox = Outbox::new();
    let seal_one = measure(|| {
        for chunk in buffer.chunks_exact_mut(STRIDE) {
            black_box(left.seal(now, &peer, chunk, HEADROOM..HEADROOM + INNER, &mut outbox));
        }
    });
    println!("seal, one by one            {seal_one:7.1} ns");
    let seal_many = measure(|| {
        if let Some(mut sealer) = left.sealer(now, &peer, &mut outbox) {
            for chunk in buffer.chunks_exact_mut(STRIDE) {
                black_box(sealer.seal(chunk, HEADROOM..HEADROOM + INNER)).ok();
            }
        }
    });
    println!("sealer, one by one          {seal_many:7.1} ns");
    let seal_batch = measure(|| {
        if let Some(mut sealer) = left.sealer(now, &peer, &mut outbox) {
            for batch in buffer.chunks_mut(STRIDE * TOGETHER) {
                let count = batch.len() / STRIDE;
                let mut chunks = batch.chunks_exact_mut(STRIDE);
                let mut together: [Outgoing<'_>; TOGETHER] = array::from_fn(|_| {
                    Outgoing::new(
                        chunks.next().unwrap_or_default(),
                        HEADROOM..HEADROOM + INNER,
                    )
                });
                sealer.seal_batch(together.get_mut(..count).unwrap_or_default());
                black_box(&together);
            }
        }
    });
    println!("sealer, batches of {TOGETHER}       {seal_batch:7.1} ns");
    let route = measure(|| {
        for _ in 0..BATCH {
            black_box(left.route(black_box([10, 0, 0, 2].into())));
        }
    });
    println!("route                       {route:7.1} ns");

    receive(&left, &right, addresses[0], &peer, now);
    Ok(())
}

/// Opening needs fresh datagrams each time, so sealing is timed apart and not counted.
fn receive(left: &Tunnel, right: &Tunnel, source: SocketAddr, peer: &Arc<Peer>, now: Now) {
    let source = Endpoint::from(source);
    let mut outbox = Outbox::new();
    let mut best = [f64::MAX; 2];
    for _ in 0..RUNS {
        for (way, best) in best.iter_mut().enumerate() {
            let mut spent = Duration::ZERO;
            let mut delivered = 0;
            for _ in 0..ROUNDS {
                let mut buffer = sealed_batch(left, peer, now);
                let start = Instant::now();
                if way == 0 {
                    for datagram in buffer.chunks_exact_mut(STRIDE) {
                        black_box(right.receive(now, source, datagram, &mut outbox));
                        delivered += 1;
                    }
                } else {
                    right.receive_segments(
                        now,
                        source,
                        &mut buffer,
                        STRIDE,
                        &mut outbox,
                        |_, inner| {
                            black_box(inner);
                            delivered += 1;
                        },
                    );
                }
                spent += start.elapsed();
            }
            assert_eq!(delivered, ROUNDS * BATCH);
            *best = best.min(spent.as_nanos() as f64 / (ROUNDS * BATCH) as f64);
        }
    }
    println!("receive, one by one         {:7.1} ns", best[0]);
    println!("receive_segments, {BATCH}        {:7.1} ns", best[1]);
}

fn sealed_batch(left: &Tunnel, peer: &Arc<Peer>, now: Now) -> Vec<u8> {
    let mut buffer = vec![0; BATCH * STRIDE];
    let mut outbox = Outbox::new();
    if let Some(mut sealer) = left.sealer(now, peer, &mut outbox) {
        for datagram in buffer.chunks_exact_mut(STRIDE) {
            let header = [0x45, 0, 5, 140, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1];
            if let Some(place) = datagram.get_mut(HEADROOM..HEADROOM + header.len()) {
                place.copy_from_slice(&header);
            }
            sealer
                .seal(datagram, HEADROOM..HEADROOM + INNER)
                .unwrap_or_default();
        }
    }
    buffer
}

fn measure(mut batch: impl FnMut()) -> f64 {
    let mut best = f64::MAX;
    for _ in 0..RUNS {
        let start = Instant::now();
        for _ in 0..ROUNDS {
            batch();
        }
        best = best.min(start.elapsed().as_nanos() as f64 / (ROUNDS * BATCH) as f64);
    }
    best
}

fn tunnel(number: u8, now: Now) -> Tunnel {
    let options = TunnelOptions {
        entropy: Arc::new(Counter(AtomicU64::new(u64::from(number)))),
        mtu: INNER,
        source_check: SourceCheck::AllowedIps,
    };
    let tunnel = Tunnel::new(options, now);
    tunnel.set_private_key(now, Some(PrivateKey::from_bytes([number; 32])));
    tunnel
}

fn join(
    tunnel: &Tunnel,
    other: &Tunnel,
    address: SocketAddr,
    prefix: &str,
    now: Now,
) -> Result<Arc<Peer>, Box<dyn Error>> {
    let key: PublicKey = other.public_key().ok_or("no key")?;
    let update = PeerUpdate {
        endpoint: Some(Endpoint::from(address)),
        allowed_ips: vec![prefix.parse()?],
        ..PeerUpdate::new(key)
    };
    Ok(tunnel.update_peer(now, update).ok_or("no peer")?)
}

fn shake_hands(
    left: &Tunnel,
    right: &Tunnel,
    addresses: [SocketAddr; 2],
    peer: &Arc<Peer>,
    now: Now,
) {
    let [left_source, right_source] = addresses.map(Endpoint::from);
    let mut there = Outbox::new();
    let mut back = Outbox::new();
    let mut buffer = [0; HEADROOM + 40 + TAILROOM];
    let first = left.seal(now, peer, &mut buffer, HEADROOM..HEADROOM + 40, &mut there);
    assert!(matches!(first, Sealed::Staged));
    for _ in 0..2 {
        for (_, datagram) in there.iter() {
            right.receive(now, left_source, &mut datagram.to_vec(), &mut back);
        }
        there.clear();
        for (_, datagram) in back.iter() {
            left.receive(now, right_source, &mut datagram.to_vec(), &mut there);
        }
        back.clear();
    }
}

struct Counter(AtomicU64);

impl Entropy for Counter {
    fn fill(&self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte = (self.0.fetch_add(1, Ordering::Relaxed).wrapping_mul(167) % 251) as u8;
        }
    }
}
