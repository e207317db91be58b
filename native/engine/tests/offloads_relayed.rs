//! No byte comes out wrong on the full path either: through a gateway and a connector in both of its ways, with kernels
//! that have all offloads or none, both families, both ways, TCP and UDP. Needs root, `wg` and `nft`.
//!
//! A sample in `cargo test`; in quantity: `npm run soak -- --gigabytes N`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    unreachable_pub,
    dead_code,
    reason = "a test that is wrong should say so at once"
)]

#[path = "connector/conversation.rs"]
mod conversation;
mod device;
#[path = "connector/gateway.rs"]
mod gateway;
mod gateway_lab;
mod lab;
mod old_kernel;
#[path = "../../netstack/tests/lab/packets.rs"]
mod packets;
#[path = "connector/process.rs"]
mod process;
mod relayed;
mod transfer;

use std::net::{IpAddr, SocketAddr};
use std::process::Command;
use std::time::Instant;

use lab::folder::Folder;
use old_kernel::{Offloads, leave_only};
use relayed::{Hosts, Prepared, Site, TARGET, TARGET_V6};
use transfer::{asked_for, long_answer, long_stream, numbered};

/// Of the device, which `packets` wants in both families.
const DEVICE: &str = "10.5.0.1";
const DEVICE_V6: &str = "fd55::1";
const SAMPLE_BYTES: u64 = 200_000;
/// MTUs, inner families, both ways, TCP and UDP.
const TRANSFERS: u64 = 2 * 2 * 2 * 2;
const MTUS: [u16; 2] = [1280, 9000];
const BOTH: Offloads = Offloads {
    tun: true,
    udp: true,
};
const NEITHER: Offloads = Offloads {
    tun: false,
    udp: false,
};
/// Device, gateway and connector. All alike, and what one sends in one piece cut by the next.
const KERNELS: [[Offloads; 3]; 4] = [
    [BOTH, BOTH, BOTH],
    [NEITHER, NEITHER, NEITHER],
    [BOTH, NEITHER, BOTH],
    [NEITHER, BOTH, NEITHER],
];

#[test]
fn no_byte_comes_out_wrong_through_a_connector_that_translates_in_user_space() {
    carry_with_each_kernel(false);
}

#[test]
fn no_byte_comes_out_wrong_through_a_connector_whose_kernel_forwards() {
    carry_with_each_kernel(true);
}

fn carry_with_each_kernel(with_tun: bool) {
    let bytes = asked_for("CULVERT_TRANSFER_GIGABYTES").map_or(SAMPLE_BYTES, |gigabytes| {
        let all = gigabytes.parse::<f64>().unwrap() * 1e9;
        all as u64 / TRANSFERS
    });
    let wanted = asked_for("CULVERT_TRANSFER_ONLY").unwrap_or_default();
    for kernels in KERNELS {
        let [device, gateway, connector] = kernels.map(Offloads::name);
        let mode = if with_tun { "kernel" } else { "user space" };
        let path = format!("device {device}, gateway {gateway}, connector in {mode} {connector}");
        if path.contains(&wanted) {
            carry_everything(with_tun, kernels, bytes, &path);
        }
    }
}

fn carry_everything(with_tun: bool, kernels: [Offloads; 3], bytes: u64, path: &str) {
    let (hosts, folder) = (Hosts::new(), Folder::new());
    for (host, wire) in [
        (&hosts.device, "wire"),
        (&hosts.gateway, "wire"),
        (&hosts.gateway, "uplink"),
        (&hosts.connector, "uplink"),
    ] {
        host.ip(&format!("link set {wire} mtu 9200"));
    }
    let [device, gateway, connector] =
        kernels.map(|kernel| move |command: &mut Command| leave_only(kernel, command));
    let prepared = Prepared {
        device,
        gateway,
        connector,
    };
    let mut site = Site::start_prepared(&hosts, &folder, with_tun, prepared);
    for mtu in MTUS {
        site.set_mtu(&hosts, mtu);
        let began = Instant::now();
        for target in [TARGET, TARGET_V6] {
            long_stream(&hosts.device, &hosts.target, target, bytes);
            long_answer(&hosts.device, &hosts.target, target, bytes);
            carry_datagrams(&hosts, target, mtu, bytes);
        }
        let gigabits = bytes as f64 * 8.0 * 8.0 / 1e9 / began.elapsed().as_secs_f64();
        println!("{path}; MTU {mtu}: {gigabits:.2} Gbit/s");
    }
    let hosts = [&hosts.device, &hosts.connector, &hosts.target];
    let wrong: u64 = hosts.iter().map(|host| host.checksum_errors()).sum();
    assert_eq!(wrong, 0, "{path}");
}

/// There, and back to where the target sees the device.
fn carry_datagrams(hosts: &Hosts, target: &str, mtu: u16, bytes: u64) {
    let address: IpAddr = ip(target);
    let any = if address.is_ipv4() {
        ip("0.0.0.0")
    } else {
        ip("::")
    };
    let near = numbered::bound(&hosts.device, SocketAddr::new(any, 0));
    let far = numbered::bound(&hosts.target, SocketAddr::new(address, 0));
    let back = numbered::place_seen_by(&far, &near);
    let to = far.local_addr().unwrap();
    numbered::carry_between(&near, to, &far, mtu.into(), bytes);
    numbered::carry_between(&far, back, &near, mtu.into(), bytes);
}

/// As `packets` wants it, too.
fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}
