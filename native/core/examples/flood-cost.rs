//! What a datagram of a stranger costs the tunnel that it comes to, by what is wrong with it.
//! `cargo run --release -p culvert-core --example flood-cost`
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a measurement that cannot be made should say so at once"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use culvert_core::{
    Endpoint, Entropy, HEADROOM, Now, Outbox, PeerUpdate, PrivateKey, PublicKey, SourceCheck,
    TAILROOM, Tunnel, TunnelOptions,
};
use ring::rand::{SecureRandom, SystemRandom};
use rustix::time::{ClockId, clock_gettime};

/// The best of so many counts: what else the machine does only ever adds.
const TURNS: u32 = 9;
const ROUNDS: u32 = 20_000;
const ROUNDS_WITH_AGREEMENTS: u32 = 2_000;
const MAC1_AT: usize = 116;
/// What a receive brings of one sender.
const NEIGHBOURS: usize = 16;
const STRANGERS_PORT: u16 = 4000;

fn main() {
    let tunnel = tunnel();
    let honest = initiation(&tunnel);
    let mut wrong = honest.clone();
    wrong[MAC1_AT] ^= 1;
    let mut unknown_index = vec![0; 1452];
    unknown_index[0] = 4;

    tell("not a WireGuard message", &tunnel, &[0x55; 148]);
    tell("data of an unknown index", &tunnel, &unknown_index);
    tell("initiation, wrong mac1", &tunnel, &wrong);
    tell_neighbours(
        "initiation, wrong mac1, among neighbours",
        &tunnel,
        &mut vec![wrong; NEIGHBOURS],
    );
    tunnel.set_under_load(true);
    let what = "initiation, asked for a cookie, one place";
    tell(what, &tunnel, &honest);
    tell_neighbours(
        "the same, among neighbours",
        &tunnel,
        &mut vec![honest.clone(); NEIGHBOURS],
    );
    tell_from_many("initiation, asked for a cookie, many places");
    let what = "initiation with a cookie, past its share";
    tell_with_cookie(what);
    tunnel.set_under_load(false);
    tell_each_from_elsewhere("initiation of an unknown peer", &tunnel, &honest);
}

fn tell(what: &str, tunnel: &Tunnel, datagram: &[u8]) {
    let mut datagram = datagram.to_vec();
    report(what, ROUNDS, |round, now, outbox| {
        tunnel.receive(later(now, round), place(9), &mut datagram, outbox);
    });
}

fn tell_neighbours(what: &str, tunnel: &Tunnel, datagrams: &mut [Vec<u8>]) {
    report(what, ROUNDS, |round, now, outbox| {
        if round.is_multiple_of(NEIGHBOURS as u32) {
            let mut batch: Vec<&mut [u8]> = datagrams.iter_mut().map(Vec::as_mut_slice).collect();
            tunnel.receive_batch(
                later(now, round),
                place(9),
                &mut batch,
                outbox,
                |_, _, _| {},
            );
        }
    });
}

fn tell_from_many(what: &str) {
    let tunnel = loaded();
    let mut datagram = initiation(&tunnel);
    report(what, ROUNDS, |round, now, outbox| {
        tunnel.receive(later(now, round), place(round), &mut datagram, outbox);
    });
}

fn tell_with_cookie(what: &str) {
    let tunnel = loaded();
    tell(what, &tunnel, &with_cookie(&tunnel));
}

/// Nobody has flooded it before, so that time has not gone on further than it is.
fn loaded() -> Tunnel {
    let tunnel = tunnel();
    tunnel.set_under_load(true);
    tunnel
}

/// One place that fails often is soon asked for cookies; a thousand a second from anywhere are the dearest flood.
fn tell_each_from_elsewhere(what: &str, tunnel: &Tunnel, datagram: &[u8]) {
    let mut datagram = datagram.to_vec();
    report(what, ROUNDS_WITH_AGREEMENTS, |round, now, outbox| {
        // A second passes between two, in which whatever was counted runs out again.
        let now = Now {
            instant: now.instant + Duration::from_secs(u64::from(round)),
            ..now
        };
        tunnel.receive(now, place(round), &mut datagram, outbox);
    });
}

fn report(what: &str, rounds: u32, mut round: impl FnMut(u32, Now, &mut Outbox)) {
    let (mut outbox, now) = (Outbox::new(), now());
    let mut count = |turn: u32| {
        let start = cpu_time();
        for number in turn * rounds..(turn + 1) * rounds {
            round(number, now, &mut outbox);
            outbox.clear();
        }
        (cpu_time() - start) / rounds
    };
    let each = (0..TURNS).map(&mut count).min().unwrap();
    let a_core = 1.0 / each.as_secs_f64();
    println!("{what:45} {each:>9.1?}  {a_core:>10.0} a second fill a core");
}

/// Fifty thousand a second.
fn later(now: Now, round: u32) -> Now {
    Now {
        instant: now.instant + Duration::from_micros(20) * round,
        ..now
    }
}

fn place(number: u32) -> Endpoint {
    let [_, a, b, c] = number.to_be_bytes();
    Endpoint::from(SocketAddr::from(([20, a, b, c], STRANGERS_PORT)))
}

fn tunnel() -> Tunnel {
    let options = TunnelOptions {
        entropy: Arc::new(OperatingSystem(SystemRandom::new())),
        mtu: 1420,
        source_check: SourceCheck::Owner,
    };
    let tunnel = Tunnel::new(options, now());
    let key = PrivateKey::from_bytes(random());
    tunnel.set_private_key(now(), Some(key));
    tunnel
}

fn initiation(to: &Tunnel) -> Vec<u8> {
    begin(&stranger(to.public_key().unwrap()))
}

/// Somebody that the tunnel does not know.
fn stranger(other: PublicKey) -> Tunnel {
    let stranger = tunnel();
    let update = PeerUpdate {
        endpoint: Some(place(0)),
        ..PeerUpdate::new(other)
    };
    stranger.update_peer(now(), update).unwrap();
    stranger
}

fn begin(stranger: &Tunnel) -> Vec<u8> {
    let mut outbox = Outbox::new();
    let mut buffer = vec![0; HEADROOM + 16 + TAILROOM];
    let inner = HEADROOM..HEADROOM + 16;
    let peer = stranger.peers().remove(0);
    stranger.seal(now(), &peer, &mut buffer, inner, &mut outbox);
    outbox.iter().next().unwrap().1.to_vec()
}

/// What the stranger sends once it has been asked.
fn with_cookie(to: &Tunnel) -> Vec<u8> {
    let stranger = stranger(to.public_key().unwrap());
    let mut outbox = Outbox::new();
    to.receive(now(), place(9), &mut begin(&stranger), &mut outbox);
    let mut reply = outbox.iter().next().unwrap().1.to_vec();
    outbox.clear();
    stranger.receive(now(), place(0), &mut reply, &mut outbox);
    let soon = Now {
        instant: now().instant + Duration::from_secs(6),
        ..now()
    };
    stranger.handle_timeout(soon, &mut outbox);
    let retry = outbox.iter().next().unwrap().1.to_vec();
    assert_ne!(retry[132..], [0; 16], "it has a cookie");
    retry
}

fn now() -> Now {
    Now {
        instant: Instant::now(),
        unix: Duration::from_secs(1_700_000_000),
    }
}

/// What this thread has had of a processor: others that run meanwhile do not count.
fn cpu_time() -> Duration {
    clock_gettime(ClockId::ThreadCPUTime).try_into().unwrap()
}

fn random() -> [u8; 32] {
    let mut bytes = [0; 32];
    OperatingSystem(SystemRandom::new()).fill(&mut bytes);
    bytes
}

/// As in the engine.
struct OperatingSystem(SystemRandom);

impl Entropy for OperatingSystem {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.fill(bytes).unwrap();
    }
}
