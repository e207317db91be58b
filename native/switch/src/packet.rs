//! Reads an inner packet, strictly: what is not plainly TCP, UDP, an echo or an ICMP error is refused by name, because
//! a packet that two programs read in two ways is how policies are passed by.
//!
//! Nothing is copied and nothing allocated. Checksums of the upper layer are left to the two ends.
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::checksum::Checksum;
use crate::drops::DropReason;

pub(crate) const ICMPV4: u8 = 1;
pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
pub(crate) const ICMPV6: u8 = 58;
pub(crate) const IPV4_HEADER_LEN: usize = 20;
pub(crate) const IPV6_HEADER_LEN: usize = 40;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    Tcp,
    Udp,
    Icmp,
}

impl Protocol {
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Icmp => "icmp",
        }
    }
}

/// Who talks to whom. An echo's identifier stands where the asking side's port would, so that a reply's tuple is its
/// request's, turned round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Tuple {
    pub protocol: Protocol,
    pub source: IpAddr,
    pub destination: IpAddr,
    pub source_port: u16,
    pub destination_port: u16,
}

impl Tuple {
    #[must_use]
    pub fn reversed(self) -> Self {
        Self {
            protocol: self.protocol,
            source: self.destination,
            destination: self.source,
            source_port: self.destination_port,
            destination_port: self.source_port,
        }
    }
}

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

impl Inner {
    pub fn parse(packet: &[u8]) -> Result<Self, DropReason> {
        match packet.first().map(|byte| byte >> 4) {
            Some(4) => parse_ipv4(packet),
            Some(6) => parse_ipv6(packet),
            _ => Err(DropReason::BadHeader),
        }
    }
}

fn parse_ipv4(packet: &[u8]) -> Result<Inner, DropReason> {
    let header: &[u8; IPV4_HEADER_LEN] = packet.first_chunk().ok_or(DropReason::BadLength)?;
    let [
        first,
        _,
        total_high,
        total_low,
        _,
        _,
        fragment_high,
        fragment_low,
        _,
        protocol,
        ..,
    ] = *header;
    match first & 0x0f {
        5 => {}
        0..5 => return Err(DropReason::BadHeader),
        _ => return Err(DropReason::IpOptions),
    }
    if usize::from(u16::from_be_bytes([total_high, total_low])) != packet.len() {
        return Err(DropReason::BadLength);
    }
    if Checksum::default().add_bytes(header).finish() != 0 {
        return Err(DropReason::BadHeader);
    }
    // The reserved bit counts too: nobody honest sets it.
    match u16::from_be_bytes([fragment_high, fragment_low]) & !0x4000 {
        0 => {}
        0x8000 => return Err(DropReason::BadHeader),
        _ => return Err(DropReason::Fragment),
    }
    let (source, destination) = ipv4_addresses(header);
    let payload = packet.get(IPV4_HEADER_LEN..).ok_or(DropReason::BadLength)?;
    parse_payload(source.into(), destination.into(), protocol, payload)
}

fn parse_ipv6(packet: &[u8]) -> Result<Inner, DropReason> {
    let header: &[u8; IPV6_HEADER_LEN] = packet.first_chunk().ok_or(DropReason::BadLength)?;
    let [_, _, _, _, length_high, length_low, next_header, ..] = *header;
    let payload = packet.get(IPV6_HEADER_LEN..).ok_or(DropReason::BadLength)?;
    if usize::from(u16::from_be_bytes([length_high, length_low])) != payload.len() {
        return Err(DropReason::BadLength);
    }
    match next_header {
        44 => return Err(DropReason::Fragment),
        // Hop-by-hop, routing, ESP, AH, no next header, destination options, mobility, HIP, shim6, two for experiments.
        0 | 43 | 50 | 51 | 59 | 60 | 135 | 139 | 140 | 253 | 254 => {
            return Err(DropReason::ExtensionHeader);
        }
        _ => {}
    }
    let (source, destination) = ipv6_addresses(header);
    parse_payload(source.into(), destination.into(), next_header, payload)
}

fn parse_payload(
    source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    payload: &[u8],
) -> Result<Inner, DropReason> {
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
            let ports = parse_udp(payload)?;
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

fn parse_udp(payload: &[u8]) -> Result<(u16, u16), DropReason> {
    let [s0, s1, d0, d1, l0, l1, _, _] = *payload.first_chunk().ok_or(DropReason::BadLength)?;
    if usize::from(u16::from_be_bytes([l0, l1])) != payload.len() {
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

/// The quoted packet may be cut short, but what tells its flow has to be there.
fn quoted_ipv4(quoted: &[u8]) -> Option<Tuple> {
    let header: &[u8; IPV4_HEADER_LEN] = quoted.first_chunk()?;
    let [
        first,
        _,
        _,
        _,
        _,
        _,
        fragment_high,
        fragment_low,
        _,
        protocol,
        ..,
    ] = *header;
    if first != 0x45 || u16::from_be_bytes([fragment_high, fragment_low]) & 0x3fff != 0 {
        return None;
    }
    let (source, destination) = ipv4_addresses(header);
    quoted_tuple(
        source.into(),
        destination.into(),
        protocol,
        quoted.get(IPV4_HEADER_LEN..)?,
    )
}

fn quoted_ipv6(quoted: &[u8]) -> Option<Tuple> {
    let header: &[u8; IPV6_HEADER_LEN] = quoted.first_chunk()?;
    let [first, _, _, _, _, _, next_header, ..] = *header;
    if first >> 4 != 6 {
        return None;
    }
    let (source, destination) = ipv6_addresses(header);
    quoted_tuple(
        source.into(),
        destination.into(),
        next_header,
        quoted.get(IPV6_HEADER_LEN..)?,
    )
}

fn quoted_tuple(source: IpAddr, destination: IpAddr, protocol: u8, rest: &[u8]) -> Option<Tuple> {
    let [b0, b1, b2, b3, b4, b5, _, _] = *rest.first_chunk::<8>()?;
    let (first, second, third) = (
        u16::from_be_bytes([b0, b1]),
        u16::from_be_bytes([b2, b3]),
        u16::from_be_bytes([b4, b5]),
    );
    let (protocol, source_port, destination_port) = match (protocol, source.is_ipv4(), b0) {
        (TCP, _, _) => (Protocol::Tcp, first, second),
        (UDP, _, _) => (Protocol::Udp, first, second),
        (ICMPV4, true, 8) | (ICMPV6, false, 128) => (Protocol::Icmp, third, 0),
        _ => return None,
    };
    Some(Tuple {
        protocol,
        source,
        destination,
        source_port,
        destination_port,
    })
}

fn ipv4_addresses(header: &[u8; IPV4_HEADER_LEN]) -> (Ipv4Addr, Ipv4Addr) {
    let [
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        _,
        s0,
        s1,
        s2,
        s3,
        d0,
        d1,
        d2,
        d3,
    ] = *header;
    (Ipv4Addr::new(s0, s1, s2, s3), Ipv4Addr::new(d0, d1, d2, d3))
}

fn ipv6_addresses(header: &[u8; IPV6_HEADER_LEN]) -> (Ipv6Addr, Ipv6Addr) {
    let (mut source, mut destination) = ([0; 16], [0; 16]);
    let (_, addresses) = header.split_at(8);
    let (from, to) = addresses.split_at(16);
    source.copy_from_slice(from);
    destination.copy_from_slice(to);
    (source.into(), destination.into())
}
