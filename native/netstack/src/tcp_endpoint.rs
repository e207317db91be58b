//! The device-facing half of one TCP flow: one smoltcp interface that owns the target's address and holds one socket.
//!
//! smoltcp's `poll` walks every socket of its interface, so ten thousand flows in one interface cost ten thousand steps per
//! packet. One interface per flow costs little (`examples/flow-cost.rs` says how much) and is polled only when its own flow has something to do;
//! finding the flow is our hash table's work, waking it the timer heap's. There is no queue inside: the packet comes
//! in by reference, what goes out is written straight into the batch.

use std::net::SocketAddr;

use smoltcp::iface::{Config, Interface, PollResult, SocketHandle, SocketSet, SocketStorage};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp;
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpCidr};

use crate::batch::{Batch, PeerTag};
use crate::compose::{FIN, SYN};
use crate::ring_memory::{Ring, RingMemory};

pub(crate) struct TcpEndpoint {
    interface: Interface,
    sockets: SocketSet<'static>,
    handle: SocketHandle,
    /// How far the device's sequence has come, and how far we have acknowledged it.
    received_to: Option<u32>,
    acknowledged_to: Option<u32>,
    /// After the socket that lives in it.
    memory: RingMemory,
}

/// The tunnel as smoltcp sees it, made anew for each call.
pub(crate) struct Tunnel<'a> {
    pub(crate) incoming: Option<&'a [u8]>,
    pub(crate) batch: &'a mut Batch,
    pub(crate) peer: PeerTag,
    pub(crate) mtu: usize,
    /// How many packets may still be written.
    pub(crate) budget: usize,
    /// By the last segment that was written.
    pub(crate) acknowledged_to: Option<u32>,
}

impl TcpEndpoint {
    pub(crate) fn new(
        target: SocketAddr,
        seed: u64,
        now: Instant,
        tunnel: &mut Tunnel<'_>,
    ) -> Option<Self> {
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = seed;
        let mut interface = Interface::new(config, tunnel, now);
        let address: smoltcp::wire::IpAddress = target.ip().into();
        let prefix = IpCidr::new(address, if target.is_ipv4() { 32 } else { 128 });
        interface.update_ip_addrs(|addresses| {
            addresses.clear();
            // Capacity is two; the list was just emptied.
            let _ = addresses.push(prefix);
        });
        let mut sockets = SocketSet::new(vec![SocketStorage::EMPTY]);
        let memory = RingMemory::new().ok()?;
        // SAFETY: once each, and the sockets are dropped before the memory, by the order of the fields.
        let rings = unsafe { [Ring::FromDevice, Ring::ToDevice].map(|ring| memory.ring(ring)) };
        let handle = sockets.add(listening_socket(target, rings)?);
        Some(Self {
            interface,
            sockets,
            handle,
            received_to: None,
            acknowledged_to: None,
            memory,
        })
    }

    pub(crate) fn socket(&mut self) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(self.handle)
    }

    /// Takes a segment in. Acknowledgements wait for [`TcpEndpoint::transmit`], so that a batch gets one.
    pub(crate) fn receive(&mut self, now: Instant, packet: &[u8], tunnel: &mut Tunnel<'_>) {
        self.received_to = furthest(self.received_to, packet);
        let mut with_packet = Tunnel {
            incoming: Some(packet),
            batch: &mut *tunnel.batch,
            peer: tunnel.peer,
            mtu: tunnel.mtu,
            budget: tunnel.budget,
            acknowledged_to: self.acknowledged_to,
        };
        self.interface
            .poll_ingress_single(now, &mut with_packet, &mut self.sockets);
        tunnel.budget = with_packet.budget;
        self.acknowledged_to = with_packet.acknowledged_to;
    }

    /// Writes what is due and fits the budget; true when the budget ended it.
    pub(crate) fn transmit(&mut self, now: Instant, tunnel: &mut Tunnel<'_>) -> bool {
        tunnel.acknowledged_to = self.acknowledged_to;
        let mut is_more = true;
        while tunnel.budget > 0 && is_more {
            is_more =
                self.interface.poll_egress(now, tunnel, &mut self.sockets) != PollResult::None;
        }
        self.acknowledged_to = tunnel.acknowledged_to;
        is_more
    }

    /// Gives the memory of empty rings back. Segments that came before their turn lie in a ring that counts as empty; there
    /// are none when everything that came is acknowledged.
    pub(crate) fn release_memory(&mut self) {
        let socket = self.sockets.get::<tcp::Socket<'static>>(self.handle);
        if socket.send_queue() == 0 {
            self.memory.release(Ring::ToDevice);
        }
        if socket.recv_queue() == 0 && self.received_to == self.acknowledged_to {
            self.memory.release(Ring::FromDevice);
        }
    }

    pub(crate) fn poll_at(&mut self, now: Instant) -> Option<Instant> {
        self.interface.poll_at(now, &self.sockets)
    }
}

fn listening_socket(
    target: SocketAddr,
    rings: [&'static mut [u8]; 2],
) -> Option<tcp::Socket<'static>> {
    let [from_device, to_device] = rings.map(tcp::SocketBuffer::new);
    let mut socket = tcp::Socket::new(from_device, to_device);
    socket.set_congestion_control(tcp::CongestionControl::Cubic);
    // smoltcp's own timeout also ends connections that are merely quiet (an idle SSH session): ours is in `TcpFlow`.
    socket.set_timeout(None);
    // The target's stack has decided already what to send together.
    socket.set_nagle_enabled(false);
    socket
        .listen((smoltcp::wire::IpAddress::from(target.ip()), target.port()))
        .ok()?;
    Some(socket)
}

/// The end of the segment, or of an earlier one that reached further.
fn furthest(before: Option<u32>, packet: &[u8]) -> Option<u32> {
    let segment = Segment::of(packet)?;
    let end = segment.sequence.wrapping_add(segment.occupies);
    match before {
        Some(before) if (end.wrapping_sub(before) as i32) < 0 => Some(before),
        _ => Some(end),
    }
}

/// What is looked at of a segment outside of smoltcp.
struct Segment {
    sequence: u32,
    acknowledgement: u32,
    /// Data, and one each for SYN and FIN.
    occupies: u32,
}

impl Segment {
    fn of(packet: &[u8]) -> Option<Self> {
        let start = if packet.first()? >> 4 == 4 { 20 } else { 40 };
        let segment = packet.get(start..)?;
        let &[_, _, _, _, s0, s1, s2, s3, a0, a1, a2, a3, offset, flags] = segment.first_chunk()?;
        let data = segment.len().checked_sub(usize::from(offset >> 4) * 4)?;
        Some(Self {
            sequence: u32::from_be_bytes([s0, s1, s2, s3]),
            acknowledgement: u32::from_be_bytes([a0, a1, a2, a3]),
            occupies: data as u32 + u32::from(flags & SYN != 0) + u32::from(flags & FIN != 0),
        })
    }
}

pub(crate) fn smoltcp_time(since_start: std::time::Duration) -> Instant {
    Instant::from_micros(since_start.as_micros() as i64)
}

impl Device for Tunnel<'_> {
    type RxToken<'b>
        = Incoming<'b>
    where
        Self: 'b;
    type TxToken<'b>
        = Outgoing<'b>
    where
        Self: 'b;

    fn receive(&mut self, _now: Instant) -> Option<(Incoming<'_>, Outgoing<'_>)> {
        let packet = self.incoming.take()?;
        Some((
            Incoming(packet),
            Outgoing {
                batch: self.batch,
                peer: self.peer,
                budget: &mut self.budget,
                acknowledged_to: &mut self.acknowledged_to,
            },
        ))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Outgoing<'_>> {
        (self.budget > 0).then_some(Outgoing {
            batch: self.batch,
            peer: self.peer,
            budget: &mut self.budget,
            acknowledged_to: &mut self.acknowledged_to,
        })
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = self.mtu;
        capabilities
    }
}

pub(crate) struct Incoming<'a>(&'a [u8]);

impl RxToken for Incoming<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(self.0)
    }
}

pub(crate) struct Outgoing<'a> {
    batch: &'a mut Batch,
    peer: PeerTag,
    budget: &'a mut usize,
    acknowledged_to: &'a mut Option<u32>,
}

impl TxToken for Outgoing<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        *self.budget = self.budget.saturating_sub(1);
        self.batch.push(self.peer, len, |packet| {
            let result = write(packet);
            if let Some(segment) = Segment::of(packet) {
                *self.acknowledged_to = Some(segment.acknowledgement);
            }
            result
        })
    }
}
