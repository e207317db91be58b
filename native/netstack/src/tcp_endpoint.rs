//! The device-facing half of one TCP flow: one smoltcp interface that owns the target's address and holds one socket.
//!
//! smoltcp's `poll` walks every socket of its interface, so ten thousand flows in one interface cost ten thousand steps per
//! packet. One interface per flow costs about two kilobytes and is polled only when its own flow has something to do;
//! finding the flow is our hash table's work, waking it the timer heap's. There is no queue inside: the packet comes
//! in by reference, what goes out is written straight into the batch.

use std::net::SocketAddr;

use smoltcp::iface::{Config, Interface, PollResult, SocketHandle, SocketSet, SocketStorage};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp;
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpCidr};

use crate::batch::{Batch, PeerTag};

/// Half a megabyte each way carries 40 Mbit/s over 100 ms and 400 over 10; pages are touched only as far as they are used.
const BUFFER_BYTES: usize = 512 * 1024;

pub(crate) struct TcpEndpoint {
    interface: Interface,
    sockets: SocketSet<'static>,
    handle: SocketHandle,
}

/// The tunnel as smoltcp sees it, made anew for each call.
pub(crate) struct Tunnel<'a> {
    pub(crate) incoming: Option<&'a [u8]>,
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
        let handle = sockets.add(listening_socket(target)?);
        Some(Self {
            interface,
            sockets,
            handle,
        })
    }

    pub(crate) fn socket(&mut self) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(self.handle)
    }

    /// Takes a segment in. Acknowledgements wait for [`TcpEndpoint::transmit`], so that a batch gets one.
    pub(crate) fn receive(&mut self, now: Instant, packet: &[u8], tunnel: &mut Tunnel<'_>) {
        let mut with_packet = Tunnel {
            incoming: Some(packet),
            batch: &mut *tunnel.batch,
            peer: tunnel.peer,
            mtu: tunnel.mtu,
            budget: tunnel.budget,
        };
        self.interface
            .poll_ingress_single(now, &mut with_packet, &mut self.sockets);
        tunnel.budget = with_packet.budget;
    }

    /// Writes what is due and fits the budget; true when the budget ended it.
    pub(crate) fn transmit(&mut self, now: Instant, tunnel: &mut Tunnel<'_>) -> bool {
        while tunnel.budget > 0 {
            if self.interface.poll_egress(now, tunnel, &mut self.sockets) == PollResult::None {
                return false;
            }
        }
        true
    }

    pub(crate) fn poll_at(&mut self, now: Instant) -> Option<Instant> {
        self.interface.poll_at(now, &self.sockets)
    }
}

fn listening_socket(target: SocketAddr) -> Option<tcp::Socket<'static>> {
    let buffer = || tcp::SocketBuffer::new(vec![0; BUFFER_BYTES]);
    let mut socket = tcp::Socket::new(buffer(), buffer());
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
            },
        ))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Outgoing<'_>> {
        (self.budget > 0).then_some(Outgoing {
            batch: self.batch,
            peer: self.peer,
            budget: &mut self.budget,
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
}

impl TxToken for Outgoing<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        *self.budget = self.budget.saturating_sub(1);
        self.batch.push(self.peer, len, write)
    }
}
