//! No byte comes out wrong, whatever the kernels at both ends can do: offloads on and off, either family inside and outside,
//! MTU 1280 to 9000, both ways. Needs root and `wg`.
//!
//! ```text
//!   near 10.5.0.1 ══ 192.0.2.0/24, fd00:2::/64, MTU 9200 ══ far 10.5.0.2
//! ```
//!
//! A sample in `cargo test`; in quantity: `npm run soak -- --gigabytes N`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // test builders, outside #[test] functions

mod device;
mod lab;
mod old_kernel;
mod transfer;

use std::time::Instant;

use device::Device;
use lab::folder::{Folder, Keys};
use lab::running::Running;
use lab::sockets::uapi_socket;
use lab::{ENGINE, Host, unique};
use old_kernel::{Offloads, with_only};

/// In each of the [`TRANSFERS`] of two ends.
const SAMPLE_BYTES: u64 = 200_000;
/// Outer families, MTUs, and a way for each inner family.
const TRANSFERS: u64 = 2 * 4 * 2;
const MTUS: [u16; 4] = [1280, 1420, 1500, 9000];
/// Endpoints of far and near.
const OUTER: [[&str; 2]; 2] = [["192.0.2.2", "192.0.2.1"], ["[fd00:2::2]", "[fd00:2::1]"]];

#[test]
fn no_byte_comes_out_wrong_with_or_without_offloads() {
    let bytes = asked_for("CULVERT_TRANSFER_GIGABYTES").map_or(SAMPLE_BYTES, |gigabytes| {
        let all = gigabytes.parse::<f64>().unwrap() * 1e9;
        all as u64 / TRANSFERS
    });
    let wanted = asked_for("CULVERT_TRANSFER_ONLY").unwrap_or_default();
    for near in Offloads::ALL {
        for far in Offloads::ALL {
            let ends = format!("near {}, far {}", name_of(near), name_of(far));
            if ends.contains(&wanted) {
                carry_everything(near, far, bytes, &ends);
            }
        }
    }
}

fn carry_everything(near: Offloads, far: Offloads, bytes: u64, ends: &str) {
    let ((one, other), folder) = (Host::pair(), Folder::new());
    for host in [&one, &other] {
        host.ip("link set wire mtu 9200");
    }
    let near = start(&one, &folder, 1, near);
    let far = start(&other, &folder, 2, far);
    for outer in OUTER {
        near.knows(&far, outer[0]);
        far.knows(&near, outer[1]);
        for mtu in MTUS {
            for device in [&near, &far] {
                device
                    .host
                    .ip(&format!("link set {} mtu {mtu}", device.name));
            }
            let began = Instant::now();
            for inner in [["10.5.0.2", "10.5.0.1"], ["fd55::2", "fd55::1"]] {
                transfer::long_stream(&one, &other, inner[0], bytes);
                transfer::long_stream(&other, &one, inner[1], bytes);
            }
            let gigabits = bytes as f64 * 2.0 * 8.0 / 1e9 / began.elapsed().as_secs_f64();
            println!(
                "{ends}; outer {}, MTU {mtu}: {gigabits:.2} Gbit/s",
                outer[0]
            );
        }
    }
    assert_eq!(one.checksum_errors() + other.checksum_errors(), 0, "{ends}");
}

fn start<'h>(host: &'h Host, folder: &Folder, number: u8, offloads: Offloads) -> Device<'h> {
    let (name, keys) = (unique("a"), Keys::new(folder));
    let engine = host.command(ENGINE, &format!("device {name}"));
    let mut running = Running::start(&mut with_only(offloads, engine));
    running.wait_for(&uapi_socket(&name));
    let device = Device {
        host,
        name,
        keys,
        number,
        running,
    };
    let own = device.keys.file.display().to_string();
    device.wg(&format!("private-key {own} listen-port {number}111"));
    device.address_on(host);
    device
}

fn name_of(offloads: Offloads) -> &'static str {
    match (offloads.tun, offloads.udp) {
        (true, true) => "with both",
        (true, false) => "with TUN only",
        (false, true) => "with UDP only",
        (false, false) => "with neither",
    }
}

fn asked_for(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
