//! How a connector reaches its gateways: no socket of it waits for anybody, and when the host's addresses, its routes or a
//! gateway's endpoint change it is there again within two seconds, with every connection that was open. Needs root and `ss`.
//!
//! ```text
//!   server 10.9.0.10 ── lan  connector  wire   192.0.2.1, fd00:2::1    ── 192.0.2.2, fd00:2::2     gateways: 203.0.113.7,
//!                                       second 198.51.100.1, fd00:3::1 ── 198.51.100.2, fd00:3::2  fd77::7
//! ```
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
mod lab;
#[path = "../../netstack/tests/lab/packets.rs"]
mod packets;
#[path = "connector/process.rs"]
mod process;

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use conversation::{Conversation, PRIVATE, base64, connector_key, tcp_echo, udp_echo};
use gateway::Gateway;
use lab::Host;
use packets::udp;
use process::Engine;
use serde_json::{Value, json};

const DEVICE: &str = "100.96.0.7";
const DEVICE_V6: &str = "fd5a::7";
const V4: &str = "203.0.113.7:51820";
const V6: &str = "[fd77::7]:51820";
/// How long a change may be felt.
/// Two seconds, and as much for a machine that has something else to do; less than the five after which a handshake that
/// was not answered begins anew.
const PATIENCE: Duration = Duration::from_secs(4);

#[test]
fn nothing_of_a_connector_listens_and_strangers_are_told_that_nobody_is_there() {
    let (site, outside, server) = site();
    let mut engine = start(&site, "silent");
    let (mut one, mut two) = (gateway(&outside, V4, 1), gateway(&outside, V6, 2));
    engine.ask("configure", config(&[(&one, &[V4]), (&two, &[V6])]));
    one.until("a session", Gateway::has_session);
    two.until("a session", Gateway::has_session);
    let conversation = Conversation::start(&mut one, within(&server, tcp_echo));
    assert_eq!(conversation.say(&mut one, b"hello"), b"hello");
    two.send(&udp("10.9.0.10", 4000, within(&server, udp_echo), 64, b"?"));
    two.until("an answer", |gateway| gateway.got.len() == 1);

    for list in ["-Hlun", "-Hltn"] {
        assert_eq!(site.must("ss", list), "", "ss {list}");
    }
    let open = site.must("ss", "-Hun");
    for remote in [V4, V6, "10.9.0.10:"] {
        assert!(open.contains(remote), "{remote} is not in {open}");
    }
    let connector = one.endpoint_of_connector().unwrap();
    assert!(is_refused(&outside, connector));
    // The same question to a socket that does wait is not answered with a refusal.
    assert!(!is_refused(&outside, one.address()));
}

#[test]
fn an_address_that_is_replaced_costs_no_connection() {
    let (site, outside, server) = site();
    let (_engine, mut gateway, conversation) = talking(&site, &outside, &server, "address", &[V4]);

    // As at the end of a lease: the old address and its routes go first.
    site.ip("addr del 192.0.2.1/24 dev wire");
    site.ip("addr add 192.0.2.77/24 dev wire");
    site.ip("route add default via 192.0.2.2");

    goes_on_from(&mut gateway, &conversation, "192.0.2.77");
}

#[test]
fn an_ipv6_address_that_is_replaced_costs_no_connection() {
    let (site, outside, server) = site();
    let (_engine, mut gateway, conversation) = talking(&site, &outside, &server, "address6", &[V6]);

    site.ip("-6 addr del fd00:2::1/64 dev wire");
    site.ip("-6 addr add fd00:2::77/64 dev wire nodad");
    site.ip("-6 route replace default via fd00:2::2");

    goes_on_from(&mut gateway, &conversation, "fd00:2::77");
}

#[test]
fn a_default_route_that_moves_to_another_uplink_takes_the_connections_along() {
    let (site, outside, server) = site();
    let (_engine, mut gateway, conversation) = talking(&site, &outside, &server, "uplink", &[V4]);

    site.ip("route replace default via 198.51.100.2");
    goes_on_from(&mut gateway, &conversation, "198.51.100.1");
    site.ip("route replace default via 192.0.2.2");
    goes_on_from(&mut gateway, &conversation, "192.0.2.1");
}

#[test]
fn a_host_that_was_without_any_network_is_back_when_the_network_is() {
    let (site, outside, server) = site();
    let (_engine, mut gateway, conversation) = talking(&site, &outside, &server, "offline", &[V4]);

    site.ip("link set wire down");
    site.ip("link set second down");
    std::thread::sleep(Duration::from_millis(1500));
    site.ip("link set second up");
    site.ip("route add default via 198.51.100.2");

    goes_on_from(&mut gateway, &conversation, "198.51.100.1");
}

#[test]
fn a_gateway_that_moves_to_the_other_family_and_back_takes_the_connections_along() {
    let (site, outside, server) = site();
    let (mut engine, mut gateway, conversation) =
        talking(&site, &outside, &server, "family", &[V4]);

    for (endpoint, from) in [(V6, "fd00:2::1"), (V4, "192.0.2.1")] {
        gateway.listen_on(within(&outside, move || UdpSocket::bind(endpoint).unwrap()));
        engine.ask("configure", config(&[(&gateway, &[endpoint])]));
        goes_on_from(&mut gateway, &conversation, from);
    }
}

#[test]
fn a_gateway_that_was_away_finds_the_connector_where_it_was() {
    let (site, outside, server) = site();
    let (mut engine, gateway, conversation) = talking(&site, &outside, &server, "restart", &[V4]);
    let connector = gateway.endpoint_of_connector().unwrap();
    drop(gateway);
    // The connector speaks to a closed port meanwhile, which it is told (ECONNREFUSED).
    let refused = outside.must("nstat", "-asz UdpNoPorts");
    std::thread::sleep(Duration::from_millis(2500));
    assert_ne!(outside.must("nstat", "-asz UdpNoPorts"), refused);

    let mut gateway = self::gateway(&outside, V4, 1);
    gateway.greet(connector);

    let since = Instant::now();
    gateway.until("a session", Gateway::has_session);
    assert_eq!(conversation.say(&mut gateway, b"still here"), b"still here");
    assert!(since.elapsed() < PATIENCE, "{:?}", since.elapsed());
    assert_eq!(gateway.endpoint_of_connector(), Some(connector));
    let status = engine.ask("status", json!(null))["result"].clone();
    assert_eq!(status["peers"][0]["endpoint"], V4);
}

#[test]
fn an_endpoint_that_does_not_answer_is_left_for_the_next_one() {
    let (site, outside, server) = site();
    outside.ip("route add blackhole 203.0.113.66");
    let mut engine = start(&site, "next");
    let mut gateway = gateway(&outside, V6, 1);
    let dead = "203.0.113.66:51820";
    engine.ask("configure", config(&[(&gateway, &[dead, V6])]));

    gateway.until("a session", Gateway::has_session);

    let status = engine.ask("status", json!(null))["result"].clone();
    assert_eq!(status["peers"][0]["endpoint"], V6);
    let conversation = Conversation::start(&mut gateway, within(&server, tcp_echo));
    assert_eq!(conversation.say(&mut gateway, b"hello"), b"hello");
}

fn talking(
    site: &Host,
    outside: &Host,
    server: &Host,
    name: &str,
    endpoints: &[&'static str],
) -> (Engine, Gateway, Conversation) {
    let mut engine = start(site, name);
    let mut gateway = gateway(outside, endpoints[0], 1);
    engine.ask("configure", config(&[(&gateway, endpoints)]));
    gateway.until("a session", Gateway::has_session);
    let conversation = Conversation::start(&mut gateway, within(server, tcp_echo));
    assert_eq!(conversation.say(&mut gateway, b"before"), b"before");
    (engine, gateway, conversation)
}

/// The gateway hears the connector from there soon, and what was open is.
fn goes_on_from(gateway: &mut Gateway, conversation: &Conversation, address: &str) {
    let (since, address) = (Instant::now(), ip(address));
    gateway.until("the connector at its new address", |gateway| {
        let connector = gateway.endpoint_of_connector();
        connector.is_some_and(|connector| connector.ip() == address)
    });
    assert_eq!(conversation.say(gateway, b"still here"), b"still here");
    assert!(since.elapsed() < PATIENCE, "{:?}", since.elapsed());
}

/// Whether a socket at another address of the gateway's host is told that the port is closed.
fn is_refused(outside: &Host, to: SocketAddr) -> bool {
    within(outside, move || {
        let stranger = UdpSocket::bind("203.0.113.8:0").unwrap();
        stranger.connect(to).unwrap();
        let patience = Duration::from_secs(3);
        stranger.set_read_timeout(Some(patience)).unwrap();
        stranger.send(&[1; 148]).unwrap();
        let answer = stranger.recv(&mut [0; 200]);
        answer.is_err_and(|cause| cause.kind() == ErrorKind::ConnectionRefused)
    })
}

fn site() -> (Host, Host, Host) {
    let ((site, outside), server) = (Host::pair(), Host::new());
    site.connect("lan", &server, "lan");
    site.has("lan", &["10.9.0.1/24"]);
    server.has("lan", &["10.9.0.10/24"]);
    site.connect("second", &outside, "second");
    site.has("second", &["198.51.100.1/24", "fd00:3::1/64"]);
    outside.has("second", &["198.51.100.2/24", "fd00:3::2/64"]);
    outside.has("lo", &["203.0.113.7/32", "203.0.113.8/32", "fd77::7/128"]);
    site.ip("route add default via 192.0.2.2");
    site.ip("-6 route add default via fd00:2::2");
    // A link-local address that is still being tried out (for a second or two) is none that neighbours can be asked from.
    for host in [&site, &outside] {
        while !host.ip("-6 addr show tentative").is_empty() {
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    (site, outside, server)
}

fn start(site: &Host, name: &str) -> Engine {
    let name = format!("ways-{name}");
    within(site, move || Engine::start(&name))
}

fn gateway(outside: &Host, address: &'static str, number: u8) -> Gateway {
    within(outside, move || {
        Gateway::at(address, [number; 32], connector_key())
    })
}

fn within<T: Send + 'static>(host: &Host, work: impl FnOnce() -> T + Send + 'static) -> T {
    host.within(work).join().unwrap()
}

fn config(gateways: &[(&Gateway, &[&str])]) -> Value {
    let peers: Vec<Value> = gateways
        .iter()
        .enumerate()
        .map(|(number, (gateway, endpoints))| {
            json!({
                "id": format!("gw{number}"), "publicKey": base64(gateway.key.as_bytes()),
                "endpoints": endpoints, "keepaliveSeconds": 1,
            })
        })
        .collect();
    json!({
        "privateKey": base64(PRIVATE.as_slice()), "mtu": 1420,
        "addresses": ["100.96.0.2"], "ranges": ["10.9.0.0/16"],
        "overlay": ["100.96.0.0/16"], "peers": peers,
    })
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}
