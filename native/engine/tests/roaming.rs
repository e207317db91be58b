//! Where a peer is, and who we are, lines 12 and 29, in a running engine. Needs root, `wg` and `ping`.
//!
//! ```text
//!   near 10.5.0.1 ══ 192.0.2.0/24 ══ a peer 10.5.0.2 with many sockets, each datagram sent through the one that is chosen
//! ```
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that is wrong should say so at once"
)]

mod device;
#[path = "gateway_lab/keys.rs"]
mod keys;
mod lab;
#[path = "gateway_lab/packets.rs"]
#[allow(dead_code, reason = "gateway.rs uses the rest")]
mod packets;
#[path = "roaming/wanderer.rs"]
mod wanderer;

use std::time::{Duration, Instant};

use device::{Device, two};
use lab::Host;
use lab::folder::{Folder, Keys};
use wanderer::{COOKIE_REPLY, RESPONSE, Wanderer};

#[test]
fn line_12_the_endpoint_follows_what_is_authentic_and_new_and_nothing_else() {
    let ((one, other), folder) = (Host::pair(), Folder::new());
    let near = Device::start(&one, &folder, 1);
    let mut peer = Wanderer::new(&other, &near.keys.public);
    near.wg(&format!(
        "peer {} allowed-ips 10.5.0.2/32",
        peer.public_key_text()
    ));
    let shows = |port: u16| {
        let wanted = format!("192.0.2.2:{port}");
        let deadline = Instant::now() + Duration::from_secs(10);
        while !near.show("endpoints").ends_with(&wanted) {
            assert!(Instant::now() < deadline, "{}", near.show("endpoints"));
        }
    };

    let initiation = peer.initiates_through(0);
    shows(peer.port(0));
    let keepalive = peer.confirms_through(1);
    shows(peer.port(1));
    let data = peer.sends_data_through(2);
    shows(peer.port(2));

    let mut forged = peer.sealed();
    *forged.last_mut().unwrap() ^= 1;
    let mut forged_initiation = initiation.clone();
    forged_initiation[20] ^= 1;
    for datagram in [initiation, keepalive, data, forged, forged_initiation] {
        peer.throws_through(3, &datagram);
    }
    peer.sends_data_through(2);
    shows(peer.port(2));

    // A peer without a session is spoken to with a handshake.
    let forget = format!("peer {} remove", peer.public_key_text());
    let know = |port: u16| {
        format!(
            "peer {} allowed-ips 10.5.0.2/32 endpoint 192.0.2.2:{port}",
            peer.public_key_text()
        )
    };
    let [again, once_more] = [know(peer.port(2)), know(peer.port(4))];
    near.wg(&forget);
    near.wg(&again);
    one.run("ping", "-c 1 -W 1 10.5.0.2");
    let response = peer.answers_through(2, 4, RESPONSE);
    shows(peer.port(4));
    peer.throws_through(3, &response);

    near.wg(&forget);
    near.wg(&once_more);
    peer.is_under_load();
    one.run("ping", "-c 1 -W 1 10.5.0.2");
    peer.answers_through(4, 5, COOKIE_REPLY);
    std::thread::sleep(Duration::from_millis(200));
    shows(peer.port(4));
}

#[test]
fn line_29_a_new_key_is_spoken_with_at_once_and_is_nobodys_peer() {
    let ((one, other), folder) = (Host::pair(), Folder::new());
    let [near, far] = two(&one, &other, &folder);
    one.must_reach("10.5.0.2");
    let new = Keys::new(&folder);
    // What will be our own key is a peer until then.
    near.wg(&format!("peer {} allowed-ips 10.5.0.9/32", new.public));
    far.wg(&format!("peer {} remove", near.keys.public));
    far.wg(&format!("peer {} allowed-ips 10.5.0.1/32", new.public));

    near.wg(&format!("private-key {}", new.file.display()));

    // Nobody sends anything: the handshake is the key's.
    let deadline = Instant::now() + Duration::from_secs(10);
    while far.show("latest-handshakes").ends_with("\t0") {
        assert!(Instant::now() < deadline, "no handshake with the new key");
    }
    assert_eq!(near.show("public-key"), new.public);
    assert_eq!(near.show("peers"), far.keys.public);
    one.must_reach("10.5.0.2");
}
