//! Inner packets by choice: sound ones, their successors, edited ones; and an independent look at those that come out.

use crate::decoder::Decoder;

const ADDRESSES: [[u8; 4]; 4] = [
    [100, 96, 0, 7],
    [10, 9, 0, 10],
    [10, 9, 1, 1],
    [127, 0, 0, 1],
];
const PORTS: [u16; 4] = [22, 80, 7000, 0];
const DONT_FRAGMENT: u8 = 0x40;

pub(crate) fn any(decoder: &mut Decoder) -> Vec<u8> {
    match decoder.choice(5) {
        0 => decoder.blob(1500).to_vec(),
        1 => {
            let bytes = usize::from(decoder.number()) % 1400;
            udp(decoder, bytes)
        }
        2 => {
            let packet = any_tcp(decoder);
            edited(&packet, decoder)
        }
        _ => any_tcp(decoder),
    }
}

fn any_tcp(decoder: &mut Decoder) -> Vec<u8> {
    let bytes = usize::from(decoder.number()) % 1380;
    tcp_with_data(decoder, bytes)
}

pub(crate) fn tcp_with_data(decoder: &mut Decoder, bytes: usize) -> Vec<u8> {
    let options = decoder.choice(11) * 4;
    let mut segment = vec![0; 20 + options + bytes];
    segment[..2].copy_from_slice(&decoder.one_of(&PORTS).to_be_bytes());
    segment[2..4].copy_from_slice(&decoder.one_of(&PORTS).to_be_bytes());
    segment[4..8].copy_from_slice(&decoder.wide().to_be_bytes());
    segment[12] = u8::try_from((20 + options) / 4).unwrap() << 4;
    segment[13] = decoder.one_of(&[0x10, 0x10, 0x18, 0x19, 0x90, 0x02]);
    segment[14] = decoder.byte();
    fill(&mut segment[20 + options..], decoder.byte());
    ip(decoder, 6, 16, segment)
}

pub(crate) fn udp(decoder: &mut Decoder, bytes: usize) -> Vec<u8> {
    let mut datagram = vec![0; 8 + bytes];
    datagram[..2].copy_from_slice(&decoder.one_of(&PORTS).to_be_bytes());
    datagram[2..4].copy_from_slice(&decoder.one_of(&PORTS).to_be_bytes());
    datagram[4..6].copy_from_slice(&u16::try_from(8 + bytes).unwrap().to_be_bytes());
    fill(&mut datagram[8..], decoder.byte());
    ip(decoder, 17, 6, datagram)
}

/// The packet that its sender would send next: sequence number and identification go on.
pub(crate) fn following(packet: &[u8], decoder: &mut Decoder) -> Vec<u8> {
    let mut next = packet.to_vec();
    let at = transport_at(packet);
    if packet.len() < at + 20 || protocol(packet) != Some(6) {
        return sound(next);
    }
    let headers = at + usize::from(packet[at + 12] >> 4) * 4;
    let payload = packet.len().saturating_sub(headers);
    let sequence = u32::from_be_bytes(packet[at + 4..at + 8].try_into().unwrap());
    let sequence = sequence.wrapping_add(u32::try_from(payload).unwrap());
    next[at + 4..at + 8].copy_from_slice(&sequence.to_be_bytes());
    if packet[0] >> 4 == 4 && decoder.flag() {
        let ident = u16::from_be_bytes([packet[4], packet[5]]).wrapping_add(1);
        next[4..6].copy_from_slice(&ident.to_be_bytes());
    }
    if decoder.choice(6) == 5 {
        next[at + 13] |= 8;
        next.truncate(headers + payload / 2 + 1);
    }
    sound(next)
}

pub(crate) fn edited(packet: &[u8], decoder: &mut Decoder) -> Vec<u8> {
    let mut packet = packet.to_vec();
    for _ in 0..=decoder.choice(3) {
        let place = usize::from(decoder.number()) % packet.len().max(1);
        // Most edits are of headers.
        let place = if decoder.flag() { place % 64 } else { place };
        let bits = decoder.byte();
        if let Some(byte) = packet.get_mut(place) {
            *byte ^= bits;
        }
    }
    if decoder.choice(4) == 3 {
        packet.truncate(usize::from(decoder.number()) % (packet.len() + 1));
    }
    if decoder.flag() {
        sound(packet)
    } else {
        packet
    }
}

fn ip(decoder: &mut Decoder, protocol: u8, checksum_at: usize, payload: Vec<u8>) -> Vec<u8> {
    let (from, to) = (decoder.one_of(&ADDRESSES), decoder.one_of(&ADDRESSES));
    let length = u16::try_from(payload.len()).unwrap();
    let mut packet = Vec::new();
    if decoder.choice(4) == 3 {
        packet.extend([0x60, 0, 0, 0]);
        packet.extend(length.to_be_bytes());
        packet.extend([protocol, 64]);
        packet.extend(mapped(from));
        packet.extend(mapped(to));
    } else {
        packet.extend([0x45, 0]);
        packet.extend((20 + length).to_be_bytes());
        let fragment = decoder.one_of(&[DONT_FRAGMENT, DONT_FRAGMENT, 0, 0x20]);
        packet.extend([0, decoder.byte(), fragment, 0, 64, protocol, 0, 0]);
        packet.extend(from);
        packet.extend(to);
    }
    let at = packet.len();
    packet.extend(payload);
    write_checksum(&mut packet, at, protocol, at + checksum_at);
    sound(packet)
}

/// In fd5a::/16, so that IPv6 has the same cast.
fn mapped(address: [u8; 4]) -> [u8; 16] {
    let mut mapped = [0; 16];
    mapped[..2].copy_from_slice(&[0xfd, 0x5a]);
    mapped[12..].copy_from_slice(&address);
    mapped
}

/// Lengths and checksums as they should be, where the packet is long enough to have them.
pub(crate) fn sound(mut packet: Vec<u8>) -> Vec<u8> {
    if !make_header_sound(&mut packet) {
        return packet;
    }
    let (at, total) = (transport_at(&packet), packet.len());
    match protocol(&packet) {
        Some(6) if total >= at + 20 => write_checksum(&mut packet, at, 6, at + 16),
        Some(17) if total >= at + 8 => {
            packet[at + 4..at + 6].copy_from_slice(&((total - at) as u16).to_be_bytes());
            write_checksum(&mut packet, at, 17, at + 6);
        }
        _ => {}
    }
    packet
}

/// False: it has none.
pub(crate) fn make_header_sound(packet: &mut [u8]) -> bool {
    let (at, total) = (transport_at(packet), packet.len());
    match packet.first().map(|first| first >> 4) {
        Some(4) if total >= 20 && at <= total => {
            packet[2..4].copy_from_slice(&(total as u16).to_be_bytes());
            packet[10..12].fill(0);
            let checksum = !sum(&packet[..at]);
            packet[10..12].copy_from_slice(&checksum.to_be_bytes());
            true
        }
        Some(6) if total >= 40 => {
            packet[4..6].copy_from_slice(&((total - 40) as u16).to_be_bytes());
            true
        }
        _ => false,
    }
}

/// The field holds the pseudo-header's sum, as the kernel leaves it to the card.
pub(crate) fn leave_checksum_open(packet: &mut [u8]) {
    let at = transport_at(packet);
    let open = sum(&pseudo(packet, at, 6));
    packet[at + 16..at + 18].copy_from_slice(&open.to_be_bytes());
}

pub(crate) fn assert_sound(packet: &[u8]) {
    let at = transport_at(packet);
    let claimed = if packet[0] >> 4 == 4 {
        assert_eq!(sum(&packet[..at]), 0xffff, "header checksum");
        usize::from(packet[2]) * 256 + usize::from(packet[3])
    } else {
        usize::from(packet[4]) * 256 + usize::from(packet[5]) + 40
    };
    assert_eq!(claimed, packet.len());
    let protocol = protocol(packet).unwrap();
    let whole = match protocol {
        1 => packet[at..].to_vec(),
        _ => [&pseudo(packet, at, protocol), &packet[at..]].concat(),
    };
    assert_eq!(sum(&whole), 0xffff, "checksum of protocol {protocol}");
}

/// Where fragments are forbidden the identification means nothing, and the cutter counts it.
pub(crate) fn without_ident(packet: &[u8]) -> Vec<u8> {
    let mut packet = packet.to_vec();
    if packet.len() >= 20 && packet[0] == 0x45 && packet[6] & DONT_FRAGMENT != 0 {
        packet[4..6].fill(0);
        packet[10..12].fill(0);
    }
    packet
}

/// Addresses, protocol and ports.
pub(crate) fn flow(packet: &[u8]) -> Option<Vec<u8>> {
    let at = transport_at(packet);
    let addresses = packet.get(if packet.first()? >> 4 == 4 {
        12..20
    } else {
        8..40
    })?;
    let ports = packet.get(at..at + 4)?;
    Some([addresses, &[protocol(packet)?], ports].concat())
}

pub(crate) fn transport_at(packet: &[u8]) -> usize {
    match packet.first() {
        Some(first) if first >> 4 == 4 => usize::from(first & 15) * 4,
        _ => 40,
    }
}

pub(crate) fn protocol(packet: &[u8]) -> Option<u8> {
    packet
        .get(if packet.first()? >> 4 == 4 { 9 } else { 6 })
        .copied()
}

fn write_checksum(packet: &mut [u8], at: usize, protocol: u8, field: usize) {
    packet[field..field + 2].fill(0);
    let checksum = match !sum(&[&pseudo(packet, at, protocol), &packet[at..]].concat()) {
        0 if protocol == 17 => 0xffff,
        checksum => checksum,
    };
    packet[field..field + 2].copy_from_slice(&checksum.to_be_bytes());
}

fn pseudo(packet: &[u8], at: usize, protocol: u8) -> Vec<u8> {
    let addresses = if packet[0] >> 4 == 4 {
        &packet[12..20]
    } else {
        &packet[8..40]
    };
    let length = ((packet.len() - at) as u32).to_be_bytes();
    [addresses, &[0, 0, 0, protocol], &length].concat()
}

fn sum(bytes: &[u8]) -> u16 {
    let words = bytes
        .chunks(2)
        .map(|pair| u64::from(pair[0]) << 8 | u64::from(pair.get(1).copied().unwrap_or_default()));
    let mut sum: u64 = words.sum();
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    sum as u16
}

/// Not all alike, so that a byte in the wrong place shows.
fn fill(payload: &mut [u8], start: u8) {
    let mut byte = start;
    for (number, place) in payload.iter_mut().enumerate() {
        byte = byte.wrapping_mul(31).wrapping_add((number >> 8) as u8 | 1);
        *place = byte;
    }
}
