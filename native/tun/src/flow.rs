//! Which packets may be glued: what they must have alike, read from real headers.

use crate::checksum::Sum;
use crate::fields::{byte, ipv4, ipv6, tcp, u16_at, u32_at, udp};
use crate::virtio::Segmentation;

/// A packet that could be part of a super-packet: TCP with data and nothing but ACK, PSH and FIN set, or UDP; no IP
/// options, extension headers or fragments; all checksums right, for they are replaced.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    pub(crate) segmentation: Segmentation,
    pub(crate) transport_at: usize,
    pub(crate) header_bytes: usize,
    pub(crate) payload_bytes: usize,
    /// TCP only.
    pub(crate) sequence: u32,
    /// The last of its super-packet: PSH or FIN.
    pub(crate) ends: bool,
}

/// `None`: to be written as it is.
pub(crate) fn candidate(packet: &[u8]) -> Option<Candidate> {
    let is_v4 = byte(packet, 0)? == 0x45;
    let is_v6 = byte(packet, 0)? >> 4 == 6;
    let (protocol, transport_at) = match (is_v4, is_v6) {
        (true, _) if is_plain_ipv4(packet)? => (byte(packet, ipv4::PROTOCOL)?, ipv4::HEADER),
        (_, true) if is_plain_ipv6(packet)? => (byte(packet, ipv6::NEXT_HEADER)?, ipv6::HEADER),
        _ => return None,
    };
    let candidate = match protocol {
        tcp::PROTOCOL => tcp_candidate(packet, transport_at, is_v4)?,
        udp::PROTOCOL => udp_candidate(packet, transport_at)?,
        _ => return None,
    };
    has_right_checksum(packet, transport_at, protocol).then_some(candidate)
}

fn is_plain_ipv4(packet: &[u8]) -> Option<bool> {
    let fragment = u16_at(packet, ipv4::FRAGMENT)?;
    let header = packet.get(..ipv4::HEADER)?;
    Some(
        fragment & !ipv4::DONT_FRAGMENT == 0
            && usize::from(u16_at(packet, ipv4::TOTAL_LENGTH)?) == packet.len()
            && Sum::default().bytes(header).checksum() == 0,
    )
}

fn is_plain_ipv6(packet: &[u8]) -> Option<bool> {
    let payload = usize::from(u16_at(packet, ipv6::PAYLOAD_LENGTH)?);
    Some(ipv6::HEADER + payload == packet.len())
}

fn tcp_candidate(packet: &[u8], at: usize, is_v4: bool) -> Option<Candidate> {
    let header_bytes = at + usize::from(byte(packet, at + tcp::OFFSET)? >> 4) * 4;
    let flags = byte(packet, at + tcp::FLAGS)?;
    let payload_bytes = packet.len().checked_sub(header_bytes)?;
    let has_plain_flags = flags & !(tcp::PSH | tcp::FIN) == tcp::ACK;
    let is_sound = header_bytes >= at + tcp::HEADER && payload_bytes > 0 && has_plain_flags;
    is_sound.then_some(Candidate {
        segmentation: if is_v4 {
            Segmentation::TcpV4
        } else {
            Segmentation::TcpV6
        },
        transport_at: at,
        header_bytes,
        payload_bytes,
        sequence: u32_at(packet, at + tcp::SEQUENCE)?,
        ends: flags & (tcp::PSH | tcp::FIN) != 0,
    })
}

fn udp_candidate(packet: &[u8], at: usize) -> Option<Candidate> {
    let payload_bytes = packet.len().checked_sub(at + udp::HEADER)?;
    let is_whole = usize::from(u16_at(packet, at + udp::LENGTH)?) == packet.len() - at;
    let has_checksum = u16_at(packet, at + udp::CHECKSUM)? != 0;
    (is_whole && has_checksum && payload_bytes > 0).then_some(Candidate {
        segmentation: Segmentation::Udp,
        transport_at: at,
        header_bytes: at + udp::HEADER,
        payload_bytes,
        sequence: 0,
        ends: false,
    })
}

fn has_right_checksum(packet: &[u8], transport_at: usize, protocol: u8) -> bool {
    let Some(segment) = packet.get(transport_at..) else {
        return false;
    };
    pseudo_sum(packet, transport_at, protocol, segment.len())
        .is_some_and(|sum| sum.bytes(segment).checksum() == 0)
}

pub(crate) fn pseudo_sum(
    packet: &[u8],
    transport_at: usize,
    protocol: u8,
    segment_bytes: usize,
) -> Option<Sum> {
    let from = if transport_at == ipv4::HEADER {
        ipv4::ADDRESSES
    } else {
        ipv6::ADDRESSES
    };
    let addresses = packet.get(from..transport_at)?;
    let length = u16::try_from(segment_bytes).ok()?;
    Some(
        Sum::default()
            .bytes(addresses)
            .field(u16::from(protocol))
            .field(length),
    )
}

/// Addresses and ports, hashed: equal flows have equal tags, so that most unequal ones are told apart at once.
pub(crate) fn tag(packet: &[u8]) -> u64 {
    let (addresses, ports_at) = match byte(packet, 0).map(|first| first >> 4) {
        Some(4) => (
            ipv4::ADDRESSES..ipv4::HEADER,
            usize::from(packet.first().map_or(0, |b| b & 15)) * 4,
        ),
        _ => (ipv6::ADDRESSES..ipv6::HEADER, ipv6::HEADER),
    };
    let addresses = packet.get(addresses).unwrap_or_default();
    let ports = packet.get(ports_at..ports_at + 4).unwrap_or_default();
    let (words, _) = addresses.as_chunks::<4>();
    let (port_words, _) = ports.as_chunks::<4>();
    words.iter().chain(port_words).fold(0, |tag: u64, word| {
        (tag ^ u64::from(u32::from_ne_bytes(*word)))
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .rotate_left(29)
    })
}

/// Whether `next` continues a super-packet whose first packet is `first` and whose `segments`th it would be.
pub(crate) fn continues(first: &[u8], next: &[u8], transport_at: usize, segments: u16) -> bool {
    let is_alike = match transport_at {
        ipv4::HEADER => alike_ipv4(first, next, segments),
        _ => {
            alike(first, next, 0..ipv6::PAYLOAD_LENGTH)
                && alike(first, next, ipv6::NEXT_HEADER..ipv6::HEADER)
        }
    };
    is_alike && alike(first, next, transport_at..transport_at + 4)
}

/// Ports are compared by [`continues`]; here the rest of TCP's header, but sequence number, PSH, FIN and checksum.
pub(crate) fn alike_tcp(first: &[u8], next: &[u8], at: usize, header_bytes: usize) -> bool {
    alike(first, next, at + tcp::ACKNOWLEDGEMENT..at + tcp::FLAGS)
        && alike(first, next, at + tcp::WINDOW..at + tcp::CHECKSUM)
        && alike(first, next, at + tcp::URGENT..header_bytes)
}

/// The cutter counts the identification up. Where fragments are forbidden it means nothing (RFC 6864), and some
/// senders keep it.
fn alike_ipv4(first: &[u8], next: &[u8], segments: u16) -> bool {
    let (Some(id), Some(next_id)) = (u16_at(first, ipv4::ID), u16_at(next, ipv4::ID)) else {
        return false;
    };
    let is_whole = u16_at(first, ipv4::FRAGMENT) == Some(ipv4::DONT_FRAGMENT);
    (next_id == id.wrapping_add(segments) || (is_whole && next_id == id))
        && alike(first, next, 0..ipv4::TOTAL_LENGTH)
        && alike(first, next, ipv4::FRAGMENT..ipv4::CHECKSUM)
        && alike(first, next, ipv4::ADDRESSES..ipv4::HEADER)
}

fn alike(left: &[u8], right: &[u8], range: std::ops::Range<usize>) -> bool {
    left.get(range.clone())
        .is_some_and(|left| right.get(range) == Some(left))
}
