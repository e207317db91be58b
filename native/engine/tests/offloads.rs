//! No byte comes out wrong, whatever the kernels at both ends can do: offloads on and off, either family inside and outside,
//! MTU 1280 to 9000, both ways, TCP and UDP. Needs root and `wg`.
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
use lab::Host;
use lab::folder::Folder;
use old_kernel::{Offloads, leave_only};
use transfer::{asked_for, numbered};

/// In each of the [`TRANSFERS`] of two ends.
const SAMPLE_BYTES: u64 = 200_000;
/// Outer families, MTUs, inner families, both ways, TCP and UDP.
const TRANSFERS: u64 = 2 * 4 * 2 * 2 * 2;
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
            let ends = format!("near {}, far {}", near.name(), far.name());
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
    let near = Device::start_prepared(&one, &folder, 1, |command| leave_only(near, command));
    let far = Device::start_prepared(&other, &folder, 2, |command| leave_only(far, command));
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
                numbered::carry(&one, &other, inner[0], mtu.into(), bytes);
                numbered::carry(&other, &one, inner[1], mtu.into(), bytes);
            }
            let gigabits = bytes as f64 * 8.0 * 8.0 / 1e9 / began.elapsed().as_secs_f64();
            println!(
                "{ends}; outer {}, MTU {mtu}: {gigabits:.2} Gbit/s",
                outer[0]
            );
        }
    }
    assert_eq!(one.checksum_errors() + other.checksum_errors(), 0, "{ends}");
}
