//! The device-facing half of one TCP flow: one smoltcp interface that owns the target's address and holds one socket.
//!
//! smoltcp's `poll` walks every socket of its interface, so ten thousand flows in one interface cost ten thousand steps per
//! packet. One interface per flow costs little (`examples/flow-cost` says how much) and is polled only when its own flow
//! has something to do; finding the flow is our hash table's work, waking it the timer heap's. There is no queue inside:
//! the packet comes in by reference, what goes out is written straight into the batch.
#![allow(unsafe_code, reason = "the rings that a socket borrows lie beside it")]

#[forbid(unsafe_code)]
mod link;

use std::net::{IpAddr, SocketAddr};

use smoltcp::iface::{Config, Interface, PollResult, SocketHandle, SocketSet, SocketStorage};
use smoltcp::socket::tcp;
use smoltcp::wire::{HardwareAddress, IpCidr};

use self::link::Link;
use crate::batch::{Batch, PeerTag};
use crate::clock::Clock;
use crate::compose::push_bare_acknowledgement;
use crate::loss_repair::{Latest, LossRepair, Segment, is_before, renew};
use crate::ring_memory::{Ring, RingMemory};

pub(crate) struct TcpEndpoint {
    interface: Interface,
    sockets: SocketSet<'static>,
    handle: SocketHandle,
    repair: LossRepair,
    /// How far the device's sequence has come, and how far we have acknowledged it.
    received_to: Option<u32>,
    latest: Option<Latest>,
    /// After the socket that lives in it.
    memory: RingMemory,
}

/// Where the device's segments go.
pub(crate) struct Tunnel<'a> {
    pub(crate) batch: &'a mut Batch,
    pub(crate) peer: PeerTag,
    pub(crate) mtu: usize,
    /// How many packets may still be written.
    pub(crate) budget: usize,
}

impl TcpEndpoint {
    pub(crate) fn new(
        target: SocketAddr,
        seed: u64,
        clock: Clock,
        tunnel: &mut Tunnel<'_>,
    ) -> Option<Self> {
        let (mut repair, mut latest) = (LossRepair::default(), None);
        let mut link = Link {
            incoming: None,
            tunnel,
            repair: &mut repair,
            latest: &mut latest,
            now: clock.now,
        };
        let interface = interface_of(target.ip(), seed, clock, &mut link);
        let mut sockets = SocketSet::new(vec![SocketStorage::EMPTY]);
        let memory = RingMemory::new().ok()?;
        // SAFETY: once each, and the sockets are dropped before the memory, by the order of the fields.
        let rings = unsafe { [Ring::FromDevice, Ring::ToDevice].map(|ring| memory.ring(ring)) };
        let handle = sockets.add(listening_socket(target, rings)?);
        Some(Self {
            interface,
            sockets,
            handle,
            repair,
            received_to: None,
            latest,
            memory,
        })
    }

    pub(crate) fn socket(&mut self) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(self.handle)
    }

    /// Takes a segment in. Acknowledgements wait for [`TcpEndpoint::transmit`], so that a batch gets one.
    pub(crate) fn receive(&mut self, clock: Clock, packet: &[u8], tunnel: &mut Tunnel<'_>) {
        self.received_to = furthest(self.received_to, packet);
        let showing = self.repair.note_received(clock.now, packet);
        if let Some(half) = showing.half {
            self.show_bare(clock, packet, Some(half), 1, tunnel);
        }
        if showing.as_it_is {
            self.show(clock, packet, tunnel);
        }
        if showing.again > 0 {
            self.show_bare(clock, packet, None, showing.again, tunnel);
        }
    }

    /// What `packet` acknowledges, or some of it, without its data.
    fn show_bare(
        &mut self,
        clock: Clock,
        packet: &[u8],
        only_to: Option<u32>,
        times: usize,
        tunnel: &mut Tunnel<'_>,
    ) {
        let mut bare = Batch::default();
        push_bare_acknowledgement(&mut bare, packet, only_to);
        for (_, acknowledgement) in bare.packets() {
            for _ in 0..times {
                self.show(clock, acknowledgement, tunnel);
            }
        }
    }

    fn show(&mut self, clock: Clock, packet: &[u8], tunnel: &mut Tunnel<'_>) {
        let mut link = Link {
            incoming: Some(packet),
            tunnel,
            repair: &mut self.repair,
            latest: &mut self.latest,
            now: clock.now,
        };
        self.interface
            .poll_ingress_single(clock.smoltcp(), &mut link, &mut self.sockets);
    }

    /// Writes what is due and fits the budget; true when the budget ended it.
    pub(crate) fn transmit(&mut self, clock: Clock, tunnel: &mut Tunnel<'_>) -> bool {
        self.repair.handle_timeout(clock.now);
        self.send_again(clock, tunnel);
        let mut link = Link {
            incoming: None,
            tunnel,
            repair: &mut self.repair,
            latest: &mut self.latest,
            now: clock.now,
        };
        let mut is_more = true;
        while link.tunnel.budget > 0 && is_more {
            let sent = self
                .interface
                .poll_egress(clock.smoltcp(), &mut link, &mut self.sockets);
            is_more = sent != PollResult::None;
        }
        is_more
    }

    fn send_again(&mut self, clock: Clock, tunnel: &mut Tunnel<'_>) {
        let Some(latest) = self.latest else { return };
        while tunnel.budget > 0
            && let Some(packet) = self.repair.poll_transmit(clock.now)
        {
            renew(packet, latest);
            tunnel.budget -= 1;
            tunnel.batch.push(tunnel.peer, packet.len(), |room| {
                room.copy_from_slice(packet)
            });
        }
    }

    /// Gives the memory of empty rings back. Segments that came before their turn lie in a ring that counts as empty; there
    /// are none when everything that came is acknowledged.
    pub(crate) fn release_memory(&mut self) {
        let socket = self.sockets.get::<tcp::Socket<'static>>(self.handle);
        if socket.send_queue() == 0 {
            self.memory.release(Ring::ToDevice);
            self.repair.forget();
        }
        let acknowledged_to = self.latest.map(|latest| latest.acknowledgement);
        if socket.recv_queue() == 0 && self.received_to == acknowledged_to {
            self.memory.release(Ring::FromDevice);
        }
    }

    pub(crate) fn poll_at(&mut self, clock: Clock) -> Option<std::time::Instant> {
        let at = self.interface.poll_at(clock.smoltcp(), &self.sockets);
        let at = at.map(|at| clock.moment(at));
        at.into_iter().chain(self.repair.poll_timeout()).min()
    }
}

/// It owns the target's address.
fn interface_of(target: IpAddr, seed: u64, clock: Clock, link: &mut Link<'_, '_>) -> Interface {
    let mut config = Config::new(HardwareAddress::Ip);
    config.random_seed = seed;
    let mut interface = Interface::new(config, link, clock.smoltcp());
    let prefix = if target.is_ipv4() { 32 } else { 128 };
    interface.update_ip_addrs(|addresses| {
        addresses.clear();
        // Capacity is two; the list was just emptied.
        let _ = addresses.push(IpCidr::new(target.into(), prefix));
    });
    interface
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
    let end = Segment::of(packet)?.end();
    Some(
        before
            .filter(|before| is_before(end, *before))
            .unwrap_or(end),
    )
}
