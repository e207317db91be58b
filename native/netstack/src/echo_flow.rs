//! Ping. The kernel offers echo requests without any right on "ping sockets", to the groups that
//! `net.ipv4.ping_group_range` names; with CAP_NET_RAW a raw socket does as well. A ping socket puts an identifier of its
//! own into the request and shows only the replies to it; the device's identifier is put back here.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::batch::Batch;
use crate::checksum::internet_checksum;
use crate::compose::{
    HOP_LIMIT, Way, copy_at, push_payload, seal_transport, set_u16, write_ip_header,
};
use crate::datagram_socket::{DatagramSocket, Onward};
use crate::ecn;
use crate::error_queue::QueuedError;
use crate::flow_table::FlowKey;
use crate::identification::Identification;
use crate::inner::{ICMP, ICMPV6};
use crate::socket_calls::{ControlBuffer, receive_message, set_number};

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
    socket: DatagramSocket,
    raw: bool,
    is_v4: bool,
    /// What goes over the wire in place of the device's identifier, where we choose it (raw sockets).
    ident: u16,
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
        show_hop_limits(&socket, target.is_ipv4())?;
        socket.connect(&SockAddr::from(SocketAddr::new(target, 0)))?;
        let raw = door == PingDoor::RawSocket;
        Ok(Self {
            socket: DatagramSocket::new(socket, target.is_ipv4())?,
            raw,
            is_v4: target.is_ipv4(),
            ident,
            used: now,
        })
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.socket.fd()
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.used + IDLE
    }

    /// `message`: the echo request as the device sent it, from the ICMP type on.
    pub(crate) fn send(
        &mut self,
        message: &[u8],
        onward: Onward,
        scratch: &mut Vec<u8>,
        now: Instant,
    ) -> io::Result<()> {
        self.used = now;
        scratch.clear();
        scratch.extend_from_slice(message);
        if self.raw {
            set_u16(scratch, 4, self.ident);
            set_u16(scratch, 2, 0);
            // The kernel fills in the checksum of ICMPv6 and, on ping sockets, of both.
            if self.is_v4 {
                let sum = internet_checksum(scratch, 0);
                set_u16(scratch, 2, sum);
            }
        }
        self.socket.send(scratch, onward)
    }

    pub(crate) fn receive(
        &mut self,
        key: &FlowKey,
        way: &Way,
        identification: &mut Identification,
        batch: &mut Batch,
        scratch: &mut Vec<u8>,
        now: Instant,
    ) {
        let v4 = self.is_v4;
        for _ in 0..REPLIES_PER_TURN {
            scratch.resize(MAX_MESSAGE + 20, 0);
            let Some((len, hop_limit, ecn)) = self.read(scratch) else {
                return;
            };
            let way = &Way { ecn, ..*way };
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
            if !self.is_our_reply(message) {
                continue;
            }
            self.used = now;
            write_reply(message, key.device_port, way);
            push_payload(
                batch,
                way,
                icmp(v4),
                hop_limit,
                identification.next(),
                message,
            );
        }
    }

    /// Length, the hop limit that is left when this hop is counted too, and the congestion mark.
    fn read(&self, room: &mut [u8]) -> Option<(usize, u8, u8)> {
        let mut control = ControlBuffer([0; 256]);
        let received = receive_message(self.socket.fd(), room, &mut control, 0).ok()?;
        let (mut hop_limit, mut mark) = (HOP_LIMIT, ecn::NOT_CAPABLE);
        received.for_each_control(&control, |level, kind, data| {
            mark = ecn::from_control(level, kind, data).unwrap_or(mark);
            let is_hop_limit = (level, kind) == (libc::SOL_IP, libc::IP_TTL)
                || (level, kind) == (libc::SOL_IPV6, libc::IPV6_HOPLIMIT);
            if let (true, Some(bytes)) = (is_hop_limit, data.first_chunk()) {
                hop_limit = (i32::from_ne_bytes(*bytes) - 1).clamp(1, 255) as u8;
            }
        });
        Some((received.len, hop_limit, mark))
    }

    fn is_our_reply(&self, message: &[u8]) -> bool {
        let reply = if self.is_v4 { 0 } else { 129 };
        match *message {
            [kind, 0, _, _, i0, i1, _, _, ..] => {
                kind == reply && (!self.raw || u16::from_be_bytes([i0, i1]) == self.ident)
            }
            _ => false,
        }
    }

    pub(crate) fn report_errors(&mut self, tell: impl FnMut(QueuedError, &[u8])) -> Option<u32> {
        self.socket.report_errors(tell)
    }
}

/// A reply shows how far away the target is.
fn show_hop_limits(socket: &Socket, v4: bool) -> io::Result<()> {
    if v4 {
        set_number(socket.as_fd(), libc::SOL_IP, libc::IP_RECVTTL, 1)
    } else {
        set_number(socket.as_fd(), libc::SOL_IPV6, libc::IPV6_RECVHOPLIMIT, 1)
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
        ecn: ecn::NOT_CAPABLE,
    };
    write_ip_header(packet, &way, icmp(key.target.is_ipv4()), 1, 0, 0);
    len
}
