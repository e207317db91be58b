//! Packets, sound unless they are spoilt afterwards.
use std::net::IpAddr;

use culvert_switch::checksum::Checksum;

use super::configuration::ip;

pub const FIN: u8 = 1;
pub const SYN: u8 = 2;
pub const RST: u8 = 4;
pub const ACK: u8 = 16;

pub fn tcp(from: &str, to: &str, ports: (u16, u16), flags: u8) -> Vec<u8> {
    segment(from, to, ports, flags, 1000, 5000, b"")
}

pub fn segment(
    from: &str,
    to: &str,
    ports: (u16, u16),
    flags: u8,
    sequence: u32,
    acknowledgement: u32,
    data: &[u8],
) -> Vec<u8> {
    let mut payload = vec![];
    payload.extend(ports.0.to_be_bytes());
    payload.extend(ports.1.to_be_bytes());
    payload.extend(sequence.to_be_bytes());
    payload.extend(acknowledgement.to_be_bytes());
    payload.extend([5 << 4, flags, 0xff, 0xff, 0, 0, 0, 0]);
    payload.extend(data);
    seal(from, to, 6, 16, payload)
}

pub fn udp(from: &str, to: &str, ports: (u16, u16)) -> Vec<u8> {
    let mut payload = vec![];
    payload.extend(ports.0.to_be_bytes());
    payload.extend(ports.1.to_be_bytes());
    payload.extend([0, 13, 0, 0]);
    payload.extend(b"hello");
    seal(from, to, 17, 6, payload)
}

pub fn echo_request(from: &str, to: &str, identifier: u16) -> Vec<u8> {
    icmp(
        from,
        to,
        if ip(from).is_ipv4() { 8 } else { 128 },
        0,
        identifier,
        b"ping",
    )
}

pub fn echo_reply(from: &str, to: &str, identifier: u16) -> Vec<u8> {
    icmp(
        from,
        to,
        if ip(from).is_ipv4() { 0 } else { 129 },
        0,
        identifier,
        b"ping",
    )
}

/// "Port unreachable", about that packet.
pub fn icmp_error(from: &str, to: &str, quoted: &[u8]) -> Vec<u8> {
    let (kind, code) = if ip(from).is_ipv4() { (3, 3) } else { (1, 4) };
    icmp(from, to, kind, code, 0, quoted)
}

pub fn icmp(from: &str, to: &str, kind: u8, code: u8, identifier: u16, rest: &[u8]) -> Vec<u8> {
    let mut payload = vec![kind, code, 0, 0];
    payload.extend(identifier.to_be_bytes());
    payload.extend([0, 1]);
    payload.extend(rest);
    seal(
        from,
        to,
        if ip(from).is_ipv4() { 1 } else { 58 },
        2,
        payload,
    )
}

/// Puts checksum and IP header to a payload.
pub fn seal(
    from: &str,
    to: &str,
    protocol: u8,
    checksum_at: usize,
    mut payload: Vec<u8>,
) -> Vec<u8> {
    let checksum = transport_checksum(ip(from), ip(to), protocol, &payload);
    payload[checksum_at..checksum_at + 2].copy_from_slice(&checksum.to_be_bytes());
    with_ip(from, to, protocol, &payload)
}

pub fn with_ip(from: &str, to: &str, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![];
    match (ip(from), ip(to)) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            packet.extend([0x45, 0]);
            packet.extend((20 + payload.len() as u16).to_be_bytes());
            packet.extend([0, 0, 0x40, 0, 64, protocol, 0, 0]);
            packet.extend(from.octets());
            packet.extend(to.octets());
            fix_ipv4_checksum(&mut packet);
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            packet.extend([0x60, 0, 0, 0]);
            packet.extend((payload.len() as u16).to_be_bytes());
            packet.extend([protocol, 64]);
            packet.extend(from.octets());
            packet.extend(to.octets());
        }
        _ => panic!("{from} and {to} are of two families"),
    }
    packet.extend(payload);
    packet
}

/// The pieces of a datagram, each with so many bytes of it, a multiple of 8.
pub fn cut(packet: &[u8], bytes: usize, id: u32) -> Vec<Vec<u8>> {
    let (from, to, protocol, payload) = parts(packet);
    let (from, to) = (&from.to_string(), &to.to_string());
    let pieces = payload.chunks(bytes).enumerate();
    pieces
        .map(|(number, piece)| {
            let offset = number * bytes;
            let has_more = offset + piece.len() < payload.len();
            match from.contains(':') {
                true => ipv6_piece(from, to, protocol, (offset, has_more), id, piece),
                false => ipv4_piece(from, to, protocol, (offset, has_more), id, piece),
            }
        })
        .collect()
}

fn ipv6_piece(
    from: &str,
    to: &str,
    protocol: u8,
    (offset, has_more): (usize, bool),
    id: u32,
    piece: &[u8],
) -> Vec<u8> {
    let field = offset as u16 | u16::from(has_more);
    let mut payload = vec![protocol, 0];
    payload.extend(field.to_be_bytes());
    payload.extend(id.to_be_bytes());
    payload.extend(piece);
    with_ip(from, to, 44, &payload)
}

fn ipv4_piece(
    from: &str,
    to: &str,
    protocol: u8,
    (offset, has_more): (usize, bool),
    id: u32,
    piece: &[u8],
) -> Vec<u8> {
    let field = (offset / 8) as u16 | if has_more { 0x2000 } else { 0 };
    let mut packet = with_ip(from, to, protocol, piece);
    packet[4..6].copy_from_slice(&(id as u16).to_be_bytes());
    packet[6..8].copy_from_slice(&field.to_be_bytes());
    fix_ipv4_checksum(&mut packet);
    packet
}

pub fn fix_ipv4_checksum(packet: &mut [u8]) {
    let length = usize::from(packet[0] & 15) * 4;
    packet[10..12].fill(0);
    let end = length.min(packet.len());
    let checksum = Checksum::default().add_bytes(&packet[..end]).finish();
    packet[10..12].copy_from_slice(&checksum.to_be_bytes());
}

pub fn transport_checksum(from: IpAddr, to: IpAddr, protocol: u8, payload: &[u8]) -> u16 {
    let sum = match protocol {
        1 => Checksum::default(),
        _ => Checksum::default().add_pseudo_header(from, to, protocol, payload.len() as u16),
    };
    sum.add_bytes(payload).finish()
}

/// Checks both checksums of a packet, as its receiver would.
pub fn assert_sound(packet: &[u8]) {
    let (from, to, protocol, payload) = parts(packet);
    if from.is_ipv4() {
        assert_eq!(
            Checksum::default().add_bytes(&packet[..20]).finish(),
            0,
            "header checksum"
        );
        assert_eq!(
            u16::from_be_bytes([packet[2], packet[3]]) as usize,
            packet.len()
        );
    } else {
        assert_eq!(
            u16::from_be_bytes([packet[4], packet[5]]) as usize,
            packet.len() - 40
        );
    }
    assert_eq!(
        transport_checksum(from, to, protocol, payload),
        0,
        "checksum of the payload"
    );
}

/// Source, destination, protocol, payload.
pub fn parts(packet: &[u8]) -> (IpAddr, IpAddr, u8, &[u8]) {
    if packet[0] >> 4 == 4 {
        let address = |at: usize| IpAddr::from(<[u8; 4]>::try_from(&packet[at..at + 4]).unwrap());
        (address(12), address(16), packet[9], &packet[20..])
    } else {
        let address = |at: usize| IpAddr::from(<[u8; 16]>::try_from(&packet[at..at + 16]).unwrap());
        (address(8), address(24), packet[6], &packet[40..])
    }
}
