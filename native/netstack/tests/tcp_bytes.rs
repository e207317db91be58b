//! What is sent over TCP connections through the NAT arrives, and waits where its receiver is slow.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that is wrong should say so at once"
)]

mod lab;

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use lab::device::Device;
use lab::servers::{noise, serve};
use lab::{SERVER, at, in_a_private_network};
use smoltcp::iface::SocketHandle;

const RANGES: &[&str] = &["10.9.0.0/16", "fd12::/64"];

#[test]
fn a_hundred_megabytes_arrive_unchanged_both_ways_at_once() {
    in_a_private_network(|| {
        const LEN: usize = 100_000_000;
        let (tell, told) = std::sync::mpsc::channel();
        let port = serve(SERVER, move |peer| {
            let mut sender = peer.try_clone().unwrap();
            let sending = thread::spawn(move || {
                sender.write_all(&noise(2, LEN)).unwrap();
                sender.shutdown(Shutdown::Write).unwrap();
            });
            let mut received = Vec::new();
            (&peer).read_to_end(&mut received).unwrap();
            sending.join().unwrap();
            tell.send(received == noise(1, LEN)).unwrap();
        });
        let mut device = Device::new(RANGES);
        let handle = device.dial_with_buffers(at(SERVER, port), 1 << 20);
        let (ours, theirs) = (noise(1, LEN), noise(2, LEN));
        let (mut sent, mut received) = (0, 0);

        device.until("all bytes", |device| {
            let socket = device.tcp(handle);
            if sent < LEN && socket.can_send() {
                sent += socket.send_slice(&ours[sent..]).unwrap();
                if sent == LEN {
                    socket.close();
                }
            }
            while socket.can_recv() {
                let piece = socket.recv(|bytes| (bytes.len(), bytes.to_vec())).unwrap();
                assert!(piece[..] == theirs[received..received + piece.len()]);
                received += piece.len();
            }
            received == LEN && sent == LEN
        });
        device.until("an end", |device| device.nat.flows() == 0);
        assert!(
            told.recv_timeout(Duration::from_secs(20)).unwrap(),
            "the server got other bytes"
        );
        assert_eq!(device.resets, 0);
    });
}

#[test]
fn bytes_that_a_target_sends_as_urgent_arrive_in_their_place_and_hold_up_none_behind_them() {
    in_a_private_network(|| {
        let (tell, told) = std::sync::mpsc::channel();
        let port = serve(SERVER, move |mut peer| {
            for number in [b'1', b'2'] {
                peer.read_exact(&mut [0; 1]).unwrap();
                peer.write_all(b"before").unwrap();
                let urgent = socket2::SockRef::from(&peer).send_out_of_band(&[number]);
                assert_eq!(urgent.unwrap(), 1);
                peer.write_all(b"behind").unwrap();
                tell.send(()).unwrap();
            }
        });
        let mut device = Device::new(RANGES);
        let handle = device.dial(at(SERVER, port));
        device.until("established", |device| device.tcp(handle).may_send());

        for number in ["1", "2"] {
            device.tcp(handle).send_slice(b"?").unwrap();
            device.step();
            // All of it waits before any is read.
            told.recv_timeout(Duration::from_secs(5)).unwrap();
            device.until("all of it", |device| device.tcp(handle).recv_queue() == 13);
            let got = device
                .tcp(handle)
                .recv(|bytes| (bytes.len(), bytes.to_vec()))
                .unwrap();
            assert_eq!(got, format!("before{number}behind").as_bytes());
        }
    });
}

#[test]
fn bytes_survive_a_lossy_tunnel() {
    in_a_private_network(|| {
        const LEN: usize = 300_000;
        let port = serve(SERVER, |mut peer| {
            let mut data = vec![0; LEN];
            peer.read_exact(&mut data).unwrap();
            peer.write_all(&data).unwrap();
        });
        let mut device = Device::new(RANGES);
        device.lose_every = 97;
        let handle = device.dial(at(SERVER, port));
        let data = noise(3, LEN);
        let (mut sent, mut echoed) = (0, Vec::new());

        device.until("all bytes", |device| {
            let socket = device.tcp(handle);
            if sent < LEN && socket.can_send() {
                sent += socket.send_slice(&data[sent..]).unwrap();
            }
            while socket.can_recv() {
                socket
                    .recv(|bytes| (bytes.len(), echoed.extend_from_slice(bytes)))
                    .unwrap();
            }
            echoed.len() == LEN
        });

        assert!(echoed == data);
    });
}

#[test]
fn a_target_that_does_not_read_stops_the_device_and_costs_no_more_than_the_buffers() {
    in_a_private_network(|| {
        let (go_on, wait) = std::sync::mpsc::channel::<()>();
        let port = serve(SERVER, move |mut peer| {
            wait.recv().unwrap();
            let mut sink = Vec::new();
            peer.read_to_end(&mut sink).unwrap();
        });
        let mut device = Device::new(RANGES);
        let handle = device.dial(at(SERVER, port));
        let mut sent = 0;
        let mut quiet = 0;
        device.until("a stop", |device| {
            let socket = device.tcp(handle);
            let taken = if socket.can_send() {
                socket.send_slice(&[0; 65_536]).unwrap()
            } else {
                0
            };
            sent += taken;
            quiet = if taken == 0 { quiet + 1 } else { 0 };
            quiet > 500
        });
        assert!(sent < 16 << 20, "{sent} bytes were taken in");

        go_on.send(()).unwrap();

        device.until("going on", |device| device.tcp(handle).can_send());
        device.tcp(handle).close();
        device.until("an end", |device| device.nat.flows() == 0);
    });
}

#[test]
fn two_thousand_connections_are_open_at_once_and_each_has_its_own_bytes() {
    in_a_private_network(|| {
        allow_open_files(10_000);
        let listener = TcpListener::bind(at(SERVER, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            let peers: Vec<TcpStream> = (0..2000).map(|_| listener.accept().unwrap().0).collect();
            for mut peer in peers {
                let mut word = [0; 4];
                peer.read_exact(&mut word).unwrap();
                peer.write_all(&word).unwrap();
            }
        });
        let mut device = Device::new(RANGES);
        // In portions: a listener's backlog is finite.
        let mut handles: Vec<SocketHandle> = Vec::new();
        for _ in 0..20 {
            let portion: Vec<SocketHandle> = (0..100)
                .map(|_| device.dial_with_buffers(at(SERVER, port), 4096))
                .collect();
            device.until("all established", |device| {
                portion.iter().all(|handle| device.tcp(*handle).may_send())
            });
            handles.extend(portion);
        }
        assert_eq!(device.nat.flows(), 2000);
        for (number, handle) in handles.iter().enumerate() {
            device
                .tcp(*handle)
                .send_slice(&(number as u32).to_be_bytes())
                .unwrap();
        }

        device.until("all echoed", |device| {
            handles
                .iter()
                .all(|handle| device.tcp(*handle).recv_queue() == 4)
        });

        for (number, handle) in handles.iter().enumerate() {
            let word = device
                .tcp(*handle)
                .recv(|bytes| (4, bytes.to_vec()))
                .unwrap();
            assert_eq!(word, (number as u32).to_be_bytes());
        }
    });
}

#[test]
fn memory_that_is_given_back_while_segments_are_missing_costs_no_byte() {
    in_a_private_network(|| {
        const LEN: usize = 400_000;
        let port = serve(SERVER, |mut peer| {
            let mut data = vec![0; LEN];
            peer.read_exact(&mut data).unwrap();
            peer.write_all(&data).unwrap();
        });
        let mut device = Device::new(RANGES);
        device.lose_every = 13;
        let handle = device.dial(at(SERVER, port));
        let (bytes, mut sent, mut got) = (noise(9, LEN), 0, Vec::new());

        device.until("the echo", |device| {
            // Every turn finds the flow quiet for longer than its memory is kept.
            device.ahead += Duration::from_millis(2100);
            let socket = device.tcp(handle);
            if sent < LEN && socket.can_send() {
                sent += socket.send_slice(&bytes[sent..]).unwrap();
            }
            while socket.can_recv() {
                got.extend(socket.recv(|piece| (piece.len(), piece.to_vec())).unwrap());
            }
            got.len() == LEN
        });

        assert!(got == bytes);
    });
}

fn allow_open_files(count: u64) {
    let limit = libc::rlimit {
        rlim_cur: count,
        rlim_max: 20_000,
    };
    // SAFETY: `limit` is a valid rlimit that outlives the call.
    let done = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    assert_eq!(done, 0);
}
