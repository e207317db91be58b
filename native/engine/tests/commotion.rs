//! Each role while everything about it changes: data flow, peers come and go, and what it is told is new at every turn. That
//! it goes on is what `cargo test` sees, for a moment each; that no two threads get in each other's way, ThreadSanitizer, for
//! as long as `npm run soundness` says. Needs root, `wg` and `nft`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    unreachable_pub,
    dead_code,
    reason = "a test that is wrong should say so at once"
)]

mod commotion {
    pub mod flow;
    pub mod interruption;
}
#[path = "connector/conversation.rs"]
mod conversation;
mod device;
#[path = "connector/gateway.rs"]
mod gateway;
mod gateway_lab;
mod lab;
#[path = "../../netstack/tests/lab/packets.rs"]
mod packets;
#[path = "connector/process.rs"]
mod process;
mod relayed;

use std::net::IpAddr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, spawn};
use std::time::{Duration, Instant};

use commotion::flow::Flow;
use commotion::interruption::{SUSPENSION, all_go_on, goes_down_and_up, is_suspended};
use device::{Device, two};
use gateway_lab::Gateway;
use gateway_lab::packets::udp;
use gateway_lab::party::Party;
use lab::Host;
use lab::folder::{Folder, Keys};
use relayed::{Hosts, Prepared, Site, TARGET, connector_config, gateway_config};
use serde_json::{Value, json};

/// Of the device, which `packets` wants in both families.
const DEVICE: &str = "10.5.0.1";
const DEVICE_V6: &str = "fd55::1";
const SECONDS: u64 = 2;
/// Of turns of a device.
const SUSPENDED_EVERY: u64 = 800;

#[test]
fn line_44_a_device_carries_on_while_it_changes_goes_down_and_up_and_is_suspended() {
    let ((one, other), folder) = (Host::pair(), Folder::new());
    let [near, far] = two(&one, &other, &folder);
    let guest = Keys::new(&folder).public;
    one.must_reach("10.5.0.2");
    let flows = [
        Flow::start(&one, &other, "10.5.0.2"),
        Flow::start(&other, &one, "fd55::1"),
    ];

    for turn in turns(SUSPENSION) {
        match turn % 8 {
            0 => {
                let nobody = "endpoint 192.0.2.2:9 persistent-keepalive 1";
                near.wg(&format!("peer {guest} {nobody} allowed-ips 10.5.0.0/16"));
            }
            1 => {
                far.peer(&near, "persistent-keepalive 1");
                near.wg(&format!("peer {guest} remove"));
            }
            2 => near.peer(&far, "remove"),
            3 => near.knows(&far, "192.0.2.2"),
            4 => {
                near.wg(&format!("listen-port {} fwmark {turn}", 1111 + turn % 7));
            }
            5 => {
                let mtu = 1300 + turn % 100;
                one.ip(&format!("link set {} mtu {mtu}", near.name));
                assert!(near.show("dump").contains(&far.keys.public));
            }
            6 => goes_down_and_up(&near),
            _ if turn % SUSPENDED_EVERY == 7 => is_suspended(&near, &flows),
            _ => all_go_on(&flows),
        }
    }

    for flow in flows {
        assert!(flow.end() > 0, "nothing came");
    }
    near.knows(&far, "192.0.2.2");
    one.must_reach("10.5.0.2");
    one.must_reach("fd55::2");
    for device in [near, far] {
        leaves_well(device);
    }
}

#[test]
fn a_gateway_carries_on_while_its_peers_rules_and_networks_change() {
    let mut gateway = Gateway::start();
    let mut device = Party::new(&gateway, "100.96.0.7");
    let mut connector = Party::new(&gateway, "100.96.1.1");
    let mut watcher = gateway.watch();
    let usual = gateway.config(&device, &connector);
    gateway.configure(&usual);
    connector.greet();
    assert_eq!(watcher.event("peer-handshake")["id"], "tokyo-a");
    device.greet();
    let is_over = Arc::new(AtomicBool::new(false));
    let question = udp("100.96.0.7", "192.168.0.10", 5000, 53, b"who is it?");
    let answer = udp("192.168.0.10", "100.96.0.7", 53, 5000, b"it is me");
    let answering = {
        let (question, answer) = (question.clone(), answer.clone());
        counting(&is_over, move || {
            let was_asked = connector.awaits(&question);
            if was_asked {
                connector.send(&answer);
            }
            was_asked
        })
    };
    let asking = counting(&is_over, move || {
        device.send(&question);
        device.awaits(&answer)
    });

    for turn in turns(Duration::ZERO) {
        let mut config = usual.clone();
        if turn % 3 > 0 {
            let mut guest = Party::new(&gateway, &format!("100.96.2.{}", 1 + turn % 200));
            push(&mut config["peers"], guest_of(&guest, turn));
            gateway.configure(&config);
            guest.greet();
            guest.send(&udp("100.96.2.1", "192.168.0.20", 5000, 53, b"?"));
        } else {
            let range = format!("10.{}.0.0/16", 10 + turn % 100);
            push(&mut config["networks"][0]["ranges"], json!(range));
            push(&mut config["rules"], blocked(turn));
            gateway.configure(&config);
        }
        let status = gateway.ask("status", Value::Null);
        assert!(status["peers"].as_array().unwrap().len() >= 2, "{status}");
    }

    is_over.store(true, Ordering::Relaxed);
    assert!(asking.join().unwrap() > 0, "no question was answered");
    assert!(answering.join().unwrap() > 0, "no question came");
    gateway.terminate();
    assert_eq!(gateway.wait_for_exit(), Some(0));
}

#[test]
fn a_connector_in_user_space_carries_on_while_gateways_and_ranges_change() {
    a_connector_carries_on(false);
}

#[test]
fn a_connector_whose_kernel_forwards_carries_on_while_gateways_and_ranges_change() {
    a_connector_carries_on(true);
}

/// Of their eight connections each of three shards is likely to have one.
const FLOWS: usize = 4;

/// In user space the connector has two more threads for its flows.
fn prepared(with_tun: bool) -> Prepared<impl Fn(&mut Command) + Send + 'static> {
    let with = |options: &'static [&str]| {
        move |command: &mut Command| {
            command.args(options);
        }
    };
    let shards: &[&str] = if with_tun { &[] } else { &["--shards", "3"] };
    Prepared {
        device: with(&[]),
        gateway: with(&[]),
        connector: with(shards),
    }
}

fn a_connector_carries_on(with_tun: bool) {
    let (hosts, folder) = (Hosts::new(), Folder::new());
    let mut site = Site::start_prepared(&hosts, &folder, with_tun, prepared(with_tun));
    let stranger = Keys::new(&folder).public;
    let flows: Vec<Flow> = (0..FLOWS)
        .map(|_| Flow::start(&hosts.device, &hosts.target, TARGET))
        .collect();

    for turn in turns(Duration::ZERO) {
        let mut config = connector_config(1400 + (turn % 20) as u16);
        if turn % 2 == 0 {
            push(&mut config["peers"], other_gateway(&stranger));
            push(
                &mut config["ranges"],
                json!(format!("10.{}.0.0/16", 10 + turn % 100)),
            );
        }
        let answer = site.connector.ask("configure", config);
        assert!(answer["result"]["hash"].is_string(), "{answer}");
        let mut config = gateway_config(&site.device, 1400 + (turn % 20) as u16);
        push(&mut config["rules"], blocked(turn));
        site.gateway.configure(&config);
        let status = site.connector.ask("status", json!(null));
        assert!(status["result"]["peers"].is_array(), "{status}");
    }

    for flow in flows {
        assert!(flow.end() > 0, "nothing came");
    }
    assert!(site.connector.terminate().success());
    site.gateway.terminate();
    assert_eq!(site.gateway.wait_for_exit(), Some(0));
    leaves_well(site.device);
}

/// One after the other, until the time and what is slept of it are over; at least some.
fn turns(slept: Duration) -> impl Iterator<Item = u64> {
    let asked_for = std::env::var("CULVERT_COMMOTION_SECONDS").ok();
    let seconds = asked_for.map_or(SECONDS, |seconds| seconds.parse().unwrap());
    let end = Instant::now() + Duration::from_secs(seconds) + slept;
    (0..).take_while(move |turn| *turn < 12 || Instant::now() < end)
}

/// Over and over on a thread of its own; tells how often it was true.
fn counting(
    is_over: &Arc<AtomicBool>,
    mut work: impl FnMut() -> bool + Send + 'static,
) -> JoinHandle<u64> {
    let is_over = Arc::clone(is_over);
    spawn(move || {
        let mut count = 0;
        while !is_over.load(Ordering::Relaxed) {
            count += u64::from(work());
        }
        count
    })
}

/// ThreadSanitizer gives a program that had a race another exit code, at its end.
fn leaves_well(device: Device<'_>) {
    let (status, said) = device.running.stop();
    assert!(status.success(), "{status}: {said}");
}

fn guest_of(guest: &Party, turn: u64) -> Value {
    json!({ "kind": "device", "id": format!("guest-{turn}"), "publicKey": guest.public_key_text(),
        "addresses": [format!("100.96.2.{}", 1 + turn % 200)], "subjects": ["everyone"], "expiresAt": null })
}

fn blocked(turn: u64) -> Value {
    json!({ "id": "other", "name": "other", "action": "block", "subjects": ["everyone"],
        "networkIds": [], "ranges": [], "protocol": "udp", "ports": [[9, 10 + turn % 40]] })
}

fn other_gateway(key: &str) -> Value {
    json!({ "id": "other", "publicKey": key, "endpoints": ["198.51.100.9:51820"], "keepaliveSeconds": 1 })
}

fn push(list: &mut Value, item: Value) {
    list.as_array_mut().unwrap().push(item);
}

/// As `packets` wants it.
fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}
