//! A private network for one test, and a device in user space that reaches it through a NAT.
//!
//! The network is a network namespace that the test's thread has to itself: 10.9.0.10 and fd12::10 are "the server",
//! 10.9.1.0/24 answers unreachable and 10.9.2.0/24 prohibited. It ends with the thread, whatever the test does.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

pub mod device;
pub mod host_only;
pub mod packets;
pub mod pieces;
pub mod router;
pub mod servers;
pub mod wire;

use std::net::{IpAddr, SocketAddr};
use std::process::Command;

use culvert_netstack::{NatConfig, PeerTag};

pub const SERVER: &str = "10.9.0.10";
pub const SERVER_V6: &str = "fd12::10";
pub const DEVICE: &str = "100.96.0.7";
pub const DEVICE_V6: &str = "fd5a::7";
pub const CONNECTOR: &str = "100.96.0.2";
pub const GATEWAY: PeerTag = PeerTag(1);
pub const MTU: usize = 1420;

pub fn in_a_private_network(test: impl FnOnce() + Send + 'static) {
    let outcome = std::thread::spawn(move || {
        // SAFETY: changes only the network namespace of this very thread.
        let unshared = unsafe { libc::unshare(libc::CLONE_NEWNET) };
        assert_eq!(
            unshared, 0,
            "these tests make network namespaces and need root"
        );
        std::fs::write("/proc/sys/net/ipv4/ping_group_range", "0 2147483647").unwrap();
        run("ip link set lo up");
        run("ip addr add 10.9.0.10/32 dev lo");
        run("ip -6 addr add fd12::10/128 dev lo nodad");
        run("ip route add unreachable 10.9.1.0/24");
        run("ip route add prohibit 10.9.2.0/24");
        test();
    })
    .join();
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

pub fn run(command: &str) {
    let mut words = command.split(' ');
    let status = Command::new(words.next().unwrap())
        .args(words)
        .status()
        .unwrap();
    assert!(status.success(), "{command}");
}

pub fn config(ranges: &[&str]) -> NatConfig {
    NatConfig {
        mtu: MTU,
        addresses: vec![ip(CONNECTOR), ip("fd5a::2")],
        ranges: ranges.iter().map(|range| range.parse().unwrap()).collect(),
        overlay: vec![
            "100.96.0.0/16".parse().unwrap(),
            "fd5a::/48".parse().unwrap(),
        ],
    }
}

pub fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub fn at(address: &str, port: u16) -> SocketAddr {
    SocketAddr::new(ip(address), port)
}
