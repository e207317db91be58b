//! What a sender is told when its packet goes no further: a TCP reset, or an ICMP error that says why.
//!
//! Answers are written as if the destination itself had sent them, because the gateway has no address inside.
use std::net::IpAddr;

use crate::checksum::Checksum;
use crate::flow::{Flow, Phase};
use crate::ip::{ICMPV4, ICMPV6, IPV4_HEADER_LEN, IPV6_HEADER_LEN, TCP};
use crate::packet::{Flags, Inner, Kind, Segment};

/// Room that an answer needs at most: RFC 4443 lets an error fill the smallest IPv6 MTU.
pub const MAX_ANSWER_LEN: usize = 1280;
/// RFC 1812: an IPv4 error quotes as much as fits into the datagram that every host takes.
const MAX_IPV4_ERROR_LEN: usize = 576;
const TCP_HEADER_LEN: usize = 20;
const ICMP_HEADER_LEN: usize = 8;
const TTL: u8 = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Because {
    /// Policy says no.
    Prohibited,
    /// Nobody there who could carry it.
    Unreachable,
    TooBig {
        mtu: usize,
    },
}

/// Writes the answer to a packet, and says how long it is. `None`: such a packet gets none.
pub(crate) fn write_answer(
    packet: &[u8],
    inner: &Inner,
    because: Because,
    answer: &mut [u8],
) -> Option<usize> {
    match (inner.kind, because) {
        (Kind::Error(_) | Kind::EchoReply, _) => None,
        (Kind::Tcp(segment), _) if segment.flags.has(Flags::RST) => None,
        (Kind::Tcp(segment), Because::Prohibited) => write_reset_to(inner, segment, answer),
        (Kind::Tcp(segment), Because::Unreachable) if !segment.flags.is_opening() => {
            write_reset_to(inner, segment, answer)
        }
        _ => write_icmp_error(packet, inner, because, answer),
    }
}

/// RFC 9293, 3.5.2: a reset that the sender of `segment` takes for its peer's.
fn write_reset_to(inner: &Inner, segment: Segment, answer: &mut [u8]) -> Option<usize> {
    let reset = match segment.flags.has(Flags::ACK) {
        true => Reset {
            sequence: segment.acknowledgement,
            acknowledges: None,
        },
        false => Reset {
            sequence: 0,
            acknowledges: Some(segment.end()),
        },
    };
    let back = inner.tuple.reversed();
    let ports = (back.source_port, back.destination_port);
    write_reset(back.source, back.destination, ports, reset, answer)
}

#[derive(Debug, Clone, Copy)]
struct Reset {
    sequence: u32,
    acknowledges: Option<u32>,
}

/// A reset for the device's end of a flow that is cut.
pub(crate) fn write_reset_to_device(flow: &Flow, answer: &mut [u8]) -> Option<usize> {
    let back = flow.key.tuple.reversed();
    let reset = match flow.phase {
        Phase::Opening => Reset {
            sequence: 0,
            acknowledges: Some(flow.remote_expects),
        },
        _ => Reset {
            sequence: flow.device_expects,
            acknowledges: None,
        },
    };
    let ports = (back.source_port, back.destination_port);
    write_reset(back.source, back.destination, ports, reset, answer)
}

/// A reset for the connector's end of a flow that is cut.
pub(crate) fn write_reset_to_connector(flow: &Flow, answer: &mut [u8]) -> Option<usize> {
    let tuple = flow.key.tuple;
    let reset = Reset {
        sequence: flow.remote_expects,
        acknowledges: None,
    };
    let ports = (tuple.source_port, tuple.destination_port);
    write_reset(tuple.source, tuple.destination, ports, reset, answer)
}

fn write_reset(
    from: IpAddr,
    to: IpAddr,
    ports: (u16, u16),
    reset: Reset,
    answer: &mut [u8],
) -> Option<usize> {
    let flags = match reset.acknowledges {
        Some(_) => Flags::RST | Flags::ACK,
        None => Flags::RST,
    };
    let mut header = [0; TCP_HEADER_LEN];
    put(&mut header, 0, &ports.0.to_be_bytes());
    put(&mut header, 2, &ports.1.to_be_bytes());
    put(&mut header, 4, &reset.sequence.to_be_bytes());
    put(
        &mut header,
        8,
        &reset.acknowledges.unwrap_or(0).to_be_bytes(),
    );
    put(&mut header, 12, &[(TCP_HEADER_LEN as u8 / 4) << 4, flags]);
    let checksum = Checksum::default()
        .add_pseudo_header(from, to, TCP, TCP_HEADER_LEN as u16)
        .add_bytes(&header)
        .finish();
    put(&mut header, 16, &checksum.to_be_bytes());
    let start = write_ip_header(from, to, TCP, TCP_HEADER_LEN, answer)?;
    answer
        .get_mut(start..start + TCP_HEADER_LEN)?
        .copy_from_slice(&header);
    Some(start + TCP_HEADER_LEN)
}

fn write_icmp_error(
    packet: &[u8],
    inner: &Inner,
    because: Because,
    answer: &mut [u8],
) -> Option<usize> {
    let (from, to) = (inner.tuple.destination, inner.tuple.source);
    let is_ipv4 = to.is_ipv4();
    let (protocol, ip_header_len, limit) = match is_ipv4 {
        true => (ICMPV4, IPV4_HEADER_LEN, MAX_IPV4_ERROR_LEN),
        false => (ICMPV6, IPV6_HEADER_LEN, MAX_ANSWER_LEN),
    };
    let quoted_len = packet.len().min(limit - ip_header_len - ICMP_HEADER_LEN);
    let length = ICMP_HEADER_LEN + quoted_len;
    let start = write_ip_header(from, to, protocol, length, answer)?;
    let message = answer.get_mut(start..start + length)?;
    message
        .get_mut(ICMP_HEADER_LEN..)?
        .copy_from_slice(packet.get(..quoted_len)?);
    put(message, 0, &icmp_header(is_ipv4, because));
    let sum = match is_ipv4 {
        true => Checksum::default(),
        // Fits: an answer is at most 1280 bytes.
        false => Checksum::default().add_pseudo_header(from, to, ICMPV6, length as u16),
    };
    let checksum = sum.add_bytes(message).finish();
    put(message, 2, &checksum.to_be_bytes());
    Some(start + length)
}

fn icmp_header(is_ipv4: bool, because: Because) -> [u8; ICMP_HEADER_LEN] {
    match (because, is_ipv4) {
        // Communication administratively prohibited.
        (Because::Prohibited, true) => [3, 13, 0, 0, 0, 0, 0, 0],
        (Because::Prohibited, false) => [1, 1, 0, 0, 0, 0, 0, 0],
        // Host unreachable; address unreachable.
        (Because::Unreachable, true) => [3, 1, 0, 0, 0, 0, 0, 0],
        (Because::Unreachable, false) => [1, 3, 0, 0, 0, 0, 0, 0],
        // Fragmentation needed; packet too big.
        (Because::TooBig { mtu }, true) => {
            let [high, low] = u16::try_from(mtu).unwrap_or(u16::MAX).to_be_bytes();
            [3, 4, 0, 0, 0, 0, high, low]
        }
        (Because::TooBig { mtu }, false) => {
            let [a, b, c, d] = u32::try_from(mtu).unwrap_or(u32::MAX).to_be_bytes();
            [2, 0, 0, 0, a, b, c, d]
        }
    }
}

/// Writes the header in front of `payload_len` bytes, and says where those begin.
fn write_ip_header(
    from: IpAddr,
    to: IpAddr,
    protocol: u8,
    payload_len: usize,
    answer: &mut [u8],
) -> Option<usize> {
    let [length_high, length_low] = u16::try_from(payload_len).ok()?.to_be_bytes();
    match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let total = u16::try_from(IPV4_HEADER_LEN + payload_len).ok()?;
            let mut header = [0; IPV4_HEADER_LEN];
            put(&mut header, 0, &[0x45, 0]);
            put(&mut header, 2, &total.to_be_bytes());
            // Don't fragment, so the identification may stay zero (RFC 6864).
            put(&mut header, 6, &[0x40, 0, TTL, protocol]);
            put(&mut header, 12, &from.octets());
            put(&mut header, 16, &to.octets());
            let checksum = Checksum::default().add_bytes(&header).finish();
            put(&mut header, 10, &checksum.to_be_bytes());
            answer.get_mut(..IPV4_HEADER_LEN)?.copy_from_slice(&header);
            Some(IPV4_HEADER_LEN)
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let mut header = [0; IPV6_HEADER_LEN];
            put(
                &mut header,
                0,
                &[0x60, 0, 0, 0, length_high, length_low, protocol, TTL],
            );
            put(&mut header, 8, &from.octets());
            put(&mut header, 24, &to.octets());
            answer.get_mut(..IPV6_HEADER_LEN)?.copy_from_slice(&header);
            Some(IPV6_HEADER_LEN)
        }
        _ => None,
    }
}

/// Every caller writes inside a header of known length.
fn put(header: &mut [u8], offset: usize, bytes: &[u8]) {
    if let Some(place) = header.get_mut(offset..offset + bytes.len()) {
        place.copy_from_slice(bytes);
    }
}
