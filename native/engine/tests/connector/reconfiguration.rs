//! What a connector makes of a configuration that is wrong, and of one that takes something away.

use std::net::UdpSocket;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::conversation::{Conversation, SERVER, connector_key, is_reset, tcp_echo};
use super::gateway::Gateway;
use super::in_private_networks;
use super::packets::{echo, udp};
use super::private_network::config;
use super::process::{Engine, NOBODY};

#[test]
fn a_configuration_that_is_wrong_in_one_place_changes_nothing() {
    in_private_networks(|shards| {
        let mut engine = Engine::start_as(NOBODY, "wrong", &["--shards", shards]);
        let mut gateway = Gateway::new([1; 32], connector_key());
        engine.ask("configure", config(&[&gateway], &["10.9.0.0/16"]));
        gateway.until("a session", Gateway::has_session);
        let before = engine.ask("hello", json!(null))["result"]["configHash"].clone();

        let mut wrong = config(&[&gateway], &["10.9.0.1/16"]);
        let answer = engine.ask("configure", wrong.clone());
        assert_eq!(
            answer["error"],
            json!({ "code": "bad-config", "message": "ranges has 10.9.0.1/16: write 10.9.0.0/16" })
        );
        wrong["ranges"] = json!([]);
        wrong["peers"][0]["endpoints"] = json!([]);
        assert_eq!(
            engine.ask("configure", wrong)["error"]["message"],
            "peer \"gw0\": has no endpoint"
        );

        assert_eq!(
            engine.ask("hello", json!(null))["result"]["configHash"],
            before
        );
        gateway.send(&echo(SERVER, 1, 1, 64, b"still"));
        gateway.until("a reply", |gateway| gateway.got.len() == 1);
    });
}

#[test]
fn a_new_configuration_keeps_the_session_and_cuts_what_it_does_not_allow_any_more() {
    in_private_networks(|shards| {
        let mut engine = Engine::start_as(NOBODY, "cut", &["--shards", shards]);
        let mut gateway = Gateway::new([1; 32], connector_key());
        engine.ask("configure", config(&[&gateway], &["10.9.0.0/16"]));
        gateway.until("a session", Gateway::has_session);
        let endpoint = gateway.endpoint_of_connector();
        let conversation = Conversation::start(&mut gateway, tcp_echo());
        assert_eq!(conversation.say(&mut gateway, b"before"), b"before");
        gateway.got.clear();

        engine.ask("configure", config(&[&gateway], &["10.11.0.0/16"]));

        gateway.until("a reset", |gateway| {
            gateway.got.iter().any(|packet| is_reset(packet))
        });
        let status = engine.ask("status", json!(null))["result"].clone();
        assert_eq!(status["flows"], 0);
        assert_eq!(
            gateway.endpoint_of_connector(),
            endpoint,
            "the socket is the same"
        );
    });
}

#[test]
fn an_answer_for_a_gateway_that_was_taken_away_is_counted() {
    in_private_networks(|shards| {
        let mut engine = Engine::start_as(NOBODY, "gone", &["--shards", shards]);
        let ranges = ["10.9.0.0/16"];
        let mut gateway = Gateway::new([1; 32], connector_key());
        engine.ask("configure", config(&[&gateway], &ranges));
        gateway.until("a session", Gateway::has_session);
        let server = UdpSocket::bind((SERVER, 0)).unwrap();
        let port = server.local_addr().unwrap().port();
        gateway.send(&udp(SERVER, 4000, port, 64, b"?"));
        let (_, asker) = server.recv_from(&mut [0; 64]).unwrap();

        engine.ask("configure", config(&[], &ranges));
        server.send_to(b"!", asker).unwrap();

        let start = Instant::now();
        let counted = loop {
            let status = engine.ask("status", json!(null))["result"].clone();
            let counted = status["drops"]["udp-send-failed"].clone();
            if counted != Value::Null || start.elapsed() > Duration::from_secs(5) {
                break counted;
            }
            sleep(Duration::from_millis(10));
        };
        assert_eq!(counted, 1);
    });
}
