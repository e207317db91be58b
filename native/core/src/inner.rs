//! What an inner packet's header says about itself.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::message::field;

const IPV4_HEADER: usize = 20;
const IPV6_HEADER: usize = 40;

pub(crate) struct InnerPacket {
    pub(crate) source: IpAddr,
    /// What the header claims; the rest of a plaintext is padding.
    pub(crate) length: usize,
}

/// `None` unless it is IPv4 or IPv6 and no longer than the plaintext it came in.
pub(crate) fn parse(plaintext: &[u8]) -> Option<InnerPacket> {
    let packet = match plaintext.first()? >> 4 {
        4 => parse_v4(plaintext)?,
        6 => parse_v6(plaintext)?,
        _ => return None,
    };
    (packet.length <= plaintext.len()).then_some(packet)
}

fn parse_v4(plaintext: &[u8]) -> Option<InnerPacket> {
    let header: &[u8; IPV4_HEADER] = plaintext.first_chunk()?;
    let length = usize::from(u16::from_be_bytes(field(header, 2)?));
    (length >= IPV4_HEADER).then_some(InnerPacket {
        source: IpAddr::V4(Ipv4Addr::from(field::<4>(header, 12)?)),
        length,
    })
}

fn parse_v6(plaintext: &[u8]) -> Option<InnerPacket> {
    let header: &[u8; IPV6_HEADER] = plaintext.first_chunk()?;
    let payload = usize::from(u16::from_be_bytes(field(header, 4)?));
    Some(InnerPacket {
        source: IpAddr::V6(Ipv6Addr::from(field::<16>(header, 8)?)),
        length: IPV6_HEADER + payload,
    })
}

/// The destination, for routing a packet that is about to be sealed.
pub(crate) fn destination(packet: &[u8]) -> Option<IpAddr> {
    match packet.first()? >> 4 {
        4 if packet.len() >= IPV4_HEADER => Some(IpAddr::V4(field::<4>(packet, 16)?.into())),
        6 if packet.len() >= IPV6_HEADER => Some(IpAddr::V6(field::<16>(packet, 24)?.into())),
        _ => None,
    }
}
