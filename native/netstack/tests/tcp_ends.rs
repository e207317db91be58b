//! How TCP connections through the NAT end: by either side, by a new configuration, and not by being quiet.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that is wrong should say so at once"
)]

mod lab;

use std::io::{Read, Write};
use std::net::Shutdown;
use std::thread;
use std::time::Duration;

use lab::device::Device;
use lab::servers::serve;
use lab::{SERVER, at, in_a_private_network};
use smoltcp::socket::tcp::State;

const RANGES: &[&str] = &["10.9.0.0/16", "fd12::/64"];

#[test]
fn each_direction_closes_by_itself() {
    in_a_private_network(|| {
        // The server answers only after the device has finished, as `ssh host wc -c < file` needs it.
        let port = serve(SERVER, |mut peer| {
            let mut all = Vec::new();
            peer.read_to_end(&mut all).unwrap();
            peer.write_all(all.len().to_string().as_bytes()).unwrap();
        });
        let mut device = Device::new(RANGES);
        let handle = device.dial(at(SERVER, port));
        device.until("established", |device| device.tcp(handle).may_send());
        device.tcp(handle).send_slice(&[7; 1234]).unwrap();
        device.tcp(handle).close();

        device.until("the answer", |device| device.tcp(handle).recv_queue() == 4);

        let answer = device
            .tcp(handle)
            .recv(|bytes| (4, bytes.to_vec()))
            .unwrap();
        assert_eq!(answer, b"1234");
        device.until("an end", |device| device.nat.flows() == 0);
        assert_eq!(device.resets, 0);
    });
}

#[test]
fn a_target_that_finished_first_still_gets_what_the_device_sends() {
    in_a_private_network(|| {
        let (tell, told) = std::sync::mpsc::channel();
        let port = serve(SERVER, move |mut peer| {
            peer.shutdown(Shutdown::Write).unwrap();
            // Slow to read, so that the end of the device's data waits in the NAT.
            thread::sleep(Duration::from_millis(300));
            let mut all = Vec::new();
            peer.read_to_end(&mut all).unwrap();
            tell.send(all.len()).unwrap();
        });
        let mut device = Device::new(RANGES);
        let handle = device.dial_with_buffers(at(SERVER, port), 64 * 1024);
        device.until("the end of theirs", |device| {
            device.tcp(handle).state() == State::CloseWait
        });
        let mut sent = 0;
        device.until("sent", |device| {
            let socket = device.tcp(handle);
            if sent < 6_000_000 && socket.can_send() {
                sent += socket.send_slice(&vec![1; 6_000_000 - sent]).unwrap();
            }
            sent == 6_000_000
        });
        device.tcp(handle).close();

        device.until("an end", |device| device.nat.flows() == 0);

        assert_eq!(told.recv_timeout(Duration::from_secs(5)), Ok(6_000_000));
        assert_eq!(device.resets, 0);
    });
}

#[test]
fn a_reset_of_the_target_reaches_the_device() {
    in_a_private_network(|| {
        let port = serve(SERVER, |peer| {
            socket2::SockRef::from(&peer)
                .set_linger(Some(Duration::ZERO))
                .unwrap();
        });
        let mut device = Device::new(RANGES);
        let handle = device.dial(at(SERVER, port));

        device.until("reset", |device| {
            device.tcp(handle).state() == State::Closed
        });

        assert_eq!((device.resets, device.nat.flows()), (1, 0));
    });
}

#[test]
fn a_reset_of_the_device_reaches_the_target() {
    in_a_private_network(|| {
        let (tell, told) = std::sync::mpsc::channel();
        let port = serve(SERVER, move |mut peer| {
            tell.send(peer.read(&mut [0; 1]).map_err(|error| error.kind()))
                .unwrap();
        });
        let mut device = Device::new(RANGES);
        let handle = device.dial(at(SERVER, port));
        device.until("established", |device| device.tcp(handle).may_send());

        device.tcp(handle).abort();
        device.until("an end", |device| device.nat.flows() == 0);

        let heard = told.recv_timeout(Duration::from_secs(5)).unwrap();
        assert_eq!(heard, Err(std::io::ErrorKind::ConnectionReset));
    });
}

#[test]
fn a_range_that_is_taken_away_takes_its_connections_along() {
    in_a_private_network(|| {
        let (tell, told) = std::sync::mpsc::channel();
        let port = serve(SERVER, move |mut peer| {
            tell.send(peer.read(&mut [0; 1]).map_err(|error| error.kind()))
                .unwrap();
        });
        let mut device = Device::new(RANGES);
        let handle = device.dial(at(SERVER, port));
        device.until("established", |device| device.tcp(handle).may_send());

        device.configure(&["10.10.0.0/16"]);

        assert_eq!((device.nat.flows(), device.resets), (0, 1));
        device.until("the device knows", |device| {
            device.tcp(handle).state() == State::Closed
        });
        let heard = told.recv_timeout(Duration::from_secs(5)).unwrap();
        assert_eq!(heard, Err(std::io::ErrorKind::ConnectionReset));
    });
}

#[test]
fn a_connection_is_still_there_after_a_quiet_weekend() {
    in_a_private_network(|| {
        let port = serve(SERVER, |mut peer| {
            let mut line = [0; 5];
            peer.read_exact(&mut line).unwrap();
            peer.write_all(&line).unwrap();
        });
        let mut device = Device::new(RANGES);
        let handle = device.dial(at(SERVER, port));
        device.until("established", |device| device.tcp(handle).may_send());

        device.ahead = Duration::from_secs(60 * 3600);
        device.step();
        device.tcp(handle).send_slice(b"hello").unwrap();

        device.until("echo", |device| device.tcp(handle).recv_queue() == 5);
    });
}

#[test]
fn a_flow_has_one_deadline_however_often_it_has_spoken() {
    in_a_private_network(|| {
        let port = serve(SERVER, |mut peer| {
            let mut byte = [0; 1];
            while matches!(peer.read(&mut byte), Ok(1)) {
                peer.write_all(&byte).unwrap();
            }
        });
        let mut device = Device::new(RANGES);
        let handle = device.dial(at(SERVER, port));
        device.until("established", |device| device.tcp(handle).may_send());

        for _ in 0..20 {
            device.tcp(handle).send_slice(b"x").unwrap();
            device.until("echo", |device| device.tcp(handle).can_recv());
            device.tcp(handle).recv(|bytes| (bytes.len(), ())).unwrap();
            // The retransmission timer that was armed for it comes up in vain.
            device.ahead += Duration::from_secs(10);
            device.step();
        }

        assert_eq!((device.nat.flows(), device.nat.deadlines()), (1, 1));
    });
}
