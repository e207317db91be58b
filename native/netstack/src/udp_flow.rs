//! One UDP conversation: a connected socket of its own, so that the kernel tells whose datagram was refused.

use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockAddr, Socket, Type};

use crate::batch::Batch;
use crate::compose::{
    HOP_LIMIT, Way, copy_at, header_len, push_payload, seal_transport, set_u16, write_ip_header,
};
use crate::datagram_socket::{DatagramSocket, Onward};
use crate::ecn::NOT_CAPABLE;
use crate::error_queue::QueuedError;
use crate::flow_table::FlowKey;
use crate::identification::Identification;
use crate::inner::UDP;
use crate::tcp_flow::connecting::is_talking_to_itself;

pub(crate) struct UdpFlow {
    socket: DatagramSocket,
    answered: bool,
    used: Instant,
    idle_after: Duration,
}

/// A question and its answer (DNS): the port is not used again.
const QUERY_IDLE: Duration = Duration::from_secs(10);
const UNANSWERED_IDLE: Duration = Duration::from_secs(30);
/// RFC 4787 asks for two minutes at least.
const CONVERSATION_IDLE: Duration = Duration::from_secs(180);
const DNS_PORT: u16 = 53;
const BURST_BYTES: usize = 1 << 20;
/// Datagrams taken from one socket before the others have their turn.
const DATAGRAMS_PER_TURN: usize = 32;
pub(crate) const UDP_HEADER: usize = 8;

impl UdpFlow {
    pub(crate) fn open(target: SocketAddr, now: Instant) -> io::Result<Self> {
        let socket = Socket::new(
            Domain::for_address(target),
            Type::DGRAM.nonblocking().cloexec(),
            Some(Protocol::UDP),
        )?;
        if target.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        // A burst must outlast the thread's turn with other flows. The kernel gives what its limits allow.
        let _ = socket.set_recv_buffer_size(BURST_BYTES);
        let _ = socket.set_send_buffer_size(BURST_BYTES);
        socket.connect(&SockAddr::from(target))?;
        if is_talking_to_itself(&socket, target) {
            return Err(io::Error::from_raw_os_error(libc::ECONNREFUSED));
        }
        Ok(Self {
            socket: DatagramSocket::new(socket, target.is_ipv4())?,
            answered: false,
            used: now,
            idle_after: UNANSWERED_IDLE,
        })
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.socket.fd()
    }

    pub(crate) fn deadline(&self) -> Instant {
        self.used + self.idle_after
    }

    pub(crate) fn send(&mut self, data: &[u8], onward: Onward, now: Instant) -> io::Result<()> {
        self.used = now;
        self.socket.send(data, onward)
    }

    /// Takes what has arrived and writes it toward the device.
    pub(crate) fn receive(
        &mut self,
        key: &FlowKey,
        way: &Way,
        identification: &mut Identification,
        batch: &mut Batch,
        now: Instant,
    ) {
        let head = header_len(way.source) + UDP_HEADER;
        let mut large = None;
        for _ in 0..DATAGRAMS_PER_TURN {
            let room = batch.room(head + MAX_DATAGRAM);
            let Some(data) = room.get_mut(head..) else {
                return;
            };
            let Some((len, ecn)) = self.socket.receive(data) else {
                return;
            };
            let way = &Way { ecn, ..*way };
            self.note_answer(key, now);
            let ident = identification.next();
            if head + len <= way.mtu {
                let packet = room.get_mut(..head + len).unwrap_or_default();
                write_datagram(packet, way, key, ident);
                batch.keep(way.peer, head + len);
            } else {
                let large: &mut Vec<u8> = large.get_or_insert_with(Vec::new);
                large.clear();
                large
                    .extend_from_slice(room.get(head - UDP_HEADER..head + len).unwrap_or_default());
                write_udp_header(large, way, key);
                push_payload(batch, way, UDP, HOP_LIMIT, ident, large);
            }
        }
    }

    fn note_answer(&mut self, key: &FlowKey, now: Instant) {
        self.used = now;
        if !self.answered {
            self.answered = true;
            self.idle_after = if key.target_port == DNS_PORT {
                QUERY_IDLE
            } else {
                CONVERSATION_IDLE
            };
        }
    }

    pub(crate) fn report_errors(&mut self, tell: impl FnMut(QueuedError, &[u8])) -> Option<u32> {
        self.socket.report_errors(tell)
    }
}

const MAX_DATAGRAM: usize = 65_507;

fn write_datagram(packet: &mut [u8], way: &Way, key: &FlowKey, ident: u32) {
    let head = header_len(way.source);
    write_ip_header(packet, way, UDP, HOP_LIMIT, 0, ident as u16);
    write_udp_header(packet.get_mut(head..).unwrap_or_default(), way, key);
}

fn write_udp_header(datagram: &mut [u8], way: &Way, key: &FlowKey) {
    let len = datagram.len();
    set_u16(datagram, 0, key.target_port);
    set_u16(datagram, 2, key.device_port);
    set_u16(datagram, 4, len as u16);
    seal_transport(way, UDP, datagram, 6);
}

/// The datagram that an error is about, as the device had sent it, as far as it is known.
pub(crate) fn quote_datagram(key: &FlowKey, data: &[u8], out: &mut [u8; 128]) -> usize {
    let head = header_len(key.target);
    let len = head + UDP_HEADER + data.len();
    let way = Way {
        peer: crate::batch::PeerTag(0),
        source: key.device,
        destination: key.target,
        mtu: usize::from(u16::MAX),
        ecn: NOT_CAPABLE,
    };
    let Some(packet) = out.get_mut(..len) else {
        return 0;
    };
    copy_at(packet, head + UDP_HEADER, data);
    set_u16(packet, head, key.device_port);
    set_u16(packet, head + 2, key.target_port);
    set_u16(packet, head + 4, (UDP_HEADER + data.len()) as u16);
    write_ip_header(packet, &way, UDP, 1, 0, 0);
    len
}
