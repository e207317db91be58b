//! Explicit congestion notification end to end (RFC 6040) between two devices, line 36; `congestion_relayed.rs` has the other
//! roles between them. Needs root, `wg` and `nft`.
//!
//! ```text
//!   near 10.5.0.1 ══ 192.0.2.0/24 ══ far 10.5.0.2     the mark on the outside is set where it reaches far
//! ```
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // test builders, outside #[test] functions

mod device;
mod lab;
mod marks;

use std::thread::sleep;
use std::time::{Duration, Instant};

use device::two;
use lab::Host;
use lab::folder::Folder;
use marks::{
    MARKS, brought_in, count_incoming, counted, door, put_outside, receive_marks, send_marks,
};

#[test]
fn line_36_sixteen_combinations_of_marks_come_in_as_rfc_6040_says() {
    let ((one, other), folder) = (Host::pair(), Folder::new());
    let _devices = two(&one, &other, &folder);
    one.must_reach("10.5.0.2");
    for (here, there) in [("0.0.0.0:0", "10.5.0.2:0"), ("[::]:0", "[fd55::2]:0")] {
        let (sender, receiver) = (door(&one, here), door(&other, there));
        for outside in MARKS {
            put_outside(&other, "udp dport 2111", outside);

            send_marks(&sender, receiver.local_address());

            let came = receive_marks(&receiver);
            assert_eq!(
                came,
                brought_in(outside),
                "{outside:?} on the outside, to {there}"
            );
        }
    }
}

#[test]
fn line_36_the_mark_goes_out_as_it_is_inside_and_the_dscp_stays_inside() {
    let ((one, other), folder) = (Host::pair(), Folder::new());
    let _devices = two(&one, &other, &folder);
    one.must_reach("10.5.0.2");
    count_incoming(&other, "udp dport 2111");

    for mark in MARKS {
        let class = 0xb8 | mark as u8;
        one.must("ping", &format!("-c 10 -i 0.01 -Q {class} -W 3 10.5.0.2"));
    }

    // The last ones may still be on their way when `ping` has ended.
    let deadline = Instant::now() + Duration::from_secs(5);
    while counted(&other) != ([10; 4], 0) && Instant::now() < deadline {
        sleep(Duration::from_millis(20));
    }
    assert_eq!(counted(&other), ([10; 4], 0));
}
