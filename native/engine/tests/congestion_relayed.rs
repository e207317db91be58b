//! Explicit congestion notification (RFC 6040) through a gateway and a connector, line 36. Needs root, `wg` and `nft`.
//! Routers of the two wires (`relayed`) are where the mark on the outside is set: where it comes in.
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
mod marks;
#[path = "../../netstack/tests/lab/packets.rs"]
mod packets;
#[path = "connector/process.rs"]
mod process;
mod relayed;

use std::net::{IpAddr, SocketAddr};
use std::thread::sleep;
use std::time::{Duration, Instant};

use culvert_udp::{Door, Inbox, Outbox, Route};
use lab::folder::Folder;
use marks::{
    MARKS, brought_in, count_incoming, counted, door, put_outside, receive_marks, send_marks,
};
use relayed::{Hosts, Site};
use serde_json::Value;

/// Of the device, which `packets` wants in both families.
const DEVICE: &str = "10.5.0.1";
const DEVICE_V6: &str = "fd55::1";

#[test]
fn line_36_marks_of_either_wire_reach_both_ends_through_a_gateway_and_a_user_space_connector() {
    marks_of_either_wire_reach_both_ends(false);
}

#[test]
fn line_36_marks_of_either_wire_reach_both_ends_through_a_gateway_and_a_kernel_mode_connector() {
    marks_of_either_wire_reach_both_ends(true);
}

#[test]
fn line_36_what_a_gateway_and_a_connector_seal_carries_the_inner_mark_and_no_dscp() {
    for with_tun in [false, true] {
        let (hosts, folder) = (Hosts::new(), Folder::new());
        let _site = Site::start(&hosts, &folder, with_tun);
        let (near, far, back) = conversation(&hosts);
        count_incoming(&hosts.connector, "udp sport 51820");
        count_incoming(&hosts.gateway, "iifname uplink udp dport 51820");
        count_incoming(&hosts.device, "udp sport 51820");

        for _ in 0..10 {
            send_marks(&near, far.local_address());
            assert_eq!(receive_marks(&far), MARKS.map(Some));
            send_marks(&far, back);
            assert_eq!(receive_marks(&near), MARKS.map(Some));
        }

        for host in [&hosts.connector, &hosts.gateway, &hosts.device] {
            let ([none, marked @ ..], with_dscp) = counted(host);
            assert!(none >= 10, "keepalives count too: {none}");
            assert_eq!((marked, with_dscp), ([10; 3], 0), "at {}", host.name);
        }
    }
}

fn marks_of_either_wire_reach_both_ends(with_tun: bool) {
    let (hosts, folder) = (Hosts::new(), Folder::new());
    let mut site = Site::start(&hosts, &folder, with_tun);
    let (near, far, back) = conversation(&hosts);
    let out = [
        (&hosts.gateway, "iifname wire udp dport 51820"),
        (&hosts.connector, "udp sport 51820"),
    ];
    let home = [
        (&hosts.gateway, "iifname uplink udp dport 51820"),
        (&hosts.device, "udp sport 51820"),
    ];
    for outside in MARKS {
        for (host, matching) in out {
            put_outside(host, matching, outside);
            send_marks(&near, far.local_address());
            let came = receive_marks(&far);
            assert_eq!(came, brought_in(outside), "out, {outside:?} at {matching}");
            host.nft("delete table inet path");
        }
        for (host, matching) in home {
            put_outside(host, matching, outside);
            send_marks(&far, back);
            let came = receive_marks(&near);
            assert_eq!(came, brought_in(outside), "home, {outside:?} at {matching}");
            host.nft("delete table inet path");
        }
    }
    // What can not say that it met congestion was dropped, and not silently: once on each of the gateway's wires, once
    // where the connector opens.
    let drops = |status: Value| status["drops"]["congestion"].clone();
    assert_eq!(drops(site.gateway.ask("status", Value::Null)), 2);
    let status = site.connector.ask("status", Value::Null)["result"].clone();
    assert_eq!(drops(status), 1);
}

/// A door of the device's, one of the target's, and where the target sees the device.
fn conversation(hosts: &Hosts) -> (Door, Door, SocketAddr) {
    let (near, far) = (
        door(&hosts.device, "0.0.0.0:0"),
        door(&hosts.target, "10.9.0.10:0"),
    );
    let (mut outbox, mut inbox) = (Outbox::new(), Inbox::new(1, 0));
    let mut batch = outbox.batch(&near);
    batch.push(Route::to(far.local_address()), b"hello");
    assert_eq!(batch.send().sent, 1);
    let deadline = Instant::now() + Duration::from_secs(5);
    while inbox.receive(&far).unwrap() == 0 {
        assert!(Instant::now() < deadline, "the target hears nothing");
        sleep(Duration::from_millis(5));
    }
    let back = inbox.messages().next().unwrap().from;
    (near, far, back)
}

/// As `packets` wants it.
fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}
