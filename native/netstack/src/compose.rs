//! Writes inner packets: IP headers, UDP datagrams and echo replies (in fragments where they exceed the tunnel's MTU), and
//! the answer to a TCP segment that belongs to no flow.

use std::net::IpAddr;

use crate::batch::{Batch, PeerTag};
use crate::checksum::{internet_checksum, pseudo_header};
use crate::ecn::NOT_CAPABLE;
use crate::inner::{Inner, TCP};

pub(crate) const HOP_LIMIT: u8 = 64;

/// Both ends of a packet that is being written, and the way it takes back.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Way {
    pub(crate) peer: PeerTag,
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) mtu: usize,
    /// The packet's two congestion bits.
    pub(crate) ecn: u8,
}

pub(crate) const fn header_len(address: IpAddr) -> usize {
    if address.is_ipv4() { 20 } else { 40 }
}

/// Fills in checksum bytes (`at`) of a UDP, TCP or ICMPv6 payload.
pub(crate) fn seal_transport(way: &Way, protocol: u8, payload: &mut [u8], at: usize) {
    set_u16(payload, at, 0);
    let start = pseudo_header(way.source, way.destination, protocol, payload.len());
    let sum = internet_checksum(payload, start);
    // A UDP checksum of zero would mean "none".
    set_u16(
        payload,
        at,
        if sum == 0 && protocol == crate::inner::UDP {
            0xffff
        } else {
            sum
        },
    );
}

/// Adds `payload` (transport header and data, checksummed) as one packet or, above the MTU, as fragments.
pub(crate) fn push_payload(
    batch: &mut Batch,
    way: &Way,
    protocol: u8,
    hop_limit: u8,
    ident: u32,
    payload: &[u8],
) {
    let header = header_len(way.source);
    if header + payload.len() <= way.mtu {
        batch.push(way.peer, header + payload.len(), |packet| {
            write_ip_header(packet, way, protocol, hop_limit, 0, ident as u16);
            copy_at(packet, header, payload);
        });
        return;
    }
    let extra = if way.source.is_ipv4() { 0 } else { 8 };
    let step = way.mtu.saturating_sub(header + extra) & !7;
    for (index, piece) in payload.chunks(step.max(8)).enumerate() {
        let offset = index * step.max(8);
        let more = offset + piece.len() < payload.len();
        batch.push(way.peer, header + extra + piece.len(), |packet| {
            write_fragment_header(packet, way, protocol, hop_limit, ident, offset, more);
            copy_at(packet, header + extra, piece);
        });
    }
}

fn write_fragment_header(
    packet: &mut [u8],
    way: &Way,
    protocol: u8,
    hop_limit: u8,
    ident: u32,
    offset: usize,
    more: bool,
) {
    if way.source.is_ipv4() {
        let field = (offset / 8) as u16 | if more { 0x2000 } else { 0 };
        write_ip_header(packet, way, protocol, hop_limit, field, ident as u16);
        return;
    }
    write_ip_header(packet, way, 44, hop_limit, 0, 0);
    copy_at(packet, 40, &[protocol, 0]);
    set_u16(packet, 42, offset as u16 | u16::from(more));
    copy_at(packet, 44, &ident.to_be_bytes());
}

/// The header for a packet that fills `packet` to its end; the payload may be written before or after.
pub(crate) fn write_ip_header(
    packet: &mut [u8],
    way: &Way,
    protocol: u8,
    hop_limit: u8,
    fragment: u16,
    ident: u16,
) {
    let len = packet.len();
    match (way.source, way.destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            copy_at(packet, 0, &[0x45, way.ecn]);
            set_u16(packet, 2, len as u16);
            set_u16(packet, 4, ident);
            set_u16(packet, 6, fragment);
            copy_at(packet, 8, &[hop_limit, protocol, 0, 0]);
            copy_at(packet, 12, &source.octets());
            copy_at(packet, 16, &destination.octets());
            let sum = internet_checksum(packet.get(..20).unwrap_or_default(), 0);
            set_u16(packet, 10, sum);
        }
        (IpAddr::V6(source), IpAddr::V6(destination)) => {
            copy_at(packet, 0, &[0x60, way.ecn << 4, 0, 0]);
            set_u16(packet, 4, len.saturating_sub(40) as u16);
            copy_at(packet, 6, &[protocol, hop_limit]);
            copy_at(packet, 8, &source.octets());
            copy_at(packet, 24, &destination.octets());
        }
        // A flow's two ends are of one family by construction.
        _ => packet.fill(0),
    }
}

/// The reset that a host sends for a segment of a connection it knows nothing of (RFC 9293, 3.10.7.1).
pub(crate) fn push_reset(batch: &mut Batch, peer: PeerTag, offending: &Inner<'_>, mtu: usize) {
    let Some(mut segment) = reset_for(offending.transport) else {
        return;
    };
    let way = Way {
        peer,
        source: offending.destination,
        destination: offending.source,
        mtu,
        ecn: NOT_CAPABLE,
    };
    seal_transport(&way, TCP, &mut segment, 16);
    push_payload(batch, &way, TCP, HOP_LIMIT, 0, &segment);
}

/// Without its checksum. A reset is answered with nothing.
fn reset_for(offending: &[u8]) -> Option<[u8; 20]> {
    let (ports, rest) = offending.split_first_chunk::<4>()?;
    let (sequence, rest) = rest.split_first_chunk::<4>()?;
    let (acknowledgement, rest) = rest.split_first_chunk::<4>()?;
    let [data_offset, flags, ..] = *rest.first_chunk::<8>()?;
    if flags & RST != 0 {
        return None;
    }
    let [p0, p1, p2, p3] = *ports;
    let mut segment = [0; 20];
    copy_at(&mut segment, 0, &[p2, p3, p0, p1]);
    if flags & ACK != 0 {
        copy_at(&mut segment, 4, acknowledgement);
        copy_at(&mut segment, 12, &[5 << 4, RST]);
    } else {
        let header = usize::from(data_offset >> 4) * 4;
        let data = offending.len().saturating_sub(header) as u32;
        let occupied = data + u32::from(flags & SYN != 0) + u32::from(flags & FIN != 0);
        let end = u32::from_be_bytes(*sequence).wrapping_add(occupied);
        copy_at(&mut segment, 8, &end.to_be_bytes());
        copy_at(&mut segment, 12, &[5 << 4, RST | ACK]);
    }
    Some(segment)
}

/// What an acknowledgement says, or one that goes `only_to` a number before it, without data and options.
pub(crate) fn push_bare_acknowledgement(batch: &mut Batch, packet: &[u8], only_to: Option<u32>) {
    let Ok(inner) = Inner::parse(packet) else {
        return;
    };
    let Some(mut header) = inner.transport.first_chunk::<20>().copied() else {
        return;
    };
    let way = Way {
        peer: PeerTag(0),
        source: inner.source,
        destination: inner.destination,
        mtu: usize::from(u16::MAX),
        ecn: NOT_CAPABLE,
    };
    if let Some(only_to) = only_to {
        copy_at(&mut header, 8, &only_to.to_be_bytes());
    }
    copy_at(&mut header, 12, &[5 << 4, ACK]);
    seal_transport(&way, TCP, &mut header, 16);
    push_payload(batch, &way, TCP, HOP_LIMIT, 0, &header);
}

pub(crate) const FIN: u8 = 1;
pub(crate) const SYN: u8 = 2;
pub(crate) const RST: u8 = 4;
pub(crate) const ACK: u8 = 16;

pub(crate) fn copy_at(target: &mut [u8], at: usize, bytes: &[u8]) {
    if let Some(place) = target.get_mut(at..at + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}

pub(crate) fn set_u16(target: &mut [u8], at: usize, value: u16) {
    copy_at(target, at, &value.to_be_bytes());
}
