//! A device in user space: a TCP/IP stack, or packets of its own making, on one side of a [`Nat`].

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use culvert_netstack::{Batch, Nat, NatLimits};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::socket::tcp;
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};

use super::wire::Wire;
use super::{DEVICE, DEVICE_V6, GATEWAY, MTU, config, ip};

pub struct Device {
    pub nat: Nat,
    /// What came out of the NAT and is not TCP.
    pub seen: Vec<Vec<u8>>,
    /// TCP segments that came out of the NAT with RST or with SYN.
    pub resets: usize,
    pub syn_acks: usize,
    /// Added to the clock that the NAT is shown.
    pub ahead: Duration,
    /// Every n-th packet is lost, each way; 0: none.
    pub lose_every: usize,
    out: Batch,
    interface: Interface,
    pub sockets: SocketSet<'static>,
    wire: Wire,
    start: Instant,
    next_port: u16,
    carried: usize,
}

impl Device {
    pub fn new(ranges: &[&str]) -> Self {
        Self::with_limits(
            ranges,
            NatLimits {
                flows: 8192,
                flows_per_device: 8192,
            },
        )
    }

    pub fn with_limits(ranges: &[&str], limits: NatLimits) -> Self {
        let start = Instant::now();
        let mut wire = Wire::new(MTU);
        let mut interface = Interface::new(
            Config::new(HardwareAddress::Ip),
            &mut wire,
            smoltcp::time::Instant::ZERO,
        );
        interface.update_ip_addrs(|addresses| {
            addresses.push(IpCidr::new(smoltcp_ip(DEVICE), 32)).unwrap();
            addresses
                .push(IpCidr::new(smoltcp_ip(DEVICE_V6), 128))
                .unwrap();
        });
        Self {
            nat: Nat::new(&config(ranges), limits, start).unwrap(),
            seen: Vec::new(),
            resets: 0,
            syn_acks: 0,
            ahead: Duration::ZERO,
            lose_every: 0,
            out: Batch::default(),
            interface,
            sockets: SocketSet::new(Vec::new()),
            wire,
            start,
            next_port: 20_000,
            carried: 0,
        }
    }

    pub fn now(&self) -> Instant {
        Instant::now() + self.ahead
    }

    pub fn dial(&mut self, target: SocketAddr) -> SocketHandle {
        self.dial_with_buffers(target, 256 * 1024)
    }

    pub fn dial_with_buffers(&mut self, target: SocketAddr, bytes: usize) -> SocketHandle {
        let buffer = || tcp::SocketBuffer::new(vec![0; bytes]);
        let mut socket = tcp::Socket::new(buffer(), buffer());
        self.next_port += 1;
        let remote = (IpAddress::from(target.ip()), target.port());
        socket
            .connect(self.interface.context(), remote, self.next_port)
            .unwrap();
        self.sockets.add(socket)
    }

    pub fn tcp(&mut self, handle: SocketHandle) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(handle)
    }

    /// One turn of everything.
    pub fn step(&mut self) {
        let now = self.now();
        let since = now.duration_since(self.start).as_micros() as i64;
        let at = smoltcp::time::Instant::from_micros(since);
        self.interface.poll(at, &mut self.wire, &mut self.sockets);
        while let Some(packet) = self.wire.outbox.pop_front() {
            if !self.is_lost() {
                self.nat.handle_packet(now, GATEWAY, &packet, &mut self.out);
            }
        }
        self.nat.flush(now, &mut self.out);
        self.nat.handle_ready(now, &mut self.out);
        self.deliver();
    }

    /// A packet of the device's own making.
    pub fn send(&mut self, packet: &[u8]) {
        let now = self.now();
        self.nat.handle_packet(now, GATEWAY, packet, &mut self.out);
        self.nat.flush(now, &mut self.out);
        self.deliver();
    }

    pub fn configure(&mut self, ranges: &[&str]) {
        let now = self.now();
        self.nat.configure(now, &config(ranges), &mut self.out);
        self.deliver();
    }

    pub fn until(&mut self, what: &str, mut is_true: impl FnMut(&mut Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !is_true(self) {
            assert!(Instant::now() < deadline, "never happened: {what}");
            self.step();
            if self.wire.inbox.is_empty() {
                self.wait_a_little();
            }
        }
    }

    pub fn wait_a_little(&self) {
        let fd = self.nat.poll_fd();
        let wait = rustix::event::Timespec {
            tv_sec: 0,
            tv_nsec: 500_000,
        };
        let mut fds = [rustix::event::PollFd::new(
            &fd,
            rustix::event::PollFlags::IN,
        )];
        rustix::event::poll(&mut fds, Some(&wait)).unwrap();
    }

    fn deliver(&mut self) {
        let packets: Vec<Vec<u8>> = self
            .out
            .packets()
            .map(|(_, bytes)| bytes.to_vec())
            .collect();
        self.out.clear();
        for packet in packets {
            assert!(
                packet.len() <= MTU,
                "{} bytes do not fit the tunnel",
                packet.len()
            );
            match tcp_flags(&packet) {
                Some(flags) => {
                    self.resets += usize::from(flags & 4 != 0);
                    self.syn_acks += usize::from(flags & 2 != 0);
                    if !self.is_lost() {
                        self.wire.inbox.push_back(packet);
                    }
                }
                None => self.seen.push(packet),
            }
        }
    }

    fn is_lost(&mut self) -> bool {
        self.carried += 1;
        self.lose_every > 0 && self.carried.is_multiple_of(self.lose_every)
    }
}

fn tcp_flags(packet: &[u8]) -> Option<u8> {
    match packet[0] >> 4 {
        4 if packet[9] == 6 => Some(packet[33]),
        6 if packet[6] == 6 => Some(packet[53]),
        _ => None,
    }
}

fn smoltcp_ip(text: &str) -> IpAddress {
    ip(text).into()
}
