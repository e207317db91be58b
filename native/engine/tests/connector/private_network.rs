//! A private network for a connector: a network namespace of the test's own, in which 10.9.0.10 is the server.

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use super::conversation::{PRIVATE, base64, connector_key};
use super::gateway::Gateway;
use super::process::Engine;

pub const CONNECTOR: &str = "100.96.0.2";

pub fn config(gateways: &[&Gateway], ranges: &[&str]) -> Value {
    let peers: Vec<Value> = gateways
        .iter()
        .enumerate()
        .map(|(number, gateway)| {
            json!({
                "id": format!("gw{number}"), "publicKey": base64(gateway.key.as_bytes()),
                "endpoints": [gateway.address().to_string()], "keepaliveSeconds": 25,
            })
        })
        .collect();
    json!({
        "privateKey": base64(PRIVATE.as_slice()), "mtu": 1420,
        "addresses": [CONNECTOR], "ranges": ranges,
        "overlay": ["100.96.0.0/16", "fd5a::/48"], "peers": peers,
    })
}

/// A connector's first gateway, once the two have a session.
pub fn connected(engine: &mut Engine, ranges: &[&str]) -> Gateway {
    let mut gateway = Gateway::new([1; 32], connector_key());
    engine.ask("configure", config(&[&gateway], ranges));
    gateway.until("a session", Gateway::has_session);
    gateway
}

/// A network namespace of this thread's own; it ends with the thread.
pub fn in_a_private_network(test: impl FnOnce() + Send + 'static) {
    let outcome = thread::spawn(move || {
        // SAFETY: changes only the network namespace of this very thread.
        let unshared = unsafe { libc::unshare(libc::CLONE_NEWNET) };
        assert_eq!(
            unshared, 0,
            "these tests make network namespaces and need root"
        );
        std::fs::write("/proc/sys/net/ipv4/ping_group_range", "0 2147483647").unwrap();
        for command in ["link set lo up", "addr add 10.9.0.10/32 dev lo"] {
            let status = std::process::Command::new("ip")
                .args(command.split(' '))
                .status()
                .unwrap();
            assert!(status.success(), "ip {command}");
        }
        // The kernel takes a moment for the addresses of a fresh namespace.
        thread::sleep(Duration::from_millis(10));
        test();
    })
    .join();
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}
