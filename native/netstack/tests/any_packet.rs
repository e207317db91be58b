//! Packets that nobody should send: they go nowhere, and the NAT goes on.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that is wrong should say so at once"
)]

mod lab;

use lab::device::Device;
use lab::packets::{fix_header_sum, packet, tcp, udp};
use lab::{SERVER, SERVER_V6, at, in_a_private_network};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

const RANGES: &[&str] = &["10.9.0.0/16", "fd12::/64"];

#[test]
fn what_the_nat_cannot_read_to_the_last_byte_goes_nowhere() {
    in_a_private_network(|| {
        let mut device = Device::new(RANGES);
        let good = udp(SERVER, 4000, 53, 64, b"?");
        let mut options = good.clone();
        options[0] = 0x46;
        let mut fragment = good.clone();
        // Of the datagram's nine bytes: neither a first piece nor a last one is like that.
        fragment[6] = 0x20;
        fix_header_sum(&mut fragment);
        let mut wrong_sum = good.clone();
        wrong_sum[28] ^= 1;
        let truncated = good[..good.len() - 1].to_vec();
        let extension = packet(SERVER_V6, 43, 64, vec![17, 0, 0, 0, 0, 0, 0, 0], None);
        let gre = packet(SERVER, 47, 64, vec![0; 8], None);
        let port_zero = udp(SERVER, 4000, 0, 64, b"?");

        for bad in [
            options,
            fragment,
            wrong_sum,
            truncated,
            extension,
            gre,
            port_zero,
            vec![],
        ] {
            device.send(&bad);
        }

        let counted: Vec<(&str, u64)> = device.nat.drops().counted().collect();
        assert_eq!(
            counted,
            [
                ("bad-header", 3),
                ("fragment", 1),
                ("ip-options", 2),
                ("unsupported-protocol", 1),
                ("port-zero", 1)
            ]
        );
        assert_eq!(device.nat.flows(), 0);
    });
}

#[test]
fn no_packet_whatsoever_ends_the_nat() {
    in_a_private_network(|| {
        let device = std::cell::RefCell::new(Device::new(RANGES));
        let listener = std::net::TcpListener::bind(at(SERVER, 2222)).unwrap();
        let mut runner = TestRunner::new(ProptestConfig::with_cases(3000));
        let packets = (
            0..4usize,
            any::<u8>(),
            prop::collection::vec(any::<u8>(), 0..120),
        );

        runner
            .run(&packets, |(kind, flags, noise)| {
                let mut device = device.borrow_mut();
                match kind {
                    0 => device.send(&noise),
                    1 => device.send(&packet(SERVER, 6, 64, noise, None)),
                    2 => device.send(&packet(SERVER_V6, 58, 64, noise, None)),
                    // One real connection that gets every combination of flags and any numbers.
                    _ => {
                        let number =
                            |at: usize| u32::from(*noise.get(at).unwrap_or(&0)) << (flags % 25);
                        device.send(&tcp(SERVER, 4000, 2222, 2, 1, 0));
                        device.step();
                        device.send(&tcp(SERVER, 4000, 2222, flags, number(0), number(1)));
                    }
                }
                device.step();
                Ok(())
            })
            .unwrap();
        drop(listener);
    });
}
