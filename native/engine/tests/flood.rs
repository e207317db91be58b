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

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use flooding::{Flood, Mac1};
use gateway_lab::{Gateway, Party, udp};
use serde_json::{Value, json};

const TARGET: &str = "192.168.0.10";
const DEVICE: &str = "100.96.0.7";
const CONNECTOR: &str = "100.96.1.1";
const FLOOD_LASTS: Duration = Duration::from_secs(3);
/// A handshake that is answered with a cookie is tried again after 5 s, as the protocol has it; and once more in case one
/// got lost.
const ASKED_FOR_A_COOKIE: Duration = Duration::from_secs(12);
const MOST_GROWTH_KB: u64 = 32 << 10;

#[test]
fn fifty_thousand_bad_mac1_a_second_neither_stop_a_tunnel_nor_cost_memory() {
    let drops = survive(Mac1::Wrong, 50_000);
    assert!(drops["bad-mac1"].as_u64() > Some(1_000), "{drops}");
    assert_eq!(drops["cookie-sent"], Value::Null, "a stranger was answered");
}

#[test]
fn five_thousand_handshakes_a_second_from_a_thousand_places_neither_stop_a_tunnel_nor_cost_memory()
{
    let drops = survive(Mac1::Right, 5_000);
    let asked_for_cookies = drops["cookie-sent"].as_u64().unwrap_or_default();
    let computed = drops["unknown-peer"].as_u64().unwrap_or_default();
    assert!(asked_for_cookies > 5 * computed.max(1), "{drops}");
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
    let mut chance = 48_u64;
    for number in 0..count {
        let datagram = random_datagram(&mut chance, number);
        while stranger.send(&datagram).is_err() {
            std::thread::sleep(Duration::from_micros(100));
        }
        if number.is_multiple_of(64) {
            // What its socket can not hold, it has not seen.
            exchange(&mut device, &mut connector, number as u16);
        }
    }

    let drops = gateway.ask("status", Value::Null)["drops"].clone();
    let seen: u64 = drops
        .as_object()
        .unwrap()
        .values()
        .filter_map(Value::as_u64)
        .sum();
    println!("{seen} of {count} datagrams were looked at: {drops}");
    assert!(seen >= count / 10 * 9, "{drops}");
    assert!(stranger.recv(&mut [0; 2048]).is_err(), "somebody answered");
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

/// What the gateway dropped.
fn survive(mac1: Mac1, per_second: u32) -> Value {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut gateway = Gateway::start();
    let mut device = Party::new(&gateway, DEVICE);
    let mut connector = Party::new(&gateway, CONNECTOR);
    let mut latecomer = Party::new(&gateway, "100.96.0.8");
    let mut config = gateway.config(&device, &connector);
    config["peers"].as_array_mut().unwrap().push(json!({
        "kind": "device", "id": "phone", "publicKey": latecomer.public_key_text(),
        "addresses": ["100.96.0.8"], "subjects": ["everyone"], "expiresAt": null,
    }));
    gateway.configure(&config);
    connector.greet();
    device.greet();
    exchange(&mut device, &mut connector, 0);
    let before_kb = gateway.resident_kb();

    let flood = Flood::start(gateway.address(), &gateway.public_key(), mac1, per_second);
    let end = Instant::now() + FLOOD_LASTS;
    let mut carried = 0;
    while Instant::now() < end {
        carried += 1;
        exchange(&mut device, &mut connector, carried);
    }
    latecomer.greet_within(ASKED_FOR_A_COOKIE);
    let sent = flood.stop();
    let grown_kb = gateway.resident_kb().saturating_sub(before_kb);

    println!("{sent} datagrams in the flood, {carried} round trips beside it, {grown_kb} KB grown");
    assert!(
        sent > u64::from(per_second),
        "the flood was a trickle: {sent}"
    );
    assert!(carried >= 10, "only {carried} round trips");
    assert!(grown_kb <= MOST_GROWTH_KB, "it grew by {grown_kb} KB");
    exchange(&mut device, &mut connector, u16::MAX);
    gateway.ask("status", Value::Null)["drops"].clone()
}

/// There and back. A full socket buffer may lose a packet of ours too; it must not lose four in a row.
fn exchange(device: &mut Party, connector: &mut Party, number: u16) {
    let question = udp(DEVICE, TARGET, 5000, 53, &number.to_be_bytes());
    let answer = udp(TARGET, DEVICE, 53, 5000, &number.to_be_bytes());
    for _ in 0..4 {
        device.send(&question);
        if !connector.awaits(&question) {
            continue;
        }
        connector.send(&answer);
        if device.awaits(&answer) {
            return;
        }
    }
    panic!("round trip {number} failed four times");
}
