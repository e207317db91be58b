//! A connector under load, with its flows together and in shards, each of which has a thread. Needs root for a network namespace.
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

use std::collections::HashMap;
use std::net::{IpAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use conversation::{Conversation, SERVER, is_reset, tcp_echo};
use gateway::Gateway;
use packets::{open, udp};
use private_network::{connected, in_a_private_network};
use process::{Engine, NOBODY};
use serde_json::json;

const DEVICE: &str = "100.96.0.7";
const DEVICE_V6: &str = "fd5a::7";
const FLOWS: u16 = 32;
const FIRST_PORT: u16 = 4000;
const ROUNDS: u32 = 60;
const UDP: u8 = 17;
const NO_RIGHT: &str = "0000000000000000";
const FILTERED: &str = "2";
/// Of each flow, in a round.
const BURST: u32 = 6;

#[test]
fn each_flow_keeps_its_order_together_with_others_and_in_a_thread_of_its_own() {
    in_a_private_network(|| {
        for shards in ["1", "3"] {
            let mut engine = Engine::start_as(NOBODY, "order", &["--shards", shards]);
            let mut gateway = connected(&mut engine, &["10.9.0.0/16"]);
            let mut load = Load::start();

            (0..ROUNDS).for_each(|_| load.burst(&mut gateway));

            let sent = ROUNDS * BURST * u32::from(FLOWS);
            assert!(
                load.received > sent / 2,
                "{} of {sent} came back",
                load.received
            );
            let status = engine.ask("status", json!(null))["result"].clone();
            assert_eq!(status["flows"], FLOWS);
        }
    });
}

#[test]
fn each_shard_has_a_thread_that_works_without_any_right_and_ends_with_the_engine() {
    in_a_private_network(|| {
        let mut engine = Engine::start_as(NOBODY, "threads", &["--shards", "3"]);
        let mut gateway = connected(&mut engine, &["10.9.0.0/16"]);
        let conversation = Conversation::start(&mut gateway, tcp_echo());
        assert_eq!(conversation.say(&mut gateway, b"before"), b"before");
        let mut load = Load::start();
        let before = wakes_of_helpers(&engine);
        assert_eq!(before.len(), 2);
        for status in statuses_of_helpers(&engine) {
            let rights = field(&status, "CapEff");
            assert_eq!((rights, field(&status, "Seccomp")), (NO_RIGHT, FILTERED));
        }

        (0..10).for_each(|_| load.burst(&mut gateway));

        let after = wakes_of_helpers(&engine);
        assert!(
            before
                .iter()
                .zip(&after)
                .all(|(before, after)| after > before)
        );
        assert!(engine.terminate().success());
        gateway.until("a reset", |gateway| {
            gateway.got.iter().any(|packet| is_reset(packet))
        });
    });
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// How often each of them has waited for something, so far.
fn wakes_of_helpers(engine: &Engine) -> Vec<u64> {
    let helpers = statuses_of_helpers(engine).into_iter();
    helpers
        .map(|status| field(&status, "voluntary_ctxt_switches").parse().unwrap())
        .collect()
}

fn statuses_of_helpers(engine: &Engine) -> Vec<String> {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", engine.child.id())).unwrap();
    let statuses =
        tasks.map(|task| std::fs::read_to_string(task.unwrap().path().join("status")).unwrap());
    statuses
        .filter(|status| field(status, "Name").starts_with("shard"))
        .collect()
}

fn field<'s>(status: &'s str, name: &str) -> &'s str {
    let lines = status.lines().filter_map(|line| line.split_once(':'));
    let mut values = lines.filter(|(each, _)| *each == name);
    values.next().unwrap().1.trim()
}

/// Numbered datagrams to a server that sends them back.
struct Load {
    port: u16,
    sent: u32,
    received: u32,
    /// The last number of each flow that came back.
    last: HashMap<u16, u32>,
}

impl Load {
    fn start() -> Self {
        let server = UdpSocket::bind((SERVER, 0)).unwrap();
        let port = server.local_addr().unwrap().port();
        thread::spawn(move || {
            let mut data = [0; 2048];
            while let Ok((len, peer)) = server.recv_from(&mut data) {
                drop(server.send_to(&data[..len], peer));
            }
        });
        Self {
            port,
            sent: 0,
            received: 0,
            last: HashMap::new(),
        }
    }

    /// Of every flow, and waits for what comes back, but not for ever: a busy machine may lose some.
    fn burst(&mut self, gateway: &mut Gateway) {
        for _ in 0..BURST {
            self.sent += 1;
            for flow in 0..FLOWS {
                let word = self.sent.to_be_bytes();
                gateway.send(&udp(SERVER, FIRST_PORT + flow, self.port, 64, &word));
            }
        }
        let deadline = Instant::now() + Duration::from_millis(200);
        while gateway.got.len() < (BURST * u32::from(FLOWS)) as usize && Instant::now() < deadline {
            gateway.step();
        }
        for packet in gateway.got.drain(..).filter(|packet| packet[9] == UDP) {
            let (_, _, datagram) = open(&packet);
            let flow = u16::from_be_bytes([datagram[2], datagram[3]]);
            let number = u32::from_be_bytes(*datagram[8..].first_chunk().unwrap());
            let before = self.last.insert(flow, number);
            assert!(
                before.is_none_or(|before| before < number),
                "{before:?}, then {number}"
            );
            self.received += 1;
        }
    }
}
