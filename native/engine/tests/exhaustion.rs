//! A gateway that has no descriptor or no memory left: it refuses what is new, keeps what it has, and recovers. The NAT's part of this
//! is in `../netstack/tests/descriptors.rs`.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "for tests only; one that is wrong should say so at once"
)]
mod gateway_lab;

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::Duration;

use gateway_lab::Gateway;
use gateway_lab::packets::udp;
use gateway_lab::party::Party;
use serde_json::Value;

const TARGET: &str = "192.168.0.10";
const DEVICE: &str = "100.96.0.7";
const CONNECTOR: &str = "100.96.1.1";
const FILES: u32 = 32;

#[test]
fn without_descriptors_it_keeps_its_callers_and_tunnels_and_recovers() {
    let mut gateway = Gateway::start_with_files(FILES);
    let mut device = Party::new(&gateway, DEVICE);
    let mut connector = Party::new(&gateway, CONNECTOR);
    let mut config = gateway.config(&device, &connector);
    gateway.configure(&config);
    connector.greet();
    device.greet();

    let crowd: Vec<UnixStream> = (0..2 * FILES)
        .map(|_| UnixStream::connect(gateway.control_path()).unwrap())
        .collect();
    let before = gateway.processor_seconds();
    std::thread::sleep(Duration::from_secs(1));
    let burnt = gateway.processor_seconds() - before;

    assert!(
        hello(crowd.last().unwrap()).is_none(),
        "the last caller was let in"
    );
    assert!(
        burnt < 0.5,
        "{burnt} s of processor time in a second of waiting"
    );
    let port = gateway.ask("status", Value::Null)["listenPort"].clone();
    config["listenPort"] = gateway_lab::free_port().into();
    config["rules"] = Value::Array(vec![]);
    let refusal = gateway.ask_for_error("configure", config.clone());
    assert!(
        refusal["message"].as_str().unwrap().contains("open files"),
        "{refusal}"
    );
    assert_eq!(gateway.ask("status", Value::Null)["listenPort"], port);
    let question = udp(DEVICE, TARGET, 5000, 53, b"still there?");
    device.send(&question);
    assert_eq!(connector.receive(), question, "the old rules and port hold");

    drop(crowd);
    let newcomer = UnixStream::connect(gateway.control_path()).unwrap();
    assert!(hello(&newcomer).is_some(), "nobody is let in any more");
    gateway.configure(&config);
}

#[test]
fn without_memory_a_large_configuration_is_refused_and_the_old_one_carries_on() {
    let mut gateway = Gateway::start();
    let mut device = Party::new(&gateway, DEVICE);
    let mut connector = Party::new(&gateway, CONNECTOR);
    let config = gateway.config(&device, &connector);
    gateway.configure(&config);
    connector.greet();
    device.greet();
    gateway.limit_memory(24 << 20);

    let mut large = config.clone();
    let peers = large["peers"].as_array_mut().unwrap();
    peers.extend((0..20_000).map(stranger));
    let refusal = gateway.ask_for_error("configure", large);

    assert_eq!(refusal["code"], "no-memory", "{refusal}");
    assert!(
        refusal["message"]
            .as_str()
            .unwrap()
            .contains("MB of memory")
    );
    let question = udp(DEVICE, TARGET, 5000, 53, b"still there?");
    device.send(&question);
    assert_eq!(connector.receive(), question, "the old rules hold");
    gateway.configure(&config);
}

fn stranger(number: u32) -> Value {
    let [_, a, b, c] = number.to_be_bytes();
    let key = format!("{number:042}A=");
    serde_json::json!({
        "kind": "device", "id": format!("stranger-{number}"), "publicKey": key,
        "addresses": [format!("100.{}.{b}.{c}", 100 + a)], "subjects": ["everyone"], "expiresAt": null,
    })
}

/// `None` when no answer comes within five seconds.
fn hello(mut caller: &UnixStream) -> Option<String> {
    caller
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    caller
        .write_all(b"{\"v\":1,\"id\":1,\"method\":\"hello\"}\n")
        .ok()?;
    let mut line = String::new();
    BufReader::new(caller)
        .read_line(&mut line)
        .ok()
        .filter(|read| *read > 0)?;
    Some(line)
}
