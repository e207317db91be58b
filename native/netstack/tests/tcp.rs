//! TCP through the NAT, against real servers.
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

use culvert_netstack::{NatDrop, NatLimits};
use lab::packets::{error_of, tcp as segment};
use lab::{CONNECTOR, Device, SERVER, SERVER_V6, at, in_a_private_network, ip, run};
use smoltcp::iface::SocketHandle;
use smoltcp::socket::tcp::State;

const RANGES: &[&str] = &["10.9.0.0/16", "fd12::/64"];
const SYN: u8 = 2;
const ACK: u8 = 16;

#[test]
fn an_open_port_answers_in_both_families() {
    in_a_private_network(|| {
        for address in [SERVER, SERVER_V6] {
            let port = serve(address, |mut peer| {
                let mut line = [0; 5];
                peer.read_exact(&mut line).unwrap();
                peer.write_all(&line).unwrap();
            });
            let mut device = Device::new(RANGES);
            let handle = device.dial(at(address, port));

            device.until("established", |device| device.tcp(handle).may_send());
            device.tcp(handle).send_slice(b"hello").unwrap();

            device.until("echo", |device| device.tcp(handle).recv_queue() == 5);
        }
    });
}

#[test]
fn a_closed_port_is_refused_without_any_syn_ack() {
    in_a_private_network(|| {
        for address in [SERVER, SERVER_V6] {
            let mut device = Device::new(RANGES);
            let handle = device.dial(at(address, 7));

            device.until("refused", |device| {
                device.tcp(handle).state() == State::Closed
            });

            assert_eq!(
                (device.resets, device.syn_acks, device.nat.flows()),
                (1, 0, 0)
            );
        }
    });
}

#[test]
fn a_filtered_port_stays_silent_until_the_target_is_given_up() {
    in_a_private_network(|| {
        run("nft add table inet filter");
        run("nft add chain inet filter input { type filter hook input priority 0 ; }");
        run("nft add rule inet filter input tcp dport 9 drop");
        let mut device = Device::new(RANGES);
        device.send(&segment(SERVER, 4000, 9, SYN, 1, 0));
        thread::sleep(Duration::from_millis(50));
        device.step();
        assert_eq!(
            (device.resets, device.syn_acks, device.seen.len()),
            (0, 0, 0)
        );

        device.ahead = Duration::from_secs(31);
        device.until("an answer", |device| !device.seen.is_empty());

        let (from, kind, code, quoted) = error_of(&device.seen[0]);
        assert_eq!((from, kind, code), (ip(CONNECTOR), 3, 1));
        assert_eq!(quoted, segment(SERVER, 4000, 9, SYN, 1, 0));
        assert_eq!(device.nat.flows(), 0);
    });
}

#[test]
fn unreachable_and_prohibited_targets_are_told_apart() {
    in_a_private_network(|| {
        run("nft add table inet filter");
        run("nft add chain inet filter input { type filter hook input priority 0 ; }");
        run("nft add rule inet filter input tcp dport 10 reject with icmp type admin-prohibited");
        let mut device = Device::new(&["10.9.0.0/16", "10.8.0.0/16", "fd12::/64"]);
        let cases = [
            ("10.9.1.1", 22, CONNECTOR, 1),
            ("10.9.2.1", 22, CONNECTOR, 13),
            ("10.8.0.1", 22, CONNECTOR, 0),
            (SERVER, 10, SERVER, 13),
        ];

        for (target, port, from, code) in cases {
            device.seen.clear();
            device.send(&segment(target, 4000, port, SYN, 1, 0));
            device.until("an answer", |device| !device.seen.is_empty());

            let (speaker, kind, told, _) = error_of(&device.seen[0]);
            assert_eq!(
                (speaker, kind, told),
                (ip(from), 3, code),
                "{target}:{port}"
            );
        }
        assert_eq!((device.resets, device.syn_acks), (0, 0));
    });
}

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
fn a_full_table_refuses_at_once_and_has_room_again_later() {
    in_a_private_network(|| {
        let port = serve_many(SERVER, |mut peer| drop(peer.read(&mut [0; 1])));
        let limits = NatLimits {
            flows: 8,
            flows_per_device: 4,
        };
        let mut device = Device::with_limits(RANGES, limits);
        let handles: Vec<SocketHandle> = (0..4).map(|_| device.dial(at(SERVER, port))).collect();
        device.until("four open", |device| {
            handles.iter().all(|handle| device.tcp(*handle).may_send())
        });

        device.send(&segment(SERVER, 4000, port, SYN, 1, 0));

        assert_eq!(error_of(&device.seen[0]).1, 3);
        assert_eq!(
            (
                device.nat.flows(),
                device.nat.drops().of(NatDrop::DeviceFull)
            ),
            (4, 1)
        );
        device.tcp(handles[0]).close();
        device.until("one closed", |device| device.nat.flows() == 3);
        device.send(&segment(SERVER, 4001, port, SYN, 1, 0));
        assert_eq!(device.nat.flows(), 4);
    });
}

#[test]
fn a_segment_of_an_unknown_connection_is_reset() {
    in_a_private_network(|| {
        let mut device = Device::new(RANGES);

        device.send(&segment(SERVER, 4000, 22, ACK, 77, 99));

        assert_eq!(
            (device.resets, device.nat.drops().of(NatDrop::NoFlow)),
            (1, 1)
        );
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

fn serve(address: &str, talk: impl FnOnce(TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind(at(address, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || talk(listener.accept().unwrap().0));
    port
}

fn serve_many(address: &str, talk: impl Fn(TcpStream) + Send + Copy + 'static) -> u16 {
    let listener = TcpListener::bind(at(address, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for peer in listener.incoming() {
            let Ok(peer) = peer else { continue };
            thread::spawn(move || talk(peer));
        }
    });
    port
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

fn noise(seed: u64, len: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}
