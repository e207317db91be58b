//! A gateway whose UDP port is flooded by strangers: established tunnels go on, a new one is made, and memory stays flat.
//! What a flood costs in processor time `core/examples/flood-cost.rs` measures.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "for tests only; one that is wrong should say so at once"
)]
#[path = "flood/flood.rs"]
mod flooding;
mod gateway_lab;

use std::net::Ipv4Addr;
use std::sync::{Mutex, PoisonError};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use flooding::{Flood, Mac1};
use gateway_lab::Gateway;
use gateway_lab::packets::udp;
use gateway_lab::party::Party;
use serde_json::{Value, json};

const TARGET: &str = "192.168.0.10";
const DEVICE: &str = "100.96.0.7";
const CONNECTOR: &str = "100.96.1.1";
/// T37 asks for 60 s: `CULVERT_FLOOD_SECONDS=60 cargo test -p culvert-engine --test flood a_second`.
const FLOOD_LASTS: u64 = 4;
const BETWEEN_PINGS: Duration = Duration::from_millis(4);
/// Of the rate that was asked for, and of what was sent: less is no flood, but a machine that has other things to do.
const WHOLE: f64 = 0.95;
/// Floods that were not whole say nothing, and are begun again; in the end with less, where a machine can not do more and
/// nobody told how long it is to last.
const SHARES_OF_THE_RATE: [u32; 7] = [1, 1, 1, 1, 2, 4, 8];
const MOST_GROWTH_KB: u64 = 32 << 10;
/// Devices that make their first handshake during the flood; 19 of them are 95 %.
const LATECOMERS: u8 = 20;
const MOST_OF_THEM: usize = 19;
const PATIENCE: Duration = Duration::from_secs(5);
/// For the one in twenty that may need longer.
const MORE_THAN_PATIENCE: Duration = Duration::from_secs(20);

/// For some hundred datagrams, when others want the processors too.
const LONG_ENOUGH_TO_LOOK: Duration = Duration::from_millis(100);

#[test]
fn fifty_thousand_bad_mac1_a_second_for_four_seconds_or_as_told_neither_stop_a_tunnel_nor_cost_memory()
 {
    let (drops, latecomers) = survive(Mac1::Wrong, 50_000);

    assert_eq!(drops["cookie-sent"], Value::Null, "a stranger was answered");
    assert_eq!(drops["unknown-peer"], Value::Null, "mac1 came second");
    assert!(latecomers.took <= PATIENCE, "{latecomers:?}");
    assert_eq!(latecomers.initiations, 1, "{latecomers:?}");
}

#[test]
fn five_thousand_handshakes_a_second_for_four_seconds_or_as_told_neither_stop_a_tunnel_nor_cost_memory()
 {
    let (drops, latecomers) = survive(Mac1::Right, 5_000);

    let asked_for_cookies = drops["cookie-sent"].as_u64().unwrap_or_default();
    let computed = drops["unknown-peer"].as_u64().unwrap_or_default();
    assert!(asked_for_cookies > 5 * computed.max(1), "{drops}");
    assert!(latecomers.took <= PATIENCE, "{latecomers:?}");
    // Nobody has to come back with a cookie, who has not failed.
    assert_eq!(latecomers.initiations, 1, "{latecomers:?}");
}

/// Each floods as fast as it can: two at once would measure each other.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// A million: `CULVERT_RANDOM_DATAGRAMS=1000000 cargo test --release -p culvert-engine --test flood line_48`.
#[test]
fn line_48_random_datagrams_get_no_byte_back() {
    let count = std::env::var("CULVERT_RANDOM_DATAGRAMS")
        .map_or(20_000, |count| count.parse::<u64>().unwrap());
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut gateway = Gateway::start();
    let mut device = Party::new(&gateway, DEVICE);
    let mut connector = Party::new(&gateway, CONNECTOR);
    gateway.configure(&gateway.config(&device, &connector));
    connector.greet();
    device.greet();

    let stranger = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    stranger.set_nonblocking(true).unwrap();
    stranger.connect(gateway.address()).unwrap();
    let (mut chance, mut pings) = (48_u64, Pings::default());
    for number in 0..count {
        let datagram = random_datagram(&mut chance, number);
        while stranger.send(&datagram).is_err() {
            std::thread::sleep(Duration::from_micros(100));
        }
        if number.is_multiple_of(64) {
            pings.send(&mut device, &mut connector);
        }
        if number.is_multiple_of(512) {
            // What its socket can not hold, it has not seen.
            wait_until_seen(&mut gateway, number);
        }
    }

    let drops = gateway.ask("status", Value::Null)["drops"].clone();
    let seen = share_seen(&drops, count);
    println!("{seen:.4} of {count} datagrams were looked at: {drops}");
    assert!(seen >= WHOLE, "{drops}");
    pings.assert_few_lost();
    assert!(stranger.recv(&mut [0; 2048]).is_err(), "somebody answered");
}

/// All but the few that may have been lost. Handshakes have a socket of their own, so no ping tells.
fn wait_until_seen(gateway: &mut Gateway, sent: u64) {
    let start = Instant::now();
    while start.elapsed() < LONG_ENOUGH_TO_LOOK {
        let drops = gateway.ask("status", Value::Null)["drops"].clone();
        if sent == 0 || share_seen(&drops, sent) >= 0.99 {
            return;
        }
        sleep(Duration::from_millis(1));
    }
}

/// Of any length and content; three in four begin like a message, most of these with its length, too.
fn random_datagram(chance: &mut u64, number: u64) -> Vec<u8> {
    let mut next = || {
        *chance ^= *chance << 13;
        *chance ^= *chance >> 7;
        *chance ^= *chance << 17;
        *chance
    };
    let kind = (number % 4) as usize;
    let length = match (kind, next() % 4) {
        (1..=3, 1..) => [148, 92, 64][kind - 1],
        _ => next() as usize % 1472,
    };
    let mut datagram: Vec<u8> = (0..length).map(|_| next() as u8).collect();
    if kind > 0 && length >= 4 {
        datagram[..4].copy_from_slice(&[kind as u8, 0, 0, 0]);
    }
    datagram
}

/// What the gateway dropped, and how the latecomers fared.
fn survive(mac1: Mac1, per_second: u32) -> (Value, Latecomers) {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut attempts = rates(per_second).map(|rate| attempt(mac1, rate));
    let survived = attempts
        .find(Survived::is_whole)
        .expect("no flood was whole: nothing else may run on this machine");
    survived.pings.assert_few_lost();
    let grown_kb = survived.grown_kb;
    assert!(grown_kb <= MOST_GROWTH_KB, "it grew by {grown_kb} KB");
    (survived.drops, survived.latecomers)
}

/// Whoever tells how long it is to last wants all of it.
fn rates(per_second: u32) -> impl Iterator<Item = u32> {
    let least = if told_seconds().is_ok() { 1 } else { u32::MAX };
    SHARES_OF_THE_RATE
        .into_iter()
        .filter(move |share| *share <= least)
        .map(move |share| per_second / share)
}

#[derive(Debug)]
struct Survived {
    rate: u32,
    /// Of what was to be sent, and of what was sent.
    share_sent: f64,
    share_seen: f64,
    grown_kb: u64,
    pings: Pings,
    latecomers: Latecomers,
    drops: Value,
}

impl Survived {
    fn is_whole(&self) -> bool {
        self.share_sent >= WHOLE && self.share_seen >= WHOLE
    }
}

fn attempt(mac1: Mac1, per_second: u32) -> Survived {
    let mut gateway = Gateway::start();
    let mut device = Party::new(&gateway, DEVICE);
    let mut connector = Party::new(&gateway, CONNECTOR);
    let latecomers: Vec<Party> = (1..=LATECOMERS).map(|n| latecomer(&gateway, n)).collect();
    let mut config = gateway.config(&device, &connector);
    let peers = config["peers"].as_array_mut().unwrap();
    peers.extend((1..).zip(&latecomers).map(|(n, party)| entry(n, party)));
    gateway.configure(&config);
    connector.greet();
    device.greet();
    let (mut pings, before_kb) = (Pings::default(), gateway.resident_kb());
    pings.send(&mut device, &mut connector);

    let flood = Flood::start(gateway.address(), &gateway.public_key(), mac1, per_second);
    let start = Instant::now();
    pings.send_until(start + Duration::from_secs(1), &mut device, &mut connector);
    let latecomers = latecomers.into_iter().map(arrive).collect::<Vec<_>>();
    while start.elapsed() < flood_lasts() || !latecomers.iter().all(JoinHandle::is_finished) {
        pings.send(&mut device, &mut connector);
        sleep(BETWEEN_PINGS);
    }
    let (sent, lasted) = (flood.stop(), start.elapsed());
    let grown_kb = gateway.resident_kb().saturating_sub(before_kb);
    let drops = gateway.ask("status", Value::Null)["drops"].clone();
    let survived = Survived {
        rate: per_second,
        share_sent: sent as f64 / (f64::from(per_second) * lasted.as_secs_f64()),
        share_seen: share_seen(&drops, sent),
        grown_kb,
        pings,
        latecomers: Latecomers::of(latecomers),
        drops,
    };
    println!("{sent} datagrams in {lasted:?}: {survived:?}");
    survived
}

fn flood_lasts() -> Duration {
    Duration::from_secs(told_seconds().map_or(FLOOD_LASTS, |seconds| seconds.parse().unwrap()))
}

fn told_seconds() -> Result<String, std::env::VarError> {
    std::env::var("CULVERT_FLOOD_SECONDS")
}

/// Of what was sent; the rest overflowed the gateway's socket, which happens when this machine has other things to do.
fn share_seen(drops: &Value, sent: u64) -> f64 {
    let counts = drops.as_object().unwrap().values();
    counts.filter_map(Value::as_u64).sum::<u64>() as f64 / sent as f64
}

/// Packets of a device to a target behind a connector, and the answers to them. Each is tried once.
#[derive(Debug, Default)]
struct Pings {
    sent: u16,
    lost: u16,
}

impl Pings {
    fn send(&mut self, device: &mut Party, connector: &mut Party) {
        let number = self.sent.to_be_bytes();
        let question = udp(DEVICE, TARGET, 5000, 53, &number);
        let answer = udp(TARGET, DEVICE, 53, 5000, &number);
        self.sent += 1;
        device.send(&question);
        let is_answered = connector.awaits(&question) && {
            connector.send(&answer);
            device.awaits(&answer)
        };
        self.lost += u16::from(!is_answered);
    }

    fn send_until(&mut self, end: Instant, device: &mut Party, connector: &mut Party) {
        while Instant::now() < end {
            self.send(device, connector);
            sleep(BETWEEN_PINGS);
        }
    }

    /// One of a hundred.
    fn assert_few_lost(&self) {
        assert!(self.sent >= 100, "only {} pings", self.sent);
        assert!(
            u32::from(self.lost) * 100 <= u32::from(self.sent),
            "{self:?}"
        );
    }
}

/// What 95 % of them needed at most.
#[derive(Debug)]
struct Latecomers {
    took: Duration,
    initiations: u32,
}

impl Latecomers {
    fn of(arrivals: Vec<JoinHandle<(Duration, u32)>>) -> Latecomers {
        let arrivals = arrivals.into_iter().map(|arrival| arrival.join().unwrap());
        let (mut times, mut counts): (Vec<_>, Vec<_>) = arrivals.unzip();
        times.sort();
        counts.sort();
        Latecomers {
            took: times[MOST_OF_THEM - 1],
            initiations: counts[MOST_OF_THEM - 1],
        }
    }
}

/// Each has an address of its own: under load one address has five handshakes at once.
fn latecomer(gateway: &Gateway, number: u8) -> Party {
    let outside = Ipv4Addr::new(127, 78, 0, number);
    Party::at(outside, gateway, &overlay_of(number))
}

fn entry(number: u8, party: &Party) -> Value {
    json!({
        "kind": "device", "id": format!("phone-{number}"), "publicKey": party.public_key_text(),
        "addresses": [overlay_of(number)], "subjects": ["everyone"], "expiresAt": null,
    })
}

fn overlay_of(number: u8) -> String {
    format!("100.96.0.{}", 100 + number)
}

fn arrive(mut party: Party) -> JoinHandle<(Duration, u32)> {
    spawn(move || {
        let start = Instant::now();
        party.greet_within(MORE_THAN_PATIENCE);
        (start.elapsed(), party.initiations)
    })
}
