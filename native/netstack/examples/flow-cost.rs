//! What a connection costs that is open, and what it costs the one next to it: memory, processor time for a byte there and back
//! with 10, 1,000 and 10,000 others open, and processor time while nothing happens. Needs root.
//! `cargo run --release -p culvert-netstack --example flow-cost`
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a measurement that cannot be made should say so at once"
)]

#[path = "../tests/lab/mod.rs"]
mod lab;

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use culvert_netstack::{Batch, Nat, NatLimits};
use lab::packets::{tcp, tcp_with};
use lab::{GATEWAY, SERVER, at, config, in_a_private_network};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

const ECHO: u16 = 7000;
const DOWNLOAD: u16 = 7001;
const DOWNLOAD_BYTES: usize = 2 << 20;
const ROUNDS: u32 = 2000;
const QUIET: Duration = Duration::from_secs(3);

const RST: u8 = 4;
const SYN: u8 = 2;
const ACK: u8 = 16;

fn main() {
    allow_open_files(20_000);
    if std::env::args().nth(1).as_deref() == Some("serve") {
        return serve();
    }
    in_a_private_network(|| {
        let server = start_server();
        for count in [10, 1_000, 10_000] {
            measure(count);
        }
        downloads_then_quiet(200);
        stop(server);
    });
}

fn measure(count: u16) {
    let mut device = Device::new();
    device.open(20_000..20_000 + count, ECHO);
    let memory = device.memory_per_flow();
    device.reset_all();
    device.open(20_000..20_000 + count, ECHO);
    let again = device.memory_per_flow();
    // The timers of the handshakes come up in vain first.
    device.quiet();
    let round = device.rounds(20_000);
    let idle = device.idle();
    println!(
        "{count:>6} open: {memory:>6.2} KB each, {again:>6.2} KB after all were closed and opened again; \
         a byte there and back {round:>5.1} µs; idle {idle:.2} % of a core; {} deadlines",
        device.nat.deadlines()
    );
}

fn downloads_then_quiet(count: u16) {
    let mut device = Device::new();
    device.open(20_000..20_000 + count, DOWNLOAD);
    let ports: Vec<u16> = device.flows.keys().copied().collect();
    device.until(|device| {
        ports
            .iter()
            .all(|port| device.flows[port].received == DOWNLOAD_BYTES)
    });
    let busy = device.memory_per_flow();
    device.quiet();
    println!(
        "{count:>6} downloads of {} MB: {busy:.0} KB each, {:.2} KB when they have been quiet for {} s",
        DOWNLOAD_BYTES >> 20,
        device.memory_per_flow(),
        QUIET.as_secs()
    );
}

/// A device that makes its segments by hand, so that what is measured is the NAT.
struct Device {
    nat: Nat,
    out: Batch,
    flows: HashMap<u16, Flow>,
    memory_before: usize,
}

#[derive(Clone, Copy, Default)]
struct Flow {
    target: u16,
    next: u32,
    expects: u32,
    received: usize,
}

impl Device {
    fn new() -> Self {
        let limits = NatLimits {
            flows: 16_000,
            flows_per_device: 16_000,
        };
        Self {
            nat: Nat::new(&config(&["10.9.0.0/16"]), limits, Instant::now()).unwrap(),
            out: Batch::default(),
            flows: HashMap::with_capacity(16_000),
            memory_before: resident_bytes(),
        }
    }

    fn open(&mut self, ports: std::ops::Range<u16>, target: u16) {
        self.memory_before = resident_bytes();
        for some in ports.collect::<Vec<u16>>().chunks(100) {
            for port in some {
                let flow = Flow {
                    target,
                    next: 1000,
                    ..Flow::default()
                };
                self.flows.insert(*port, flow);
                self.send(*port, SYN, b"");
                self.flows.get_mut(port).unwrap().next += 1;
            }
            self.until(|device| some.iter().all(|port| device.flows[port].expects > 0));
        }
    }

    fn reset_all(&mut self) {
        let ports: Vec<u16> = self.flows.keys().copied().collect();
        for port in ports {
            self.send(port, RST, b"");
        }
        self.until(|device| device.nat.flows() == 0);
        self.flows.clear();
    }

    /// Microseconds of processor time, of this thread alone.
    fn rounds(&mut self, port: u16) -> f64 {
        let start = processor_time();
        for _ in 0..ROUNDS {
            let before = self.flows[&port].received;
            self.send(port, ACK, b"x");
            self.flows.get_mut(&port).unwrap().next += 1;
            self.until(|device| device.flows[&port].received > before);
        }
        (processor_time() - start).as_secs_f64() * 1e6 / f64::from(ROUNDS)
    }

    /// Per cent of a core.
    fn idle(&mut self) -> f64 {
        let start = processor_time();
        self.quiet();
        (processor_time() - start).as_secs_f64() * 100.0 / QUIET.as_secs_f64()
    }

    fn quiet(&mut self) {
        let end = Instant::now() + QUIET;
        self.until(|_| Instant::now() > end);
    }

    fn memory_per_flow(&self) -> f64 {
        let more = resident_bytes().saturating_sub(self.memory_before);
        more as f64 / 1024.0 / self.nat.flows() as f64
    }

    fn send(&mut self, port: u16, flags: u8, data: &[u8]) {
        self.hand_over(port, flags, data);
        self.take_in();
    }

    fn hand_over(&mut self, port: u16, flags: u8, data: &[u8]) {
        let Flow {
            target,
            next,
            expects,
            ..
        } = self.flows[&port];
        let packet = match data {
            b"" => tcp(SERVER, port, target, flags, next, expects),
            _ => tcp_with(SERVER, port, target, flags, next, expects, data),
        };
        self.nat
            .handle_packet(Instant::now(), GATEWAY, &packet, &mut self.out);
    }

    fn until(&mut self, mut is_true: impl FnMut(&mut Self) -> bool) {
        while !is_true(self) {
            self.wait();
            self.nat.handle_ready(Instant::now(), &mut self.out);
            self.take_in();
        }
    }

    fn wait(&self) {
        let now = Instant::now();
        let longest = Duration::from_millis(500);
        let wait = self
            .nat
            .poll_timeout()
            .map_or(longest, |at| at.saturating_duration_since(now).min(longest));
        let fd = self.nat.poll_fd();
        let timeout = Timespec::try_from(wait).unwrap();
        poll(&mut [PollFd::new(&fd, PollFlags::IN)], Some(&timeout)).unwrap();
    }

    /// Reads and acknowledges what comes, until nothing more does.
    fn take_in(&mut self) {
        loop {
            self.nat.flush(Instant::now(), &mut self.out);
            let arrived: Vec<Arrived> =
                self.out.packets().map(|(_, packet)| read(packet)).collect();
            self.out.clear();
            if arrived.is_empty() {
                return;
            }
            for (port, flags, sequence, len) in arrived {
                if self.note(port, flags, sequence, len) {
                    self.hand_over(port, ACK, b"");
                }
            }
        }
    }

    /// Whether it wants an acknowledgement.
    fn note(&mut self, port: u16, flags: u8, sequence: u32, len: usize) -> bool {
        assert_eq!(flags & RST, 0, "a reset");
        let Some(flow) = self.flows.get_mut(&port) else {
            return false;
        };
        if flags & SYN != 0 {
            flow.expects = sequence.wrapping_add(1).max(1);
        } else if len > 0 && sequence == flow.expects {
            flow.expects = sequence.wrapping_add(len as u32);
            flow.received += len;
        }
        flags & SYN != 0 || len > 0
    }
}

/// Port of the device, flags, sequence number, bytes of data.
type Arrived = (u16, u8, u32, usize);

fn read(packet: &[u8]) -> Arrived {
    let segment = &packet[20..];
    let port = u16::from_be_bytes([segment[2], segment[3]]);
    let sequence = u32::from_be_bytes(*segment[4..].first_chunk().unwrap());
    (
        port,
        segment[13],
        sequence,
        segment.len() - usize::from(segment[12] >> 4) * 4,
    )
}

/// In a process of its own, for each connection takes a descriptor on either side.
fn start_server() -> Child {
    let program = std::env::current_exe().unwrap();
    let mut server = Command::new(program)
        .arg("serve")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    server
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut [0; 1])
        .unwrap();
    server
}

fn stop(mut server: Child) {
    server.kill().unwrap();
    server.wait().unwrap();
}

fn serve() {
    let echo = TcpListener::bind(at(SERVER, ECHO)).unwrap();
    let download = TcpListener::bind(at(SERVER, DOWNLOAD)).unwrap();
    std::io::stdout().write_all(b"\n").unwrap();
    std::thread::spawn(move || {
        for peer in download.incoming() {
            let mut peer = peer.unwrap();
            std::thread::spawn(move || {
                peer.write_all(&vec![7; DOWNLOAD_BYTES]).unwrap();
                let _ = peer.read_exact(&mut [0; 1]);
            });
        }
    });
    echo_all(&echo);
}

/// All connections in one thread, so that thousands of them cost memory only here.
fn echo_all(listener: &TcpListener) {
    use rustix::event::epoll;
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
    let listening = epoll::EventData::new_u64(0);
    epoll::add(&epoll, listener, listening, epoll::EventFlags::IN).unwrap();
    let mut peers: HashMap<u64, TcpStream> = HashMap::new();
    let mut events = [epoll::Event {
        flags: epoll::EventFlags::empty(),
        data: listening,
    }; 256];
    for number in 1.. {
        let ready = epoll::wait(&epoll, &mut events, None).unwrap();
        for event in &events[..ready] {
            let id = event.data.u64();
            let Some(peer) = peers.get_mut(&id) else {
                let (peer, _) = listener.accept().unwrap();
                let data = epoll::EventData::new_u64(number);
                epoll::add(&epoll, &peer, data, epoll::EventFlags::IN).unwrap();
                peers.insert(number, peer);
                break;
            };
            let mut byte = [0; 1];
            if !matches!(peer.read(&mut byte), Ok(1)) || peer.write_all(&byte).is_err() {
                peers.remove(&id);
            }
        }
    }
}

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

fn processor_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the kernel fills in `time`, which outlives the call.
    let done = unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    assert_eq!(done, 0);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

fn allow_open_files(count: u64) {
    let limit = libc::rlimit {
        rlim_cur: count,
        rlim_max: count,
    };
    // SAFETY: `limit` is a valid rlimit that outlives the call.
    let done = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    assert_eq!(done, 0);
}
