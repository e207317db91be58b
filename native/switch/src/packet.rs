//! Reads an inner packet, strictly: what is not plainly TCP, UDP, an echo or an ICMP error is refused by name, because
//! a packet that two programs read in two ways is how policies are passed by. A fragment is read only as far as it cannot
//! be read in two ways: see [`Packet`].
//!
//! Nothing is copied and nothing allocated. Checksums of the upper layer are left to the two ends.

use crate::drops::DropReason;
pub use crate::ip::DatagramId;
use crate::ip::{Datagram, ICMPV4, ICMPV6, TCP, UDP};
use crate::quoted::{quoted_ipv4, quoted_ipv6};
pub use crate::tuple::{Protocol, Tuple};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inner {
    pub tuple: Tuple,
    pub kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Tcp(Segment),
    Udp,
    EchoRequest,
    EchoReply,
    /// An ICMP error, with who talked to whom in the packet that it quotes. `None`: it quotes what no flow can be.
    Error(Option<Tuple>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    pub flags: Flags,
    pub sequence: u32,
    pub acknowledgement: u32,
    /// Data plus one each for SYN and FIN: how far the segment moves its sender's sequence.
    pub length: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flags(pub u8);

impl Flags {
    pub const FIN: u8 = 0x01;
    pub const SYN: u8 = 0x02;
    pub const RST: u8 = 0x04;
    pub const ACK: u8 = 0x10;

    pub fn has(self, flag: u8) -> bool {
        self.0 & flag != 0
    }

    /// A SYN without ACK: the only segment that asks for a new connection.
    pub fn is_opening(self) -> bool {
        self.has(Self::SYN) && !self.has(Self::ACK)
    }
}

/// A packet, or a piece of one. Only datagrams and echoes come in pieces: TCP cuts its data itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packet {
    Whole(Inner),
    /// The first piece, with everything in it that a rule judges by.
    First(Inner, DatagramId),
    /// A piece that begins behind the ports, and so can change nothing of what the first one said (RFC 1858).
    Later(DatagramId),
}

impl Packet {
    pub fn parse(packet: &[u8]) -> Result<Self, DropReason> {
        let Datagram { id, payload, piece } = Datagram::parse(packet)?;
        let Some(piece) = piece else {
            return parse_payload(&id, payload, true).map(Packet::Whole);
        };
        if !piece.is_plain(&id, payload.len()) {
            return Err(DropReason::Fragment);
        }
        if piece.offset > 0 {
            return Ok(Packet::Later(id));
        }
        match parse_payload(&id, payload, false)? {
            // An error quotes too little to be cut, and what follows the cut would not be looked at.
            Inner {
                kind: Kind::Error(_),
                ..
            } => Err(DropReason::Fragment),
            inner => Ok(Packet::First(inner, id)),
        }
    }
}

/// `is_whole`: otherwise more of it follows in other packets.
fn parse_payload(id: &DatagramId, payload: &[u8], is_whole: bool) -> Result<Inner, DropReason> {
    let DatagramId {
        source,
        destination,
        protocol,
        ..
    } = *id;
    let addressed = |protocol, source_port, destination_port| Tuple {
        protocol,
        source,
        destination,
        source_port,
        destination_port,
    };
    match (protocol, source.is_ipv4()) {
        (TCP, _) => {
            let (ports, segment) = parse_tcp(payload)?;
            let tuple = addressed(Protocol::Tcp, ports.0, ports.1);
            Ok(Inner {
                tuple,
                kind: Kind::Tcp(segment),
            })
        }
        (UDP, _) => {
            let ports = parse_udp(payload, is_whole)?;
            let tuple = addressed(Protocol::Udp, ports.0, ports.1);
            Ok(Inner {
                tuple,
                kind: Kind::Udp,
            })
        }
        (ICMPV4, true) | (ICMPV6, false) => {
            let (kind, identifier) = parse_icmp(protocol, payload)?;
            let tuple = match kind {
                Kind::EchoRequest => addressed(Protocol::Icmp, identifier, 0),
                Kind::EchoReply => addressed(Protocol::Icmp, 0, identifier),
                _ => addressed(Protocol::Icmp, 0, 0),
            };
            Ok(Inner { tuple, kind })
        }
        _ => Err(DropReason::UnsupportedProtocol),
    }
}

fn parse_tcp(payload: &[u8]) -> Result<((u16, u16), Segment), DropReason> {
    let header: &[u8; 20] = payload.first_chunk().ok_or(DropReason::BadLength)?;
    let [
        s0,
        s1,
        d0,
        d1,
        q0,
        q1,
        q2,
        q3,
        a0,
        a1,
        a2,
        a3,
        offset,
        flags,
        ..,
    ] = *header;
    let header_len = usize::from(offset >> 4) * 4;
    if header_len < 20 {
        return Err(DropReason::BadHeader);
    }
    let data_len = payload
        .len()
        .checked_sub(header_len)
        .ok_or(DropReason::BadLength)?;
    let flags = Flags(flags);
    check_flags(flags)?;
    let ports = (u16::from_be_bytes([s0, s1]), u16::from_be_bytes([d0, d1]));
    refuse_port_zero(ports)?;
    let segment = Segment {
        flags,
        sequence: u32::from_be_bytes([q0, q1, q2, q3]),
        acknowledgement: u32::from_be_bytes([a0, a1, a2, a3]),
        // Fits: a packet is at most 65,575 bytes.
        length: data_len as u32
            + u32::from(flags.has(Flags::SYN))
            + u32::from(flags.has(Flags::FIN)),
    };
    Ok((ports, segment))
}

/// Combinations that no TCP sends, and that scanners send to look past a filter.
fn check_flags(flags: Flags) -> Result<(), DropReason> {
    let exclusive = [Flags::SYN, Flags::FIN, Flags::RST]
        .iter()
        .filter(|flag| flags.has(**flag));
    let is_sane = exclusive.count() <= 1 && flags.0 & 0x17 != 0 && (flags.0 & 0x17 != Flags::FIN);
    if is_sane {
        Ok(())
    } else {
        Err(DropReason::BadTcpFlags)
    }
}

fn parse_udp(payload: &[u8], is_whole: bool) -> Result<(u16, u16), DropReason> {
    let [s0, s1, d0, d1, l0, l1, _, _] = *payload.first_chunk().ok_or(DropReason::BadLength)?;
    let said = usize::from(u16::from_be_bytes([l0, l1]));
    let is_right = match is_whole {
        true => said == payload.len(),
        false => said > payload.len(),
    };
    if !is_right {
        return Err(DropReason::BadLength);
    }
    let ports = (u16::from_be_bytes([s0, s1]), u16::from_be_bytes([d0, d1]));
    refuse_port_zero(ports)?;
    Ok(ports)
}

fn refuse_port_zero(ports: (u16, u16)) -> Result<(), DropReason> {
    if ports.0 == 0 || ports.1 == 0 {
        return Err(DropReason::PortZero);
    }
    Ok(())
}

fn parse_icmp(protocol: u8, payload: &[u8]) -> Result<(Kind, u16), DropReason> {
    let [kind, code, _, _, id_high, id_low, _, _] =
        *payload.first_chunk().ok_or(DropReason::BadLength)?;
    let identifier = u16::from_be_bytes([id_high, id_low]);
    let quoted = payload.get(8..).unwrap_or_default();
    match (protocol, kind, code) {
        (ICMPV4, 8, 0) | (ICMPV6, 128, 0) => Ok((Kind::EchoRequest, identifier)),
        (ICMPV4, 0, 0) | (ICMPV6, 129, 0) => Ok((Kind::EchoReply, identifier)),
        // Unreachable, time exceeded, parameter problem. No redirects: they move traffic.
        (ICMPV4, 3 | 11 | 12, _) => Ok((Kind::Error(quoted_ipv4(quoted)), 0)),
        // Unreachable, too big, time exceeded, parameter problem.
        (ICMPV6, 1..=4, _) => Ok((Kind::Error(quoted_ipv6(quoted)), 0)),
        _ => Err(DropReason::UnsupportedIcmp),
    }
}
