//! Line 25 in running engines: of the session keys of a peer that is gone, nothing is left, on no thread's stack either.
//! With `ring`, whose assembler leaves copies there, and with the fastest of this processor. Needs root.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that is wrong should say so at once"
)]

mod device;
#[allow(dead_code, reason = "other tests use the rest")]
mod gateway_lab;
mod lab;
mod process_memory;
mod session_keys;

use std::collections::BTreeSet;
use std::thread::sleep;
use std::time::{Duration, Instant};

use device::Device;
use gateway_lab::Gateway;
use gateway_lab::packets::udp;
use gateway_lab::party::Party;
use lab::Host;
use lab::folder::Folder;
use process_memory::found;
use serde_json::json;
use session_keys::{Tap, session_keys};

const CIPHERS: [&str; 2] = ["--aead ring", ""];

#[test]
fn line_25_a_device_keeps_no_copy_of_the_keys_of_a_peer_that_is_removed() {
    for cipher in CIPHERS {
        let ((one, other), folder) = (Host::pair(), Folder::new());
        let near = Device::start_with(&one, &folder, 1, cipher);
        let far = Device::start(&other, &folder, 2);
        near.knows(&far, "192.0.2.2");
        far.expects(&near);
        let tap = one.within(Tap::open).join().unwrap();
        one.must_reach("10.5.0.2");
        let keys = session_keys(near.running.pid(), &tap.both_ways(1111));
        assert_eq!(keys.len(), 2, "{cipher}: the search finds nothing");

        one.must("ping", "-q -f -c 2000 -s 1300 10.5.0.2");
        other.must("ping", "-q -f -c 2000 -s 1300 10.5.0.1");
        near.peer(&far, "remove");

        assert_eq!(left(near.running.pid(), &keys), 0, "{cipher}");
    }
}

#[test]
fn line_25_a_gateway_keeps_no_copy_of_the_keys_of_peers_that_are_gone() {
    const DEVICE: &str = "100.96.0.7";
    const TARGET: &str = "192.168.0.10";
    for cipher in CIPHERS {
        let mut gateway = Gateway::start_with(cipher);
        let tap = Tap::open();
        let mut device = Party::new(&gateway, DEVICE);
        let mut connector = Party::new(&gateway, "100.96.1.1");
        let mut config = gateway.config(&device, &connector);
        let mut watcher = gateway.watch();
        gateway.configure(&config);
        connector.greet();
        assert_eq!(watcher.event("peer-handshake")["id"], "tokyo-a");
        let question = udp(DEVICE, TARGET, 5000, 53, b"who is it?");
        let answer = udp(TARGET, DEVICE, 53, 5000, b"it is me");
        let mut talk = |count| {
            for _ in 0..count {
                device.send(&question);
                assert_eq!(connector.receive(), question);
                connector.send(&answer);
                assert_eq!(device.receive(), answer);
            }
        };
        talk(2);
        let keys = session_keys(gateway.pid(), &tap.both_ways(gateway.port));
        assert!(keys.len() >= 2, "{cipher}: the search finds nothing");

        talk(500);
        config["peers"] = json!([]);
        gateway.configure(&config);

        assert_eq!(left(gateway.pid(), &keys), 0, "{cipher}");
    }
}

/// How many copies there are in the end; a thread that has work left may need a moment.
fn left(process: u32, keys: &BTreeSet<[u8; 32]>) -> usize {
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let copies = keys.iter().map(|key| found(process, key)).sum();
        if copies == 0 || Instant::now() > deadline {
            return copies;
        }
        sleep(Duration::from_millis(100));
    }
}
