//! The IP header of an inner packet: addresses, lengths that agree, and which piece of a datagram it is.
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::checksum::Checksum;
use crate::drops::DropReason;

pub(crate) const ICMPV4: u8 = 1;
pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
pub(crate) const ICMPV6: u8 = 58;
pub(crate) const IPV4_HEADER_LEN: usize = 20;
pub(crate) const IPV6_HEADER_LEN: usize = 40;

/// What the pieces of one datagram have in common (RFC 791, 3.2; RFC 8200, 4.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct DatagramId {
    pub source: IpAddr,
    pub destination: IpAddr,
    pub protocol: u8,
    pub identification: u32,
}

/// What IP says of a packet.
pub(crate) struct Datagram<'a> {
    pub(crate) id: DatagramId,
    pub(crate) payload: &'a [u8],
    /// None: it is whole.
    pub(crate) piece: Option<Piece>,
}

#[derive(Clone, Copy)]
pub(crate) struct Piece {
    /// In bytes.
    pub(crate) offset: usize,
    has_more: bool,
}

impl Piece {
    /// Cut as one datagram or echo can be cut, and no other way.
    pub(crate) fn is_plain(self, id: &DatagramId, len: usize) -> bool {
        let is_cut_right = match self.has_more {
            true => len >= 8 && len.is_multiple_of(8),
            false => len > 0 && self.offset > 0,
        };
        let is_datagram = matches!(
            (id.protocol, id.source.is_ipv4()),
            (UDP, _) | (ICMPV4, true) | (ICMPV6, false)
        );
        is_cut_right && is_datagram && self.offset + len <= LARGEST_PAYLOAD
    }
}

impl<'a> Datagram<'a> {
    pub(crate) fn parse(packet: &'a [u8]) -> Result<Self, DropReason> {
        match packet.first().map(|byte| byte >> 4) {
            Some(4) => parse_ipv4(packet),
            Some(6) => parse_ipv6(packet),
            _ => Err(DropReason::BadHeader),
        }
    }
}

/// What the length field of IPv4 leaves behind the shortest header.
const LARGEST_PAYLOAD: usize = 65_535 - IPV4_HEADER_LEN;

fn parse_ipv4(packet: &[u8]) -> Result<Datagram<'_>, DropReason> {
    let header: &[u8; IPV4_HEADER_LEN] = packet.first_chunk().ok_or(DropReason::BadLength)?;
    let [
        first,
        _,
        total_high,
        total_low,
        id_high,
        id_low,
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
    let field = u16::from_be_bytes([fragment_high, fragment_low]);
    // The reserved bit: nobody honest sets it.
    if field & 0x8000 != 0 {
        return Err(DropReason::BadHeader);
    }
    let (source, destination) = ipv4_addresses(header);
    Ok(Datagram {
        id: DatagramId {
            source: source.into(),
            destination: destination.into(),
            protocol,
            identification: u32::from(u16::from_be_bytes([id_high, id_low])),
        },
        payload: packet.get(IPV4_HEADER_LEN..).ok_or(DropReason::BadLength)?,
        piece: (field & 0x3fff != 0).then_some(Piece {
            offset: usize::from(field & 0x1fff) * 8,
            has_more: field & 0x2000 != 0,
        }),
    })
}

fn parse_ipv6(packet: &[u8]) -> Result<Datagram<'_>, DropReason> {
    let header: &[u8; IPV6_HEADER_LEN] = packet.first_chunk().ok_or(DropReason::BadLength)?;
    let [_, _, _, _, length_high, length_low, next_header, ..] = *header;
    let payload = packet.get(IPV6_HEADER_LEN..).ok_or(DropReason::BadLength)?;
    if usize::from(u16::from_be_bytes([length_high, length_low])) != payload.len() {
        return Err(DropReason::BadLength);
    }
    let (source, destination) = ipv6_addresses(header);
    let mut datagram = Datagram {
        id: DatagramId {
            source: source.into(),
            destination: destination.into(),
            protocol: next_header,
            identification: 0,
        },
        payload,
        piece: None,
    };
    match next_header {
        FRAGMENT_HEADER => read_fragment_header(&mut datagram)?,
        // Hop-by-hop, routing, ESP, AH, no next header, destination options, mobility, HIP, shim6, two for experiments.
        0 | 43 | 50 | 51 | 59 | 60 | 135 | 139 | 140 | 253 | 254 => {
            return Err(DropReason::ExtensionHeader);
        }
        _ => {}
    }
    Ok(datagram)
}

/// RFC 8200, 4.5; behind it whatever came first must follow at once.
fn read_fragment_header(datagram: &mut Datagram<'_>) -> Result<(), DropReason> {
    let (header, rest) = datagram
        .payload
        .split_first_chunk::<8>()
        .ok_or(DropReason::BadLength)?;
    let [
        next_header,
        reserved,
        offset_high,
        offset_low,
        i0,
        i1,
        i2,
        i3,
    ] = *header;
    let field = u16::from_be_bytes([offset_high, offset_low]);
    // A fragment that is the whole packet (RFC 6946) is a second way to write it.
    if reserved != 0 || field & 6 != 0 || field == 0 {
        return Err(DropReason::Fragment);
    }
    datagram.id.protocol = next_header;
    datagram.id.identification = u32::from_be_bytes([i0, i1, i2, i3]);
    datagram.payload = rest;
    datagram.piece = Some(Piece {
        offset: usize::from(field & !7),
        has_more: field & 1 != 0,
    });
    Ok(())
}

const FRAGMENT_HEADER: u8 = 44;

pub(crate) fn ipv4_addresses(header: &[u8; IPV4_HEADER_LEN]) -> (Ipv4Addr, Ipv4Addr) {
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

pub(crate) fn ipv6_addresses(header: &[u8; IPV6_HEADER_LEN]) -> (Ipv6Addr, Ipv6Addr) {
    let (mut source, mut destination) = ([0; 16], [0; 16]);
    let (_, addresses) = header.split_at(8);
    let (from, to) = addresses.split_at(16);
    source.copy_from_slice(from);
    destination.copy_from_slice(to);
    (source.into(), destination.into())
}
