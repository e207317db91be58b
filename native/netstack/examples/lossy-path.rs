//! A download over a path that loses packets: through the NAT, and from the kernel's own TCP at the same place. The device is the
//! kernel's TCP in both cases. `lossy-path [SECONDS [LOSS…]]`; needs
//! root.
//! `cargo run --release -p culvert-netstack --example lossy-path`
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a measurement that cannot be made should say so at once"
)]

#[path = "../tests/lab/mod.rs"]
mod lab;

use std::collections::VecDeque;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use culvert_netstack::{Batch, Nat, NatLimits};
use lab::{DEVICE, GATEWAY, MTU, SERVER, at, config, in_a_private_network, run};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

const PORT: u16 = 7000;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let seconds = arguments.next().map_or(5, |text| text.parse().unwrap());
    let mut losses: Vec<f64> = arguments.map(|text| text.parse().unwrap()).collect();
    if losses.is_empty() {
        losses = vec![0.0, 0.1, 1.0, 3.0];
    }
    println!("Mbit/s of one download, {seconds} s each; lost each way; round-trip time");
    for delay_ms in [10, 25] {
        for &loss in &losses {
            let path = Path {
                delay: Duration::from_millis(delay_ms),
                loss,
                time: Duration::from_secs(seconds),
            };
            let [ours, kernel] = [true, false].map(|is_nat| path.download(is_nat));
            println!(
                "{loss:>4} %  {:>3} ms   through the NAT {ours:>7.2}   kernel {kernel:>7.2}   {:.2}",
                2 * delay_ms,
                ours / kernel
            );
        }
    }
}

#[derive(Clone, Copy)]
struct Path {
    /// One way.
    delay: Duration,
    /// Per cent of the packets, each way.
    loss: f64,
    time: Duration,
}

impl Path {
    /// Mbit/s.
    fn download(self, is_nat: bool) -> f64 {
        let (tell, told) = mpsc::channel();
        let (give, given) = mpsc::channel();
        let device = thread::spawn(move || {
            in_a_private_network(move || {
                run("ip addr del 10.9.0.10/32 dev lo");
                give.send(tun("device", DEVICE, "10.9.0.10")).unwrap();
                tell.send(receive(self.time)).unwrap();
            });
        });
        let near = given.recv().unwrap();
        let (finish, finished) = mpsc::channel();
        let site = thread::spawn(move || {
            in_a_private_network(move || {
                let listener = TcpListener::bind(at(SERVER, PORT)).unwrap();
                thread::spawn(move || {
                    let (mut peer, _) = listener.accept().unwrap();
                    // Whatever this machine prefers: what smoltcp does.
                    socket2::SockRef::from(&peer)
                        .set_tcp_congestion(b"cubic")
                        .unwrap();
                    while peer.write_all(&[7; 65_536]).is_ok() {}
                });
                let far = match is_nat {
                    true => Far::Nat(Box::new(nat())),
                    false => Far::Tun(tun("site", "10.9.9.9", DEVICE)),
                };
                let relay = Relay {
                    path: self,
                    near,
                    far,
                    up: VecDeque::new(),
                    down: VecDeque::new(),
                    out: Batch::default(),
                    chance: 0x9e37_79b9_7f4a_7c15,
                };
                relay.run(&finished);
            });
        });
        let bytes = told.recv().unwrap();
        finish.send(()).unwrap();
        device.join().unwrap();
        site.join().unwrap();
        bytes as f64 * 8e-6 / self.time.as_secs_f64()
    }
}

fn receive(time: Duration) -> usize {
    let mut stream = TcpStream::connect(at(SERVER, PORT)).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_millis(100)))
        .unwrap();
    let (end, mut total, mut room) = (Instant::now() + time, 0, vec![0; 1 << 20]);
    while Instant::now() < end {
        total += stream.read(&mut room).unwrap_or(0);
    }
    total
}

fn nat() -> Nat {
    let limits = NatLimits {
        flows: 64,
        flows_per_device: 64,
    };
    Nat::new(&config(&["10.9.0.0/16"]), limits, Instant::now()).unwrap()
}

enum Far {
    Nat(Box<Nat>),
    Tun(File),
}

struct Relay {
    path: Path,
    near: File,
    far: Far,
    up: VecDeque<(Instant, Vec<u8>)>,
    down: VecDeque<(Instant, Vec<u8>)>,
    out: Batch,
    chance: u64,
}

impl Relay {
    fn run(mut self, finished: &mpsc::Receiver<()>) {
        let mut room = vec![0; MTU + 100];
        while finished.try_recv().is_err() {
            let now = Instant::now();
            while let Ok(len) = self.near.read(&mut room) {
                self.send_up(now, room[..len].to_vec());
            }
            while let Far::Tun(tun) = &mut self.far
                && let Ok(len) = tun.read(&mut room)
            {
                self.send_down(now, room[..len].to_vec());
            }
            self.deliver(now);
            self.wait();
        }
    }

    fn deliver(&mut self, now: Instant) {
        while let Some(packet) = due(&mut self.up, now) {
            match &mut self.far {
                Far::Nat(nat) => nat.handle_packet(now, GATEWAY, &packet, &mut self.out),
                Far::Tun(tun) => drop(tun.write(&packet)),
            }
        }
        if let Far::Nat(nat) = &mut self.far {
            nat.flush(now, &mut self.out);
            nat.handle_ready(now, &mut self.out);
            let sent: Vec<Vec<u8>> = self
                .out
                .packets()
                .map(|(_, packet)| packet.to_vec())
                .collect();
            self.out.clear();
            for packet in sent {
                self.send_down(now, packet);
            }
        }
        while let Some(packet) = due(&mut self.down, now) {
            // A full queue is one more loss.
            let _ = self.near.write(&packet);
        }
    }

    fn send_up(&mut self, now: Instant, packet: Vec<u8>) {
        if !self.is_lost() {
            self.up.push_back((now + self.path.delay, packet));
        }
    }

    fn send_down(&mut self, now: Instant, packet: Vec<u8>) {
        if !self.is_lost() {
            self.down.push_back((now + self.path.delay, packet));
        }
    }

    /// The same losses for everybody.
    fn is_lost(&mut self) -> bool {
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        (self.chance >> 11) as f64 / (1u64 << 53) as f64 * 100.0 < self.path.loss
    }

    fn wait(&self) {
        let queued = [&self.up, &self.down].map(|queue| queue.front().map(|(at, _)| *at));
        let (far, timer) = match &self.far {
            Far::Nat(nat) => (nat.poll_fd(), nat.poll_timeout()),
            Far::Tun(tun) => (tun.as_fd(), None),
        };
        let now = Instant::now();
        let longest = now + Duration::from_millis(20);
        let at = queued
            .into_iter()
            .chain([timer, Some(longest)])
            .flatten()
            .min();
        let wait = at.unwrap_or(longest).saturating_duration_since(now);
        let timeout = Timespec::try_from(wait).unwrap();
        let near = self.near.as_fd();
        let fds = &mut [
            PollFd::new(&near, PollFlags::IN),
            PollFd::new(&far, PollFlags::IN),
        ];
        poll(fds, Some(&timeout)).unwrap();
    }
}

fn due(queue: &mut VecDeque<(Instant, Vec<u8>)>, now: Instant) -> Option<Vec<u8>> {
    if queue.front()?.0 > now {
        return None;
    }
    queue.pop_front().map(|(_, packet)| packet)
}

/// A TUN device of this thread's network, with one address and the way to another.
fn tun(name: &str, own: &str, other: &str) -> File {
    let file = File::options()
        .read(true)
        .write(true)
        .open("/dev/net/tun")
        .unwrap();
    let mut request = [0; 40];
    request[..name.len()].copy_from_slice(name.as_bytes());
    // IFF_TUN | IFF_NO_PI
    request[16..18].copy_from_slice(&0x1001_u16.to_ne_bytes());
    // SAFETY: TUNSETIFF reads and writes one `struct ifreq` of forty bytes, which this is.
    let done = unsafe { libc::ioctl(file.as_raw_fd(), 0x4004_54ca, request.as_mut_ptr()) };
    assert_eq!(done, 0, "/dev/net/tun");
    rustix::io::ioctl_fionbio(&file, true).unwrap();
    run(&format!("ip addr add {own}/32 dev {name}"));
    run(&format!("ip link set {name} mtu {MTU} txqueuelen 10000 up"));
    run(&format!(
        "ip route add {other} dev {name} src {}",
        if name == "site" { SERVER } else { own }
    ));
    file
}
