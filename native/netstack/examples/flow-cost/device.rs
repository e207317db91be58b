//! A device that makes its segments by hand, so that what is measured is the NAT.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use culvert_netstack::{Batch, Nat, NatLimits};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::lab::packets::{tcp, tcp_with};
use crate::lab::{GATEWAY, SERVER, config};
use crate::processor_time::processor_time;
use crate::turns::Tally;

const ROUNDS: u32 = 2000;
pub(super) const QUIET: Duration = Duration::from_secs(3);

const RST: u8 = 4;
const SYN: u8 = 2;
const ACK: u8 = 16;

pub(super) struct Device {
    pub(super) nat: Nat,
    out: Batch,
    /// By the device's port.
    pub(super) flows: HashMap<u16, Flow>,
    memory_before: usize,
}

#[derive(Clone, Copy, Default)]
pub(super) struct Flow {
    target: u16,
    next: u32,
    expects: u32,
    pub(super) received: usize,
}

impl Device {
    pub(super) fn new() -> Self {
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

    pub(super) fn open(&mut self, ports: std::ops::Range<u16>, target: u16) {
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

    pub(super) fn reset_all(&mut self) {
        let ports: Vec<u16> = self.flows.keys().copied().collect();
        for port in ports {
            self.send(port, RST, b"");
        }
        self.until(|device| device.nat.flows() == 0);
        self.flows.clear();
    }

    /// Microseconds of processor time, of this thread alone.
    pub(super) fn rounds(&mut self, port: u16) -> f64 {
        let start = processor_time();
        for _ in 0..ROUNDS {
            let before = self.flows[&port].received;
            self.send(port, ACK, b"x");
            self.flows.get_mut(&port).unwrap().next += 1;
            self.until(|device| device.flows[&port].received > before);
        }
        (processor_time() - start).as_secs_f64() * 1e6 / f64::from(ROUNDS)
    }

    /// Each of the flows sends `data`.
    pub(super) fn say(&mut self, ports: &[u16], data: &[u8], tally: &mut Tally) {
        let said: Vec<Vec<u8>> = ports
            .iter()
            .map(|port| self.packet(*port, ACK, data))
            .collect();
        for port in ports {
            self.flows.get_mut(port).unwrap().next += data.len() as u32;
        }
        self.deliver(&said, tally);
    }

    /// Each of them has got an answer of `len` bytes by now, and acknowledges it.
    pub(super) fn hear(&mut self, ports: &[u16], len: usize, tally: &mut Tally) {
        let before: Vec<usize> = ports.iter().map(|port| self.flows[port].received).collect();
        let (nat, out) = (&mut self.nat, &mut self.out);
        tally.meter.time(|| nat.handle_ready(Instant::now(), out));
        let heard = self.note_all(tally);
        let acknowledgements: Vec<Vec<u8>> = heard
            .iter()
            .map(|port| self.packet(*port, ACK, b""))
            .collect();
        self.deliver(&acknowledgements, tally);
        for (port, before) in ports.iter().zip(before) {
            assert_eq!(self.flows[port].received, before + len);
        }
    }

    fn deliver(&mut self, packets: &[Vec<u8>], tally: &mut Tally) {
        let (nat, out) = (&mut self.nat, &mut self.out);
        tally.meter.time(|| {
            for packet in packets {
                nat.handle_packet(Instant::now(), GATEWAY, packet, out);
            }
            nat.flush(Instant::now(), out);
        });
        tally.packets += packets.len();
        self.note_all(tally);
    }

    /// Notes what has come out, and returns who wants an acknowledgement.
    fn note_all(&mut self, tally: &mut Tally) -> Vec<u16> {
        let arrived: Vec<Arrived> = self.out.packets().map(|(_, packet)| read(packet)).collect();
        self.out.clear();
        tally.packets += arrived.len();
        let wanting = arrived
            .into_iter()
            .filter_map(|(port, flags, sequence, len)| {
                self.note(port, flags, sequence, len).then_some(port)
            });
        wanting.collect()
    }

    /// Per cent of a core.
    pub(super) fn idle(&mut self) -> f64 {
        let start = processor_time();
        self.quiet();
        (processor_time() - start).as_secs_f64() * 100.0 / QUIET.as_secs_f64()
    }

    pub(super) fn quiet(&mut self) {
        let end = Instant::now() + QUIET;
        self.until(|_| Instant::now() > end);
    }

    pub(super) fn memory_per_flow(&self) -> f64 {
        let more = resident_bytes().saturating_sub(self.memory_before);
        more as f64 / 1024.0 / self.nat.flows() as f64
    }

    fn send(&mut self, port: u16, flags: u8, data: &[u8]) {
        self.hand_over(port, flags, data);
        self.take_in();
    }

    fn hand_over(&mut self, port: u16, flags: u8, data: &[u8]) {
        let packet = self.packet(port, flags, data);
        self.nat
            .handle_packet(Instant::now(), GATEWAY, &packet, &mut self.out);
    }

    fn packet(&self, port: u16, flags: u8, data: &[u8]) -> Vec<u8> {
        let Flow {
            target,
            next,
            expects,
            ..
        } = self.flows[&port];
        match data {
            b"" => tcp(SERVER, port, target, flags, next, expects),
            _ => tcp_with(SERVER, port, target, flags, next, expects, data),
        }
    }

    pub(super) fn until(&mut self, mut is_true: impl FnMut(&mut Self) -> bool) {
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

fn resident_bytes() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}
