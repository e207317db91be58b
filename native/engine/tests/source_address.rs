//! From which of our addresses we answer ("sticky sockets"), line 38: six sentences, each for both families. Needs root
//! and `wg`.
//!
//! ```text
//!   near ══ cable a: 192.0.2.0/24, fd00:2::/64 ══ far        near has .1 and .10, far has .2
//!        ══ cable b: 198.51.100.0/24, fd00:3::/64 ══         near has .1, far has .2
//! ```
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // test builders, outside #[test] functions

mod device;
mod lab;

use device::Device;
use lab::Host;
use lab::folder::Folder;

#[test]
fn line_38_ipv4_we_answer_from_the_address_that_was_spoken_to_for_as_long_as_it_is_ours() {
    answers_from_the_right_address(&Family {
        first: "192.0.2.1",
        second: "192.0.2.10",
        elsewhere: "198.51.100.1",
        far: ["192.0.2.2", "198.51.100.2"],
        length: 24,
    });
}

#[test]
fn line_38_ipv6_we_answer_from_the_address_that_was_spoken_to_for_as_long_as_it_is_ours() {
    answers_from_the_right_address(&Family {
        first: "fd00:2::1",
        second: "fd00:2::10",
        elsewhere: "fd00:3::1",
        far: ["fd00:2::2", "fd00:3::2"],
        length: 64,
    });
}

/// Inner addresses.
const NEAR: &str = "10.5.0.1";
const FAR: &str = "10.5.0.2";

struct Family {
    first: &'static str,
    second: &'static str,
    elsewhere: &'static str,
    far: [&'static str; 2],
    length: u8,
}

fn answers_from_the_right_address(family: &Family) {
    let ((one, other), folder) = (Host::pair(), Folder::new());
    one.connect("cable", &other, "cable");
    one.has("cable", &[&family.with_length(family.elsewhere)]);
    other.has("cable", &[&family.with_length(family.far[1])]);
    one.has("wire", &[&family.with_length(family.second)]);
    let near = Device::start(&one, &folder, 1);
    let far = Device::start(&other, &folder, 2);
    near.expects(&far);
    far.knows(&near, &family.outer(family.second));
    let seen_at = |address: &str| {
        assert_eq!(far.endpoint_of(&near), family.endpoint(address));
    };

    // 1. Spoken to at its second address, it answers from there, though a route would choose the first.
    other.must_reach(NEAR);
    seen_at(family.second);

    // 2. The peer speaks to the other one: so do we.
    far.peer(
        &near,
        &format!("endpoint {}:1111", family.outer(family.first)),
    );
    other.must_reach(NEAR);
    one.must_reach(FAR);
    seen_at(family.first);

    // 3. That address goes: the next packet leaves from one that is left, and the peer follows.
    one.ip(&format!(
        "addr del {} dev wire",
        family.with_length(family.first)
    ));
    restore_second(&one, family);
    one.must_reach(FAR);
    seen_at(family.second);

    // 4. It is back and spoken to: it is used again.
    one.has("wire", &[&family.with_length(family.first)]);
    far.peer(
        &near,
        &format!("endpoint {}:1111", family.outer(family.first)),
    );
    other.must_reach(NEAR);
    seen_at(family.first);

    // 5. Spoken to over the other cable, it answers over that one and from its address there.
    far.peer(
        &near,
        &format!("endpoint {}:1111", family.outer(family.elsewhere)),
    );
    other.must_reach(NEAR);
    seen_at(family.elsewhere);
    assert_eq!(near.endpoint_of(&far), family.endpoint_far(family.far[1]));

    // 6. That cable is pulled; told where the peer is now, it leaves from the address of the cable that is left.
    one.ip("link set cable down");
    near.peer(
        &far,
        &format!("endpoint {}:2111", family.outer(family.far[0])),
    );
    one.must_reach(FAR);
    let seen = far.endpoint_of(&near);
    assert!(
        seen == family.endpoint(family.first) || seen == family.endpoint(family.second),
        "{seen}"
    );
}

/// The kernel takes IPv4's secondary addresses along with their primary one.
fn restore_second(host: &Host, family: &Family) {
    let shown = host.ip("addr show dev wire");
    if !shown.contains(&format!("{}/", family.second)) {
        host.has("wire", &[&family.with_length(family.second)]);
    }
}

impl Family {
    fn with_length(&self, address: &str) -> String {
        format!("{address}/{}", self.length)
    }

    fn outer(&self, address: &str) -> String {
        if address.contains(':') {
            format!("[{address}]")
        } else {
            address.to_owned()
        }
    }

    fn endpoint(&self, address: &str) -> String {
        format!("{}:1111", self.outer(address))
    }

    fn endpoint_far(&self, address: &str) -> String {
        format!("{}:2111", self.outer(address))
    }
}
