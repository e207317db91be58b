//! A connector whose flows are in shards: threads that do not keep up, datagrams in pieces, and gateways that go. Needs root for a
//! network namespace, and to halt single threads.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    unreachable_pub,
    dead_code,
    reason = "a test that is wrong should say so at once"
)]

#[path = "connector/conversation.rs"]
mod conversation;
#[path = "connector/gateway.rs"]
mod gateway;
#[path = "connector/halted.rs"]
mod halted;
#[path = "../../netstack/tests/lab/packets.rs"]
mod packets;
#[path = "../../netstack/tests/lab/pieces.rs"]
mod pieces;
#[path = "connector/private_network.rs"]
mod private_network;
#[path = "connector/process.rs"]
mod process;
#[path = "connector/sink.rs"]
mod sink;

use std::collections::HashSet;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use conversation::{SERVER, connector_key};
use gateway::Gateway;
use halted::Halted;
use packets::{open, udp};
use pieces::{cut, reassemble};
use private_network::{config, connected, in_a_private_network};
use process::{Engine, NOBODY};
use serde_json::{Value, json};
use sink::Sink;

const DEVICE: &str = "100.96.0.7";
const DEVICE_V6: &str = "fd5a::7";
const SERVER_V6: &str = "fd12::10";
const RANGES: &[&str] = &["10.9.0.0/16"];
const SHARDS: &[&str] = &["--shards", "3"];
const FLOWS: u16 = 32;
const A_WHILE: Duration = Duration::from_millis(300);
const FIRST_PORT: u16 = 4000;
/// Of short packets, as `src/connector/shard/waiting.rs` says.
const ROOM: u64 = (1 << 20) / 768;

#[test]
fn what_a_shard_has_no_room_for_is_counted_and_all_the_rest_arrives() {
    in_a_private_network(|| {
        let mut engine = Engine::start_as(NOBODY, "overrun", SHARDS);
        let mut gateway = connected(&mut engine, RANGES);
        let sink = Sink::open(false);
        let ports = FIRST_PORT..FIRST_PORT + FLOWS;
        let rounds = 2 * ROOM / 8;

        let before = missing(&mut engine, &gateway);
        let halted = Halted::all(&engine, "shard");
        for _ in 0..rounds {
            for port in ports.clone() {
                gateway.send(&udp(SERVER, port, sink.port, 64, b"?"));
            }
            await_arrival(&mut engine, &gateway, before);
        }
        let overrun = drops(&mut engine)["overrun"].as_u64().unwrap();
        let sent = rounds * u64::from(FLOWS);
        let arriving = sent - overrun;
        // No more than two shards have room for waits; the rest is on its way to a server that may be slow to count it.
        sink.until(|received| arriving - received <= 2 * ROOM);
        let at_once = sink.received();
        drop(halted);

        sink.until(|received| received == arriving);
        let late = arriving - at_once;
        assert!(overrun > 0 && late > 0, "{overrun} lost, {late} late");
        for port in ports {
            gateway.send(&udp(SERVER, port, sink.port, 64, b"?"));
        }
        sink.until(|received| received + overrun == sent + u64::from(FLOWS));
        assert_eq!(drops(&mut engine), json!({ "overrun": overrun }));
    });
}

#[test]
fn datagrams_in_pieces_come_through_whole_in_every_shard() {
    in_a_private_network(|| {
        let mut engine = Engine::start_as(NOBODY, "pieces", SHARDS);
        let mut gateway = connected(&mut engine, RANGES);
        let echo = Sink::open(true);

        for port in FIRST_PORT..FIRST_PORT + FLOWS {
            let data = port.to_be_bytes().repeat(1500);
            let mut pieces = cut(&udp(SERVER, port, echo.port, 64, &data), 1360);
            pieces.reverse();
            gateway.got.clear();
            pieces.iter().for_each(|piece| gateway.send(piece));
            gateway.until("as many pieces", |gateway| {
                gateway.got.len() == pieces.len()
            });

            assert_eq!(reassemble(&gateway.got)[8..], data);
        }
        assert_eq!(drops(&mut engine), json!({}));
    });
}

#[test]
fn what_came_by_a_gateway_that_is_gone_goes_to_no_other_until_its_device_comes_by_that() {
    in_a_private_network(|| {
        let mut engine = Engine::start_as(NOBODY, "gone", SHARDS);
        let mut one = Gateway::new([1; 32], connector_key());
        let mut two = Gateway::new([2; 32], connector_key());
        engine.ask("configure", config(&[&one, &two], RANGES));
        one.until("a session", Gateway::has_session);
        two.until("a session", Gateway::has_session);
        let echo = Sink::open(true);
        say_and_hear(&mut one, &echo);

        // Those of helpers wait when their gateway goes.
        let before = missing(&mut engine, &one);
        let halted = Halted::all(&engine, "shard");
        say(&mut one, &echo);
        await_arrival(&mut engine, &one, before);
        engine.ask("configure", config(&[&two], RANGES));
        drop(halted);
        echo.until(|received| received == 2 * u64::from(FLOWS));

        hear_for(&mut two, A_WHILE);
        assert_eq!((two.got.len(), flows(&mut engine)), (0, FLOWS));
        say_and_hear(&mut two, &echo);
        assert_eq!(flows(&mut engine), FLOWS);

        // When it comes back it has not what is the other's now; what it had before is heard out first.
        hear_for(&mut one, A_WHILE);
        one.got.clear();
        engine.ask("configure", config(&[&one, &two], RANGES));
        say_and_hear(&mut two, &echo);
        hear_for(&mut one, A_WHILE);
        assert!(one.got.is_empty());
    });
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn say(gateway: &mut Gateway, server: &Sink) {
    for port in FIRST_PORT..FIRST_PORT + FLOWS {
        gateway.send(&udp(SERVER, port, server.port, 64, b"hello"));
    }
}

fn say_and_hear(gateway: &mut Gateway, echo: &Sink) {
    gateway.got.clear();
    say(gateway, echo);
    gateway.until("an answer in each flow", |gateway| {
        let answers = gateway.got.iter().map(|packet| open(packet).2);
        let flows: HashSet<Vec<u8>> = answers.map(|answer| answer[2..4].to_vec()).collect();
        flows.len() == usize::from(FLOWS)
    });
}

fn hear_for(gateway: &mut Gateway, time: Duration) {
    let end = Instant::now() + time;
    while Instant::now() < end {
        gateway.step();
    }
}

/// Until the plane has opened all that this gateway has sent since `missing` was asked for.
fn await_arrival(engine: &mut Engine, gateway: &Gateway, before: i64) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while missing(engine, gateway) > before {
        assert!(Instant::now() < deadline, "not all has come");
    }
}

/// Bytes that the gateway has sent and the plane has not opened: some of the handshake never are.
fn missing(engine: &mut Engine, gateway: &Gateway) -> i64 {
    let status = status(engine);
    let address = json!(gateway.address().to_string());
    let mut peers = status["peers"].as_array().unwrap().iter();
    let peer = peers.find(|peer| peer["endpoint"] == address).unwrap();
    gateway.sent_bytes() as i64 - peer["rxBytes"].as_i64().unwrap()
}

fn status(engine: &mut Engine) -> Value {
    engine.ask("status", json!(null))["result"].clone()
}

fn drops(engine: &mut Engine) -> Value {
    status(engine)["drops"].clone()
}

fn flows(engine: &mut Engine) -> u16 {
    status(engine)["flows"]
        .as_u64()
        .unwrap()
        .try_into()
        .unwrap()
}
