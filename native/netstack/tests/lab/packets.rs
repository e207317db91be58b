//! Packets that a device makes by hand, and what it reads in the answers.

use std::net::IpAddr;

use super::{DEVICE, DEVICE_V6, ip};

/// An IP packet around `transport`, whose checksum is put at `at`.
pub fn packet(
    to: &str,
    protocol: u8,
    hops: u8,
    mut transport: Vec<u8>,
    at: Option<usize>,
) -> Vec<u8> {
    let to = ip(to);
    let from = if to.is_ipv4() {
        ip(DEVICE)
    } else {
        ip(DEVICE_V6)
    };
    if let Some(at) = at {
        let pseudo = if protocol == 1 {
            Vec::new()
        } else {
            pseudo(from, to, protocol, transport.len())
        };
        let sum = checksum(&[pseudo, transport.clone()].concat());
        transport[at..at + 2].copy_from_slice(&sum.to_be_bytes());
    }
    let mut header = match (from, to) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            let len = (20 + transport.len()) as u16;
            let mut header = vec![0x45, 0];
            header.extend(len.to_be_bytes());
            header.extend([0, 1, 0x40, 0, hops, protocol, 0, 0]);
            header.extend(from.octets());
            header.extend(to.octets());
            let sum = checksum(&header);
            header[10..12].copy_from_slice(&sum.to_be_bytes());
            header
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            let mut header = vec![0x60, 0, 0, 0];
            header.extend((transport.len() as u16).to_be_bytes());
            header.extend([protocol, hops]);
            header.extend(from.octets());
            header.extend(to.octets());
            header
        }
        _ => panic!("{to} and the device are of two families"),
    };
    header.append(&mut transport);
    header
}

pub fn udp(to: &str, from_port: u16, port: u16, hops: u8, data: &[u8]) -> Vec<u8> {
    let mut datagram = Vec::new();
    datagram.extend(from_port.to_be_bytes());
    datagram.extend(port.to_be_bytes());
    datagram.extend((8 + data.len() as u16).to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend(data);
    packet(to, 17, hops, datagram, Some(6))
}

pub fn echo(to: &str, ident: u16, sequence: u16, hops: u8, data: &[u8]) -> Vec<u8> {
    let v4 = ip(to).is_ipv4();
    let mut message = vec![if v4 { 8 } else { 128 }, 0, 0, 0];
    message.extend(ident.to_be_bytes());
    message.extend(sequence.to_be_bytes());
    message.extend(data);
    packet(to, if v4 { 1 } else { 58 }, hops, message, Some(2))
}

pub fn tcp(
    to: &str,
    from_port: u16,
    port: u16,
    flags: u8,
    sequence: u32,
    acknowledgement: u32,
) -> Vec<u8> {
    tcp_with(to, from_port, port, flags, sequence, acknowledgement, &[])
}

pub fn tcp_with(
    to: &str,
    from_port: u16,
    port: u16,
    flags: u8,
    sequence: u32,
    acknowledgement: u32,
    data: &[u8],
) -> Vec<u8> {
    let mut segment = Vec::new();
    segment.extend(from_port.to_be_bytes());
    segment.extend(port.to_be_bytes());
    segment.extend(sequence.to_be_bytes());
    segment.extend(acknowledgement.to_be_bytes());
    segment.extend([5 << 4, flags, 0xff, 0xff, 0, 0, 0, 0]);
    segment.extend(data);
    packet(to, 6, 64, segment, Some(16))
}

/// Who sent it, and everything after the IP header. Checksums are verified.
pub fn open(packet: &[u8]) -> (IpAddr, u8, Vec<u8>) {
    let (from, to, protocol, transport) = if packet[0] >> 4 == 4 {
        assert_eq!(checksum(&packet[..20]), 0, "IP header checksum");
        let octets = |at: usize| <[u8; 4]>::try_from(&packet[at..at + 4]).unwrap();
        (
            IpAddr::from(octets(12)),
            IpAddr::from(octets(16)),
            packet[9],
            &packet[20..],
        )
    } else {
        let octets = |at: usize| <[u8; 16]>::try_from(&packet[at..at + 16]).unwrap();
        (
            IpAddr::from(octets(8)),
            IpAddr::from(octets(24)),
            packet[6],
            &packet[40..],
        )
    };
    let pseudo = if protocol == 1 {
        Vec::new()
    } else {
        pseudo(from, to, protocol, transport.len())
    };
    assert_eq!(
        checksum(&[pseudo, transport.to_vec()].concat()),
        0,
        "transport checksum"
    );
    (from, protocol, transport.to_vec())
}

/// ICMP type and code, and the packet that is quoted.
pub fn error_of(packet: &[u8]) -> (IpAddr, u8, u8, Vec<u8>) {
    let (from, protocol, message) = open(packet);
    assert!(
        protocol == 1 || protocol == 58,
        "protocol {protocol} is no ICMP"
    );
    (from, message[0], message[1], message[8..].to_vec())
}

fn pseudo(from: IpAddr, to: IpAddr, protocol: u8, len: usize) -> Vec<u8> {
    let octets = |address: IpAddr| match address {
        IpAddr::V4(v4) => v4.octets().to_vec(),
        IpAddr::V6(v6) => v6.octets().to_vec(),
    };
    [
        octets(from),
        octets(to),
        vec![0, protocol],
        (len as u16).to_be_bytes().to_vec(),
    ]
    .concat()
}

fn checksum(data: &[u8]) -> u16 {
    let mut sum: u32 = 0;
    for pair in data.chunks(2) {
        sum += u32::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]));
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

pub fn fix_header_sum(packet: &mut [u8]) {
    packet[10..12].fill(0);
    let mut sum: u32 = packet[..20]
        .chunks(2)
        .map(|pair| u32::from(u16::from_be_bytes([pair[0], pair[1]])))
        .sum();
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    packet[10..12].copy_from_slice(&(!(sum as u16)).to_be_bytes());
}
