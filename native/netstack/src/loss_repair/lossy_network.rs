//! Whole downloads in virtual time, over a network that loses, delays, repeats and reorders.

#[path = "../../tests/lab/wire.rs"]
mod wire;

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::socket::tcp;
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};

use crate::batch::{Batch, PeerTag};
use crate::clock::Clock;
use crate::tcp_endpoint::{TcpEndpoint, Tunnel};
use wire::Wire;

#[test]
fn one_packet_in_a_hundred_lost_costs_a_download_seconds_and_not_minutes() {
    let network = Network::new(Weather {
        lost: 10,
        ..Weather::default()
    });

    let took = network.download(2_000_000);

    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[test]
fn a_path_that_reorders_is_not_taken_for_one_that_loses() {
    let network = Network::new(Weather {
        jitter_ms: 4,
        ..Weather::default()
    });

    let took = network.download(2_000_000);

    assert!(took < Duration::from_secs(2), "{took:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_byte_arrives_once_and_in_order_in_any_weather(
        lost in 0_u64..200,
        repeated in 0_u64..100,
        jitter_ms in 0_u64..30,
        seed in 1_u64..,
    ) {
        let weather = Weather { lost, repeated, jitter_ms, seed };

        let took = Network::new(weather).download(100_000);

        prop_assert!(took < Duration::from_secs(900), "{took:?}");
    }
}

/// Per mille, each way.
#[derive(Clone, Copy, Debug)]
struct Weather {
    lost: u64,
    repeated: u64,
    jitter_ms: u64,
    seed: u64,
}

impl Default for Weather {
    fn default() -> Self {
        Self {
            lost: 0,
            repeated: 0,
            jitter_ms: 0,
            seed: 0x9e37_79b9_7f4a_7c15,
        }
    }
}

const DELAY: Duration = Duration::from_millis(10);
const MTU: usize = 1420;
const TARGET: ([u8; 4], u16) = ([10, 9, 0, 10], 80);

/// When, a number that tells packets of one moment apart, and whether it is for the device.
type Flying = Reverse<(Instant, u64, bool, Vec<u8>)>;

struct Network {
    weather: Weather,
    clock: Clock,
    flying: BinaryHeap<Flying>,
    count: u64,
    endpoint: TcpEndpoint,
    batch: Batch,
    interface: Interface,
    sockets: SocketSet<'static>,
    handle: SocketHandle,
    wire: Wire,
}

impl Network {
    fn new(weather: Weather) -> Self {
        let now = Instant::now();
        let clock = Clock { start: now, now };
        let (mut batch, mut wire) = (Batch::default(), Wire::new(MTU));
        let target = SocketAddr::new(IpAddr::from(TARGET.0), TARGET.1);
        let endpoint = TcpEndpoint::new(target, 7, clock, &mut tunnel(&mut batch)).unwrap();
        let config = Config::new(HardwareAddress::Ip);
        let mut interface = Interface::new(config, &mut wire, clock.smoltcp());
        interface.update_ip_addrs(|addresses| {
            let own = IpAddress::v4(100, 96, 0, 7);
            addresses.push(IpCidr::new(own, 32)).unwrap();
        });
        let ring = || tcp::SocketBuffer::new(vec![0; 1 << 20]);
        let mut socket = tcp::Socket::new(ring(), ring());
        let [a, b, c, d] = TARGET.0;
        let remote = (IpAddress::v4(a, b, c, d), TARGET.1);
        socket.connect(interface.context(), remote, 4000).unwrap();
        let mut sockets = SocketSet::new(Vec::new());
        let handle = sockets.add(socket);
        Self {
            weather,
            clock,
            flying: BinaryHeap::new(),
            count: 0,
            endpoint,
            batch,
            interface,
            sockets,
            handle,
            wire,
        }
    }

    /// How long it took, by the clock of the network.
    fn download(mut self, len: usize) -> Duration {
        let bytes: Vec<u8> = (0..len).map(|at| (at * 31 / 7) as u8).collect();
        let (mut sent, mut got) = (0, 0);
        while got < len {
            if self.endpoint.socket().can_send() && sent < len {
                sent += self.endpoint.socket().send_slice(&bytes[sent..]).unwrap();
            }
            self.turn();
            let socket = self.sockets.get_mut::<tcp::Socket<'_>>(self.handle);
            while socket.can_recv() {
                let piece = socket.recv(|piece| (piece.len(), piece.to_vec())).unwrap();
                assert!(
                    piece[..] == bytes[got..got + piece.len()],
                    "other bytes at {got}"
                );
                got += piece.len();
            }
            let waited = self.clock.now - self.clock.start;
            assert!(
                waited < Duration::from_secs(3600),
                "stuck at {got} of {len}"
            );
        }
        self.clock.now - self.clock.start
    }

    /// Everything that is due, then on to what is next.
    fn turn(&mut self) {
        while let Some(Reverse((at, ..))) = self.flying.peek()
            && *at <= self.clock.now
        {
            let Some(Reverse((_, _, is_for_device, packet))) = self.flying.pop() else {
                return;
            };
            if is_for_device {
                self.wire.inbox.push_back(packet);
            } else {
                self.endpoint
                    .receive(self.clock, &packet, &mut tunnel(&mut self.batch));
            }
        }
        self.endpoint
            .transmit(self.clock, &mut tunnel(&mut self.batch));
        let packets: Vec<Vec<u8>> = self
            .batch
            .packets()
            .map(|(_, packet)| packet.to_vec())
            .collect();
        self.batch.clear();
        for packet in packets {
            self.carry(true, packet);
        }
        let now = self.clock.smoltcp();
        self.interface.poll(now, &mut self.wire, &mut self.sockets);
        while let Some(packet) = self.wire.outbox.pop_front() {
            self.carry(false, packet);
        }
        let device = self.interface.poll_at(now, &self.sockets);
        let next = [
            self.flying.peek().map(|Reverse((at, ..))| *at),
            self.endpoint.poll_at(self.clock),
            device.map(|at| self.clock.moment(at)),
        ];
        // Nothing: then it is ours to write or to read.
        let next = next.into_iter().flatten().min();
        let soon = self.clock.now + Duration::from_micros(10);
        self.clock.now = next.map_or(soon, |next| next.max(soon));
    }

    fn carry(&mut self, is_for_device: bool, packet: Vec<u8>) {
        if self.chance() < self.weather.lost {
            return;
        }
        let copies = 1 + usize::from(self.chance() < self.weather.repeated);
        for _ in 0..copies {
            let late = match self.weather.jitter_ms {
                0 => 0,
                most => self.chance() * most / 1000,
            };
            let at = self.clock.now + DELAY + Duration::from_millis(late);
            self.count += 1;
            self.flying
                .push(Reverse((at, self.count, is_for_device, packet.clone())));
        }
    }

    /// Below one thousand.
    fn chance(&mut self) -> u64 {
        let seed = &mut self.weather.seed;
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        (*seed >> 20) % 1000
    }
}

fn tunnel(batch: &mut Batch) -> Tunnel<'_> {
    Tunnel {
        batch,
        peer: PeerTag(0),
        mtu: MTU,
        budget: 64,
    }
}
