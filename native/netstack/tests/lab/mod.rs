//! A private network for one test, and a device in user space that reaches it through a [`Nat`].
//!
//! The network is a network namespace that the test's thread has to itself: 10.9.0.10 and fd12::10 are "the server",
//! 10.9.1.0/24 answers unreachable and 10.9.2.0/24 prohibited. It ends with the thread, whatever the test does.
#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

pub mod packets;
pub mod pieces;
pub mod router;

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::process::Command;
use std::time::{Duration, Instant};

use culvert_netstack::{Batch, Nat, NatConfig, NatLimits, PeerTag};
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Device as Phy, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp;
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};

pub const SERVER: &str = "10.9.0.10";
pub const SERVER_V6: &str = "fd12::10";
pub const DEVICE: &str = "100.96.0.7";
pub const DEVICE_V6: &str = "fd5a::7";
pub const CONNECTOR: &str = "100.96.0.2";
pub const GATEWAY: PeerTag = PeerTag(1);
pub const MTU: usize = 1420;

pub fn in_a_private_network(test: impl FnOnce() + Send + 'static) {
    let outcome = std::thread::spawn(move || {
        // SAFETY: changes only the network namespace of this very thread.
        let unshared = unsafe { libc::unshare(libc::CLONE_NEWNET) };
        assert_eq!(
            unshared, 0,
            "these tests make network namespaces and need root"
        );
        std::fs::write("/proc/sys/net/ipv4/ping_group_range", "0 2147483647").unwrap();
        run("ip link set lo up");
        run("ip addr add 10.9.0.10/32 dev lo");
        run("ip -6 addr add fd12::10/128 dev lo nodad");
        run("ip route add unreachable 10.9.1.0/24");
        run("ip route add prohibit 10.9.2.0/24");
        test();
    })
    .join();
    if let Err(panic) = outcome {
        std::panic::resume_unwind(panic);
    }
}

pub fn run(command: &str) {
    let mut words = command.split(' ');
    let status = Command::new(words.next().unwrap())
        .args(words)
        .status()
        .unwrap();
    assert!(status.success(), "{command}");
}

pub fn config(ranges: &[&str]) -> NatConfig {
    NatConfig {
        mtu: MTU,
        addresses: vec![ip(CONNECTOR), ip("fd5a::2")],
        ranges: ranges.iter().map(|range| range.parse().unwrap()).collect(),
        overlay: vec![
            "100.96.0.0/16".parse().unwrap(),
            "fd5a::/48".parse().unwrap(),
        ],
    }
}

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

#[derive(Default)]
struct Wire {
    inbox: VecDeque<Vec<u8>>,
    outbox: VecDeque<Vec<u8>>,
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
        let mut wire = Wire::default();
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

/// A UDP server that sends back what it gets; its port.
pub fn echo_server(address: &str) -> u16 {
    let socket = std::net::UdpSocket::bind(at(address, 0)).unwrap();
    let port = socket.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let mut data = vec![0; 65_535];
        while let Ok((len, peer)) = socket.recv_from(&mut data) {
            socket.send_to(&data[..len], peer).unwrap();
        }
    });
    port
}

pub fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

pub fn at(address: &str, port: u16) -> SocketAddr {
    SocketAddr::new(ip(address), port)
}

fn smoltcp_ip(text: &str) -> IpAddress {
    ip(text).into()
}

impl Phy for Wire {
    type RxToken<'a> = Received;
    type TxToken<'a> = ToSend<'a>;

    fn receive(&mut self, _: smoltcp::time::Instant) -> Option<(Received, ToSend<'_>)> {
        let packet = self.inbox.pop_front()?;
        Some((Received(packet), ToSend(&mut self.outbox)))
    }

    fn transmit(&mut self, _: smoltcp::time::Instant) -> Option<ToSend<'_>> {
        Some(ToSend(&mut self.outbox))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = MTU;
        capabilities
    }
}

pub struct Received(Vec<u8>);

impl RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

pub struct ToSend<'a>(&'a mut VecDeque<Vec<u8>>);

impl TxToken for ToSend<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let mut packet = vec![0; len];
        let result = write(&mut packet);
        self.0.push_back(packet);
        result
    }
}
