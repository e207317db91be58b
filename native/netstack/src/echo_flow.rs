//! Ping. The kernel offers echo requests without any right on "ping sockets", to the groups that
//! `net.ipv4.ping_group_range` names; with CAP_NET_RAW a raw socket does as well. A ping socket puts an identifier of its
//! own into the request and shows only the replies to it; the device's identifier is put back here.

use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::batch::Batch;
use crate::checksum::internet_checksum;
use crate::compose::{
    HOP_LIMIT, Way, copy_at, push_payload, seal_transport, set_u16, write_ip_header,
};
use crate::error_queue::{QueuedError, ask_for_errors, take_error};
use crate::flow_table::FlowKey;
use crate::inner::{ICMP, ICMPV6};
use crate::tcp_flow::set_hop_limit;

/// Whether this process may send echo requests, and how.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PingDoor {
    PingSocket,
    RawSocket,
    /// Neither: `net.ipv4.ping_group_range` has to include one of our groups.
    NeedsSysctl,
}

impl PingDoor {
    /// The sysctl governs both address families, so one answer is enough.
    pub fn find() -> Self {
        if Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::ICMPV4)).is_ok() {
            Self::PingSocket
        } else if Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::ICMPV4)).is_ok() {
            Self::RawSocket
        } else {
            Self::NeedsSysctl
        }
    }

    /// What an administrator reads where ping does not work; none where it does.
    pub fn advice(self) -> Option<&'static str> {
        match self {
            Self::PingSocket | Self::RawSocket => None,
            Self::NeedsSysctl => Some(
                "ping through this connector does not work: the kernel allows it to no group of this process. \
                 Run: sysctl -w net.ipv4.ping_group_range=\"0 2147483647\"",
            ),
        }
    }
}

pub(crate) struct EchoFlow {
    socket: Socket,
    raw: bool,
    /// What goes over the wire in place of the device's identifier, where we choose it (raw sockets).
    ident: u16,
    hop_limit: u8,
    used: Instant,
}

const IDLE: Duration = Duration::from_secs(60);
const REPLIES_PER_TURN: usize = 32;
const MAX_MESSAGE: usize = 65_515;
const ECHO_HEADER: usize = 8;

impl EchoFlow {
    pub(crate) fn open(
        target: IpAddr,
        door: PingDoor,
        ident: u16,
        now: Instant,
    ) -> io::Result<Self> {
        let (domain, protocol) = if target.is_ipv4() {
            (Domain::IPV4, Protocol::ICMPV4)
        } else {
            (Domain::IPV6, Protocol::ICMPV6)
        };
        let kind = match door {
            PingDoor::PingSocket => Type::DGRAM,
            PingDoor::RawSocket => Type::RAW,
            PingDoor::NeedsSysctl => return Err(io::Error::from_raw_os_error(libc::EACCES)),
        };
        let socket = Socket::new(domain, kind.nonblocking().cloexec(), Some(protocol))?;
        ask_for_errors(socket.as_fd(), target.is_ipv4(), true)?;
        socket.connect(&SockAddr::from(SocketAddr::new(target, 0)))?;
        let raw = door == PingDoor::RawSocket;
        Ok(Self {
            socket,
            raw,
            ident,
            hop_limit: 0,
            used: now,
        })
    }

    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.used + IDLE
    }

    /// `message`: the echo request as the device sent it, from the ICMP type on.
    pub(crate) fn send(
        &mut self,
        message: &[u8],
        hop_limit: u8,
        v4: bool,
        scratch: &mut Vec<u8>,
        now: Instant,
    ) -> io::Result<()> {
        self.used = now;
        if self.hop_limit != hop_limit {
            set_hop_limit(&self.socket, v4, i32::from(hop_limit))?;
            self.hop_limit = hop_limit;
        }
        scratch.clear();
        scratch.extend_from_slice(message);
        if self.raw {
            set_u16(scratch, 4, self.ident);
            set_u16(scratch, 2, 0);
            // The kernel fills in the checksum of ICMPv6 and, on ping sockets, of both.
            if v4 {
                let sum = internet_checksum(scratch, 0);
                set_u16(scratch, 2, sum);
            }
        }
        match self.socket.send_with_flags(scratch, libc::MSG_NOSIGNAL) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        }
    }

    pub(crate) fn receive(
        &mut self,
        key: &FlowKey,
        way: &Way,
        ident: &mut u32,
        batch: &mut Batch,
        scratch: &mut Vec<u8>,
        now: Instant,
    ) {
        let v4 = key.target.is_ipv4();
        for _ in 0..REPLIES_PER_TURN {
            scratch.resize(MAX_MESSAGE + 20, 0);
            let Ok(len) = (&mut &self.socket).read(scratch) else {
                return;
            };
            scratch.truncate(len);
            // A raw IPv4 socket shows the IP header too.
            let start = if self.raw && v4 {
                ip_header_len(scratch)
            } else {
                0
            };
            let Some(message) = scratch.get_mut(start..) else {
                continue;
            };
            if !self.is_our_reply(message, v4) {
                continue;
            }
            self.used = now;
            *ident = ident.wrapping_add(1);
            write_reply(message, key.device_port, way);
            push_payload(batch, way, icmp(v4), HOP_LIMIT, *ident, message);
        }
    }

    fn is_our_reply(&self, message: &[u8], v4: bool) -> bool {
        let reply = if v4 { 0 } else { 129 };
        match *message {
            [kind, 0, _, _, i0, i1, _, _, ..] => {
                kind == reply && (!self.raw || u16::from_be_bytes([i0, i1]) == self.ident)
            }
            _ => false,
        }
    }

    pub(crate) fn report_errors(&mut self, mut tell: impl FnMut(QueuedError, &[u8])) {
        let mut quote = [0; 64];
        while let Some(error) = take_error(self.socket.as_fd(), &mut quote) {
            let quoted = quote.get(..error.quoted.min(64)).unwrap_or_default();
            tell(error, quoted);
        }
        let _ = self.socket.take_error();
    }
}

fn ip_header_len(packet: &[u8]) -> usize {
    packet
        .first()
        .map_or(0, |first| usize::from(first & 0x0f) * 4)
}

fn write_reply(message: &mut [u8], device_ident: u16, way: &Way) {
    set_u16(message, 4, device_ident);
    if way.source.is_ipv4() {
        set_u16(message, 2, 0);
        let sum = internet_checksum(message, 0);
        set_u16(message, 2, sum);
    } else {
        seal_transport(way, ICMPV6, message, 2);
    }
}

/// The connector answers for its own overlay address itself: a gateway probes the whole data path with it.
pub(crate) fn push_own_reply(batch: &mut Batch, way: &Way, request: &[u8], scratch: &mut Vec<u8>) {
    scratch.clear();
    scratch.extend_from_slice(request);
    let v4 = way.source.is_ipv4();
    if let Some(kind) = scratch.first_mut() {
        *kind = if v4 { 0 } else { 129 };
    }
    let ident = match *request {
        [_, _, _, _, i0, i1, ..] => u16::from_be_bytes([i0, i1]),
        _ => 0,
    };
    write_reply(scratch, ident, way);
    push_payload(batch, way, icmp(v4), HOP_LIMIT, 0, scratch);
}

pub(crate) const fn icmp(v4: bool) -> u8 {
    if v4 { ICMP } else { ICMPV6 }
}

/// The echo request that an error is about, with the device's own identifier.
pub(crate) fn quote_request(key: &FlowKey, message: &[u8], out: &mut [u8; 128]) -> usize {
    let head = crate::compose::header_len(key.target);
    let message = message.get(..ECHO_HEADER).unwrap_or(message);
    let len = head + message.len();
    let Some(packet) = out.get_mut(..len) else {
        return 0;
    };
    copy_at(packet, head, message);
    set_u16(packet, head + 4, key.device_port);
    let way = Way {
        peer: crate::batch::PeerTag(0),
        source: key.device,
        destination: key.target,
        mtu: usize::from(u16::MAX),
    };
    write_ip_header(packet, &way, icmp(key.target.is_ipv4()), 1, 0, 0);
    len
}
