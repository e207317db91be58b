//! The gateway as its users meet it: the program, its control socket, and WireGuard peers on loopback.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that is wrong should say so at once"
)]
#[allow(dead_code, reason = "flood.rs uses the rest")]
mod gateway_lab;

use std::net::UdpSocket;
use std::time::Duration;

use culvert_udp::{Door, Outbox, Route};
use gateway_lab::Gateway;
use gateway_lab::packets::{echo_reply, echo_request, ip_protocol, tcp_flags, tcp_syn, udp};
use gateway_lab::party::Party;
use serde_json::{Value, json};

const TARGET: &str = "192.168.0.10";
const DEVICE: &str = "100.96.0.7";
const RST_ACK: u8 = 0x14;

#[test]
fn an_allowed_flow_passes_both_ways_unchanged() {
    let (mut gateway, mut device, mut connector) = ready();

    let question = udp(DEVICE, TARGET, 5000, 53, b"who is it?");
    device.send(&question);
    assert_eq!(connector.receive(), question);
    let answer = udp(TARGET, DEVICE, 53, 5000, b"it is me");
    connector.send(&answer);
    assert_eq!(device.receive(), answer);

    let ping = echo_request(DEVICE, TARGET, 7);
    device.send(&ping);
    assert_eq!(connector.receive(), ping);
    connector.send(&echo_reply(TARGET, DEVICE, 7));
    assert_eq!(device.receive(), echo_reply(TARGET, DEVICE, 7));

    let status = gateway.ask("status", Value::Null);
    assert_eq!(status["flows"], 2);
    assert_eq!(status["drops"], json!({}));
    let peer = status["peers"]
        .as_array()
        .unwrap()
        .iter()
        .find(|peer| peer["id"] == "laptop");
    let peer = peer.unwrap();
    assert_eq!(peer["endpoint"], device.address());
    assert_eq!(peer["publicKey"], device.public_key_text());
    assert!(peer["lastHandshakeAt"].as_u64().unwrap() > 1_700_000_000_000);
    assert!(peer["rxBytes"].as_u64().unwrap() > 100);
}

#[test]
fn a_burst_arrives_whole_and_in_order() {
    let (_gateway, mut device, mut connector) = ready();
    device.send(&udp(DEVICE, TARGET, 5000, 9, b"first"));
    connector.receive();

    // Full packets, and short ones between them that are padded.
    let burst: Vec<_> = (0..200_usize)
        .map(|number| {
            let length = if number % 7 == 3 {
                33 + number % 5
            } else {
                1392
            };
            udp(DEVICE, TARGET, 5000, 9, &vec![number as u8; length])
        })
        .collect();
    for (number, packet) in burst.iter().enumerate() {
        device.send(packet);
        if number % 20 == 19 {
            for expected in &burst[number - 19..=number] {
                assert_eq!(&connector.receive(), expected);
            }
        }
    }
}

#[test]
fn packets_that_their_sender_padded_less_than_we_do_arrive_too() {
    let (_gateway, mut device, mut connector) = ready();
    device.set_mtu(1400);

    for length in [1372, 1, 1371, 1372] {
        let packet = udp(DEVICE, TARGET, 5000, 9, &vec![7; length]);
        device.send(&packet);
        assert_eq!(connector.receive(), packet);
    }
}

#[test]
fn a_burst_of_a_sender_that_pads_less_than_we_do_arrives_whole_and_in_order() {
    let (gateway, mut device, mut connector) = ready();
    device.set_mtu(1412);
    connector.make_room();
    device.send(&udp(DEVICE, TARGET, 5000, 9, b"first"));
    connector.receive();
    let burst: Vec<Vec<u8>> = (0..450_usize)
        .map(|number| udp(DEVICE, TARGET, 5000, 9, &vec![number as u8; 1384]))
        .collect();

    // All of it waits when the gateway looks, so that it is one batch.
    gateway.hold();
    let sealed: Vec<Vec<u8>> = burst.iter().map(|packet| device.seal(packet)).collect();
    let (door, mut outbox) = (Door::connect(gateway.address()).unwrap(), Outbox::new());
    let mut batch = outbox.batch(&door);
    for datagram in &sealed {
        batch.push(Route::to(gateway.address()), datagram);
    }
    assert_eq!(batch.send().sent, burst.len());
    gateway.go_on();

    for (number, packet) in burst.iter().enumerate() {
        let arrives = connector.awaits_within(packet, Duration::from_secs(5));
        assert!(arrives, "packet {number} did not arrive");
    }
}

#[test]
fn a_packet_in_anothers_name_does_not_arrive_and_is_counted() {
    let (mut gateway, mut device, mut connector) = ready();

    for source in ["100.96.0.8", "100.96.0.9", "192.168.0.10", "8.8.8.8"] {
        device.send(&udp(source, TARGET, 5000, 53, b"spoofed"));
    }
    let honest = udp(DEVICE, TARGET, 5000, 53, b"honest");
    device.send(&honest);

    assert_eq!(connector.receive(), honest);
    assert_eq!(
        gateway.ask("status", Value::Null)["drops"],
        json!({ "spoofed-source": 4 })
    );
}

#[test]
fn what_no_rule_allows_is_answered_at_once_and_watchers_hear_of_it() {
    let (mut gateway, mut device, mut connector) = ready();
    let mut watcher = gateway.watch();

    device.send(&tcp_syn(DEVICE, TARGET, 40000, 8080));
    let reset = device.receive();
    assert_eq!((ip_protocol(&reset), tcp_flags(&reset)), (6, RST_ACK));
    device.send(&udp(DEVICE, TARGET, 40000, 8080, b"?"));
    let error = device.receive();
    assert_eq!((ip_protocol(&error), error[20], error[21]), (1, 3, 13));
    device.send(&udp(DEVICE, "172.16.0.1", 40000, 53, b"?"));
    assert_eq!(ip_protocol(&device.receive()), 1);

    let event = watcher.event("flow-denied");
    assert_eq!(event["deviceId"], "laptop");
    assert_eq!(event["destination"], TARGET);
    assert_eq!(
        (&event["protocol"], &event["port"]),
        (&json!("tcp"), &json!(8080))
    );
    assert_eq!(event["ruleId"], "no-web");
    connector.expect_nothing();
    let drops = &gateway.ask("status", Value::Null)["drops"];
    assert_eq!(drops, &json!({ "denied": 2, "no-route": 1 }));
}

#[test]
fn a_connector_reaches_a_device_only_with_answers() {
    let (_gateway, mut device, mut connector) = ready();

    connector.send(&tcp_syn(TARGET, DEVICE, 40000, 22));
    connector.send(&udp(TARGET, DEVICE, 53, 5000, b"unasked"));
    connector.send(&echo_request(TARGET, DEVICE, 1));

    device.expect_nothing();
}

#[test]
fn a_new_configuration_cuts_who_is_not_in_it_and_leaves_the_others_alone() {
    let (mut gateway, mut device, mut connector) = ready();
    let mut phone = Party::new(&gateway, "100.96.0.8");
    let mut watcher = gateway.watch();
    let mut config = gateway.config(&device, &connector);
    let with_phone = {
        let mut config = config.clone();
        let entry = json!({ "kind": "device", "id": "phone", "publicKey": phone.public_key_text(),
            "addresses": ["100.96.0.8"], "subjects": ["everyone"], "expiresAt": null });
        config["peers"].as_array_mut().unwrap().push(entry);
        config
    };
    device.send(&udp(DEVICE, TARGET, 5000, 53, b"1"));
    connector.receive();

    gateway.configure(&with_phone);
    phone.send(&udp("100.96.0.8", TARGET, 5000, 53, b"2"));
    connector.receive();
    for id in ["laptop", "phone"] {
        assert_eq!(watcher.event("peer-handshake")["id"], id);
    }
    let before = gateway.ask("status", Value::Null);

    config["rules"] = json!([{ "id": "all", "name": "all", "action": "allow", "subjects": ["everyone"],
        "networkIds": [], "ranges": [], "protocol": "any", "ports": [] }]);
    gateway.configure(&config);
    assert_eq!(watcher.event("peer-lost")["id"], "phone");
    phone.send(&udp("100.96.0.8", TARGET, 5000, 53, b"3"));
    connector.expect_nothing();
    device.send(&udp(DEVICE, TARGET, 5000, 53, b"4"));
    connector.receive();

    let after = gateway.ask("status", Value::Null);
    let handshake = |status: &Value, id: &str| {
        let peers = status["peers"].as_array().unwrap();
        peers
            .iter()
            .find(|peer| peer["id"] == id)
            .map(|peer| peer["lastHandshakeAt"].clone())
    };
    for id in ["laptop", "tokyo-a"] {
        assert_eq!(
            handshake(&before, id),
            handshake(&after, id),
            "the session of {id} survived"
        );
    }
    assert_eq!(handshake(&after, "phone"), None);
}

#[test]
fn who_was_last_heard_by_an_engine_before_this_one_is_greeted() {
    let mut gateway = Gateway::start();
    let mut device = Party::new(&gateway, DEVICE);
    let connector = Party::new(&gateway, "100.96.0.9");
    let mut watcher = gateway.watch();
    let mut config = gateway.config(&device, &connector);
    config["lastEndpoints"] = json!({ "laptop": device.address() });

    gateway.configure(&config);

    device.expect_nothing();
    assert_eq!(watcher.event("peer-handshake")["id"], "laptop");
}

#[test]
fn a_device_is_cut_when_its_time_is_over_without_anybody_saying_so() {
    let (mut gateway, mut device, mut connector) = ready();
    let mut watcher = gateway.watch();
    let mut config = gateway.config(&device, &connector);
    config["peers"][0]["expiresAt"] = json!(gateway_lab::party::unix_ms() + 3_000);
    gateway.configure(&config);
    device.send(&udp(DEVICE, TARGET, 5000, 53, b"1"));
    connector.receive();

    std::thread::sleep(Duration::from_millis(3_100));
    device.send(&udp(DEVICE, TARGET, 5000, 53, b"2"));

    connector.expect_nothing();
    assert_eq!(watcher.event("peer-lost")["id"], "laptop");
    let asked =
        json!({ "deviceId": "laptop", "destination": TARGET, "protocol": "tcp", "port": 22 });
    assert_eq!(
        gateway.ask_for_error("explain", asked)["code"],
        "unknown-device"
    );
}

#[test]
fn explain_says_what_a_packet_would_meet() {
    let (mut gateway, ..) = ready();
    let mut explain = |destination: &str, port: u16| {
        let params = json!({ "deviceId": "laptop", "destination": destination, "protocol": "tcp", "port": port });
        gateway.ask("explain", params)
    };

    let allowed = explain(TARGET, 22);
    assert_eq!(
        allowed,
        json!({ "verdict": "allowed", "networkId": "tokyo", "range": "192.168.0.0/24",
                "ruleId": "lan", "connectorId": "tokyo-a" })
    );
    assert_eq!(explain(TARGET, 8080)["verdict"], "blocked");
    assert_eq!(explain(TARGET, 8080)["ruleId"], "no-web");
    assert_eq!(explain("192.168.1.1", 22)["verdict"], "no-network");
    assert_eq!(explain("10.9.0.1", 22)["verdict"], "no-rule");
}

#[test]
fn a_configuration_that_can_not_be_is_refused_whole() {
    let (mut gateway, mut device, mut connector) = ready();
    let good = gateway.config(&device, &connector);
    let hash = gateway.ask("hello", Value::Null)["configHash"].clone();
    let taken = UdpSocket::bind("0.0.0.0:0").unwrap();
    let taken = taken.local_addr().unwrap().port();

    for (path, value, code) in [
        ("/listenPort", json!(taken), "port-taken"),
        ("/privateKey", json!("no key"), "bad-config"),
        ("/peers/1/networkId", json!("atlantis"), "bad-config"),
        ("/peers/1/addresses/0", json!(DEVICE), "bad-config"),
        ("/rules", json!("none"), "bad-config"),
    ] {
        let mut bad = good.clone();
        *bad.pointer_mut(path).unwrap() = value;

        let error = gateway.ask_for_error("configure", bad);

        assert_eq!(error["code"], code, "{path}: {error}");
    }
    assert_eq!(gateway.ask("hello", Value::Null)["configHash"], hash);
    device.send(&udp(DEVICE, TARGET, 5000, 53, b"still there"));
    connector.receive();
}

#[test]
fn it_leaves_cleanly_when_asked_and_when_signalled() {
    let mut asked = Gateway::start();
    asked.ask("shutdown", Value::Null);
    assert_eq!(asked.wait_for_exit(), Some(0));
    assert!(!asked.control_path().exists());

    let mut signalled = Gateway::start();
    signalled.terminate();
    assert_eq!(signalled.wait_for_exit(), Some(0));
    assert!(!signalled.control_path().exists());
}

/// A gateway with a laptop and a connector of `tokyo`, which has shown itself.
fn ready() -> (Gateway, Party, Party) {
    let mut gateway = Gateway::start();
    let device = Party::new(&gateway, DEVICE);
    let mut connector = Party::new(&gateway, "100.96.0.9");
    let mut watcher = gateway.watch();
    let config = gateway.config(&device, &connector);
    gateway.configure(&config);
    connector.greet();
    assert_eq!(watcher.event("peer-handshake")["id"], "tokyo-a");
    (gateway, device, connector)
}
