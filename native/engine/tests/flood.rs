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

/// What the gateway dropped.
fn survive(mac1: Mac1, per_second: u32) -> Value {
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
