//! What a datagram of a stranger costs the tunnel that it comes to, by what is wrong with it.
//! `cargo run --release -p culvert-core --example flood-cost`
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    reason = "a measurement that cannot be made should say so at once"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use culvert_core::{
    Endpoint, Entropy, HEADROOM, Now, Outbox, PeerUpdate, PrivateKey, SourceCheck, TAILROOM,
    Tunnel, TunnelOptions,
};

const ROUNDS: u32 = 50_000;
const ROUNDS_WITH_AGREEMENTS: u32 = 2_000;
const MAC1_AT: usize = 116;

fn main() {
    let tunnel = tunnel(1);
    let honest = initiation(&tunnel);
    let with = |place: usize| {
        let mut datagram = honest.clone();
        datagram[place] ^= 1;
        datagram
    };
    let noise = vec![0x55; 148];
    let mut unknown_index = vec![0; 1452];
    unknown_index[0] = 4;

    tell("not a WireGuard message", &tunnel, &noise, ROUNDS);
    tell("data of an unknown index", &tunnel, &unknown_index, ROUNDS);
    tell("initiation, wrong mac1", &tunnel, &with(MAC1_AT), ROUNDS);
    tunnel.set_under_load(true);
    tell(
        "initiation, right mac1, asked for a cookie",
        &tunnel,
        &honest,
        ROUNDS,
    );
    tunnel.set_under_load(false);
    let few = ROUNDS_WITH_AGREEMENTS;
    tell_each_from_elsewhere("initiation of an unknown peer", &tunnel, &honest, few);
}

fn tell(what: &str, tunnel: &Tunnel, datagram: &[u8], rounds: u32) {
    report(what, rounds, |_, now, outbox| {
        let source = Endpoint::from(SocketAddr::from(([203, 0, 113, 9], 4000)));
        tunnel.receive(now, source, &mut datagram.to_vec(), outbox);
    });
}

/// One place that fails often is soon asked for cookies; a thousand a second from anywhere are the dearest flood.
fn tell_each_from_elsewhere(what: &str, tunnel: &Tunnel, datagram: &[u8], rounds: u32) {
    report(what, rounds, |round, now, outbox| {
        let [_, a, b, c] = round.to_be_bytes();
        let source = Endpoint::from(SocketAddr::from(([20, a, b, c], 4000)));
        // A second passes between two, in which whatever was counted runs out again.
        let now = Now {
            instant: now.instant + Duration::from_secs(u64::from(round)),
            ..now
        };
        tunnel.receive(now, source, &mut datagram.to_vec(), outbox);
    });
}

fn report(what: &str, rounds: u32, mut round: impl FnMut(u32, Now, &mut Outbox)) {
    let (mut outbox, now) = (Outbox::new(), now());
    let start = Instant::now();
    for number in 0..rounds {
        round(number, now, &mut outbox);
        outbox.clear();
    }
    let nanos = start.elapsed().as_nanos() / u128::from(rounds);
    let a_core = 1_000_000_000 / nanos.max(1);
    println!("{what:45} {nanos:>9} ns  {a_core:>10} a second fill a core");
}

fn tunnel(number: u8) -> Tunnel {
    let options = TunnelOptions {
        entropy: Arc::new(Counting(AtomicU64::new(u64::from(number)))),
        mtu: 1420,
        source_check: SourceCheck::Owner,
    };
    let tunnel = Tunnel::new(options, now());
    tunnel.set_private_key(now(), Some(PrivateKey::from_bytes([number; 32])));
    tunnel
}

/// Of somebody that the tunnel does not know.
fn initiation(to: &Tunnel) -> Vec<u8> {
    let stranger = tunnel(2);
    let update = PeerUpdate {
        endpoint: Some(Endpoint::from(SocketAddr::from(([192, 0, 2, 1], 51_820)))),
        ..PeerUpdate::new(to.public_key().unwrap())
    };
    let peer = stranger.update_peer(now(), update).unwrap();
    let mut outbox = Outbox::new();
    let mut buffer = vec![0; HEADROOM + 16 + TAILROOM];
    stranger.seal(
        now(),
        &peer,
        &mut buffer,
        HEADROOM..HEADROOM + 16,
        &mut outbox,
    );
    outbox.iter().next().unwrap().1.to_vec()
}

fn now() -> Now {
    Now {
        instant: Instant::now(),
        unix: Duration::from_secs(1_700_000_000),
    }
}

struct Counting(AtomicU64);

impl Entropy for Counting {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let count = self.0.fetch_add(1, Ordering::Relaxed).to_le_bytes();
            chunk.copy_from_slice(&count[..chunk.len()]);
        }
    }
}
