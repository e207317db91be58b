//! What an engine holds: of keys that it was told to forget, nothing (its whole memory is searched); for a peer that is
//! not there, little. Needs root.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that is wrong should say so at once"
)]

mod device;
mod lab;
mod process_memory;

use std::net::UdpSocket;

use device::Device;
use lab::folder::{Folder, Keys};
use lab::sockets::{exchange, uapi_socket};
use lab::{Host, unique};
use process_memory::found;

const PRIVATE: [u8; 32] = *b"\x40private key that is looked for\x41";
const PRESHARED: [u8; 32] = *b"@preshared key, searched for too";
const PEER: &str = "e84b5a6d2717c1003a13b431570353dbaca9146cf150c5f8575680feba52027a";

#[test]
fn a_key_that_is_taken_away_is_nowhere_in_memory() {
    let host = Host::new();
    let name = unique("a");
    let engine = host.start_engine(&name, "");
    let socket = uapi_socket(&name);
    let [private, preshared] = [PRIVATE, PRESHARED].map(|key| hex(&key));
    let script =
        format!("set=1\nprivate_key={private}\npublic_key={PEER}\npreshared_key={preshared}\n\n");
    assert_eq!(exchange(&socket, script.as_bytes()), "errno=0\n\n");
    assert!(exchange(&socket, b"get=1\n\n").contains(&preshared));
    assert!(
        found(engine.pid(), &PRIVATE) > 0,
        "the search finds nothing"
    );

    let zero = hex(&[0; 32]);
    let script = format!("set=1\nprivate_key={zero}\npublic_key={PEER}\nremove=true\n\n");
    assert_eq!(exchange(&socket, script.as_bytes()), "errno=0\n\n");
    exchange(&socket, b"get=1\n\n");

    for (what, bytes) in [
        ("private key", PRIVATE.to_vec()),
        ("private key as text", private.into_bytes()),
        ("preshared key", PRESHARED.to_vec()),
        ("preshared key as text", preshared.into_bytes()),
    ] {
        assert_eq!(found(engine.pid(), &bytes), 0, "{what}");
    }
}

/// 128 packets wait for the handshake that never comes.
#[test]
fn line_43_a_flood_to_a_dead_peer_costs_no_memory() {
    const FLOOD: usize = 200_000;
    let ((one, _other), folder) = (Host::pair(), Folder::new());
    let near = Device::start(&one, &folder, 1);
    let nobody = Keys::new(&folder).public;
    near.wg(&format!(
        "peer {nobody} endpoint 192.0.2.2:9 allowed-ips 10.5.0.2/32"
    ));
    one.within(|| throw(2_000)).join().unwrap();
    let before = near.resident_kilobytes();

    one.within(|| throw(FLOOD)).join().unwrap();

    let sent: u64 = near
        .show("transfer")
        .split_whitespace()
        .nth(2)
        .unwrap()
        .parse()
        .unwrap();
    assert!(
        sent > 0 && sent.is_multiple_of(148),
        "{sent} bytes are not initiations alone"
    );
    let grown = near.resident_kilobytes().saturating_sub(before);
    assert!(grown < 512, "{grown} KB more after {FLOOD} packets");
}

fn throw(count: usize) {
    let socket = UdpSocket::bind("10.5.0.1:0").unwrap();
    for _ in 0..count {
        // The interface's queue may be full for a moment.
        let _ = socket.send_to(&[0x5a; 1300], "10.5.0.2:7");
    }
}

fn hex(key: &[u8]) -> String {
    key.iter().map(|byte| format!("{byte:02x}")).collect()
}
