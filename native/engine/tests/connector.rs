//! The connector role as a process without any right, between gateways made of real tunnels and a private network that is
//! a namespace of the test's own.
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
#[path = "../../netstack/tests/lab/packets.rs"]
mod packets;
#[path = "connector/private_network.rs"]
mod private_network;
#[path = "connector/process.rs"]
mod process;
#[path = "connector/reconfiguration.rs"]
mod reconfiguration;

use std::net::IpAddr;

use conversation::{Conversation, SERVER, connector_key, is_reset, tcp_echo, udp_echo};
use gateway::Gateway;
use packets::{echo, error_of, open, udp};
use private_network::{CONNECTOR, config, in_a_private_network};
use process::{Engine, NOBODY};
use serde_json::{Value, json};

const DEVICE: &str = "100.96.0.7";
const DEVICE_V6: &str = "fd5a::7";

#[test]
fn ping_udp_and_tcp_reach_the_private_network_without_any_right() {
    in_private_networks(|shards| {
        let mut engine = Engine::start_as(NOBODY, "reach", &["--shards", shards]);
        assert_eq!(engine.proc_status("Uid"), "65534");
        let hello = engine.ask("hello", json!(null))["result"].clone();
        assert_eq!(
            (&hello["role"], &hello["ping"], &hello["configHash"]),
            (&json!("connector"), &json!("works"), &Value::Null)
        );
        let mut watcher = engine.control();
        watcher.ask("watch", json!(null));
        let mut gateway = Gateway::new([1; 32], connector_key());
        let hash = engine.ask("configure", config(&[&gateway], &["10.9.0.0/16"]))["result"]["hash"]
            .clone();
        assert_eq!(hash.as_str().map(str::len), Some(64));
        assert_eq!(
            engine.ask("hello", json!(null))["result"]["configHash"],
            hash
        );
        gateway.until("a session", Gateway::has_session);
        let event = watcher.next_line()["event"].clone();
        assert_eq!(
            (&event["kind"], &event["id"]),
            (&json!("peer-handshake"), &json!("gw0"))
        );
        assert_eq!(listening(&engine), 0);

        gateway.send(&echo(SERVER, 77, 1, 64, b"ping"));
        gateway.until("an echo reply", |gateway| gateway.got.len() == 1);
        assert_eq!(open(&gateway.got[0]).2[4..], *b"\0\x4d\0\x01ping");

        gateway.send(&udp(SERVER, 4000, udp_echo(), 64, b"hello"));
        gateway.until("a datagram", |gateway| gateway.got.len() == 2);
        assert_eq!(open(&gateway.got[1]).2[8..], *b"hello");

        let conversation = Conversation::start(&mut gateway, tcp_echo());
        assert_eq!(conversation.say(&mut gateway, b"over tcp"), b"over tcp");

        gateway.send(&udp("10.10.0.1", 4000, 53, 64, b"?"));
        gateway.until("a refusal", |gateway| error_of_last(gateway).is_some());
        assert_eq!(
            error_of_last(&gateway),
            Some((CONNECTOR.parse().unwrap(), 3, 13))
        );

        let status = engine.ask("status", json!(null))["result"].clone();
        assert_eq!(
            (&status["flows"], &status["drops"]),
            (&json!(3), &json!({ "no-route": 1 }))
        );
        let peer = &status["peers"][0];
        assert_eq!(
            (&peer["id"], &peer["endpoint"]),
            (&json!("gw0"), &json!(gateway.address().to_string()))
        );
        assert!(peer["lastHandshakeAt"].is_u64() && peer["rxBytes"].as_u64() > Some(300));
    });
}

#[test]
fn a_flow_is_answered_through_the_gateway_that_it_came_from_and_follows_when_it_moves() {
    in_private_networks(|shards| {
        let mut engine = Engine::start_as(NOBODY, "two", &["--shards", shards]);
        let mut one = Gateway::new([1; 32], connector_key());
        let mut two = Gateway::new([2; 32], connector_key());
        engine.ask("configure", config(&[&one, &two], &["10.9.0.0/16"]));
        one.until("a session", Gateway::has_session);
        two.until("a session", Gateway::has_session);

        one.send(&echo(SERVER, 1, 1, 64, b"one"));
        two.send(&echo(SERVER, 2, 1, 64, b"two"));
        one.until("its reply", |gateway| gateway.got.len() == 1);
        two.until("its reply", |gateway| gateway.got.len() == 1);
        assert_eq!(
            (
                open(&one.got[0]).2[8..].to_vec(),
                open(&two.got[0]).2[8..].to_vec()
            ),
            (b"one".to_vec(), b"two".to_vec())
        );

        // The device fails over: its connection goes on through the other gateway.
        let conversation = Conversation::start(&mut one, tcp_echo());
        let before = one.got.len();
        two.got.clear();
        assert_eq!(conversation.say(&mut two, b"still here"), b"still here");
        one.step();
        assert_eq!(one.got.len(), before);
    });
}

#[test]
fn sigterm_resets_what_is_open_and_leaves_nothing() {
    in_private_networks(|shards| {
        let mut engine = Engine::start_as(NOBODY, "term", &["--shards", shards]);
        let mut gateway = Gateway::new([1; 32], connector_key());
        engine.ask("configure", config(&[&gateway], &["10.9.0.0/16"]));
        gateway.until("a session", Gateway::has_session);
        let conversation = Conversation::start(&mut gateway, tcp_echo());
        assert_eq!(conversation.say(&mut gateway, b"before"), b"before");
        gateway.got.clear();

        assert!(engine.terminate().success());

        gateway.until("a reset", |gateway| {
            gateway.got.iter().any(|packet| is_reset(packet))
        });
        let left: Vec<_> = std::fs::read_dir(&engine.folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name())
            .collect();
        assert_eq!(left, ["culvert-engine"]);
    });
}

fn error_of_last(gateway: &Gateway) -> Option<(IpAddr, u8, u8)> {
    let packet = gateway.got.last().filter(|packet| packet[9] == 1)?;
    let (from, kind, code, _) = error_of(packet);
    Some((from, kind, code))
}

/// TCP sockets in the state LISTEN, in the engine's network.
fn listening(engine: &Engine) -> usize {
    let table = std::fs::read_to_string(format!("/proc/{}/net/tcp", engine.child.id())).unwrap();
    table
        .lines()
        .filter(|line| line.split_whitespace().nth(3) == Some("0A"))
        .count()
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// With all flows together, and with each in one of three shards.
fn in_private_networks(test: fn(&'static str)) {
    for shards in ["1", "3"] {
        in_a_private_network(move || test(shards));
    }
}
