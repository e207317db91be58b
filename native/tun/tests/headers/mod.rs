//! Builds and judges packets byte by byte, knowing nothing of the code under test.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    dead_code,
    unreachable_pub,
    reason = "builders for tests; each file uses its part, and one that is wrong should say so at once"
)]

pub const FIN: u8 = 1;
pub const RST: u8 = 4;
pub const PSH: u8 = 8;
pub const ACK: u8 = 16;
pub const URG: u8 = 32;
pub const ECE: u8 = 64;
pub const CWR: u8 = 128;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ip {
    V4,
    V6,
}

/// One direction of a TCP connection, at one moment.
#[derive(Clone, Debug)]
pub struct Stream {
    pub ip: Ip,
    pub source_port: u16,
    pub sequence: u32,
    pub acknowledged: u32,
    pub window: u16,
    pub flags: u8,
    pub timestamp: u32,
    pub traffic_class: u8,
    pub hops: u8,
    pub id: u16,
    pub fragments: bool,
}

impl Default for Stream {
    fn default() -> Stream {
        Stream {
            ip: Ip::V4,
            source_port: 1000,
            sequence: 0,
            acknowledged: 5,
            window: 501,
            flags: 16,
            timestamp: 77,
            traffic_class: 2,
            hops: 64,
            id: 0,
            fragments: false,
        }
    }
}

impl Stream {
    /// As the kernel hands over a super-packet: virtio header, and the pseudo-header's sum in the checksum field.
    pub fn super_packet(&self, segment_bytes: usize, payload: usize) -> Vec<u8> {
        let packet = self.with_open_checksum(payload);
        let kind = if self.ip == Ip::V4 { 1 } else { 4 };
        let start = network_bytes(self.ip);
        virtio(1, kind, start + 32, segment_bytes, start, 16, &packet)
    }

    pub fn super_packet_with_ecn(&self, segment_bytes: usize, payload: usize) -> Vec<u8> {
        let mut frame = self.super_packet(segment_bytes, payload);
        frame[1] |= 0x80;
        frame
    }

    pub fn packet_without_checksum(&self, payload: usize) -> Vec<u8> {
        virtio(
            1,
            0,
            0,
            0,
            network_bytes(self.ip),
            16,
            &self.with_open_checksum(payload),
        )
    }

    fn with_open_checksum(&self, payload: usize) -> Vec<u8> {
        let mut packet = segment(self, payload);
        let start = network_bytes(self.ip);
        let pseudo = pseudo_sum(&packet, start, 6);
        packet[start + 16..start + 18].copy_from_slice(&pseudo.to_be_bytes());
        packet
    }
}

pub fn plain(packet: &[u8]) -> Vec<u8> {
    virtio(0, 0, 0, 0, 0, 0, packet)
}

/// A whole TCP packet with 12 bytes of options (a timestamp), payload that differs everywhere, and right checksums.
pub fn segment(stream: &Stream, payload: usize) -> Vec<u8> {
    let mut tcp = Vec::new();
    tcp.extend(stream.source_port.to_be_bytes());
    tcp.extend(443u16.to_be_bytes());
    tcp.extend(stream.sequence.to_be_bytes());
    tcp.extend(stream.acknowledged.to_be_bytes());
    tcp.extend([8 << 4, stream.flags]);
    tcp.extend(stream.window.to_be_bytes());
    tcp.extend([0; 4]);
    tcp.extend([1, 1, 8, 10]);
    tcp.extend(stream.timestamp.to_be_bytes());
    tcp.extend(3u32.to_be_bytes());
    tcp.extend((0..payload).map(|at| byte_of(stream.sequence.wrapping_add(at as u32))));
    packet(stream, 6, 16, tcp)
}

pub fn datagram(ip: Ip, payload: usize) -> Vec<u8> {
    let mut udp = Vec::new();
    udp.extend(1000u16.to_be_bytes());
    udp.extend(443u16.to_be_bytes());
    udp.extend(((8 + payload) as u16).to_be_bytes());
    udp.extend([0; 2]);
    udp.extend((0..payload).map(|at| byte_of(at as u32)));
    packet(
        &Stream {
            ip,
            ..Stream::default()
        },
        17,
        6,
        udp,
    )
}

pub fn udp_super_packet(ip: Ip, segment_bytes: usize, payload: usize) -> Vec<u8> {
    let mut packet = datagram(ip, payload);
    let start = network_bytes(ip);
    let pseudo = pseudo_sum(&packet, start, 17);
    packet[start + 6..start + 8].copy_from_slice(&pseudo.to_be_bytes());
    virtio(1, 5, start + 8, segment_bytes, start, 6, &packet)
}

/// What a packet says, for tests that look at more than its checksums.
pub struct Frame {
    pub source_port: u16,
    pub sequence: u32,
    pub flags: u8,
    pub payload: Vec<u8>,
}

impl Frame {
    pub fn parse(packet: &[u8]) -> Frame {
        let start = if packet[0] >> 4 == 4 { 20 } else { 40 };
        let protocol = if start == 20 { packet[9] } else { packet[6] };
        let transport = &packet[start..];
        let header = if protocol == 6 {
            usize::from(transport[12] >> 4) * 4
        } else {
            8
        };
        Frame {
            source_port: u16::from_be_bytes([transport[0], transport[1]]),
            sequence: u32::from_be_bytes(transport[4..8].try_into().unwrap()),
            flags: transport[13],
            payload: transport[header..].to_vec(),
        }
    }
}

/// Lengths and checksums are what the packet's bytes demand.
pub fn assert_sound(packet: &[u8]) {
    let is_v4 = packet[0] >> 4 == 4;
    let start = if is_v4 { 20 } else { 40 };
    let protocol = if is_v4 { packet[9] } else { packet[6] };
    if is_v4 {
        assert_eq!(
            usize::from(u16::from_be_bytes([packet[2], packet[3]])),
            packet.len()
        );
        assert_eq!(sum(&[&packet[..20]]), 0xffff, "IPv4 header checksum");
    } else {
        assert_eq!(
            usize::from(u16::from_be_bytes([packet[4], packet[5]])),
            packet.len() - 40
        );
    }
    if protocol == 17 {
        let length = u16::from_be_bytes([packet[start + 4], packet[start + 5]]);
        assert_eq!(usize::from(length), packet.len() - start);
    }
    let pseudo = pseudo_sum(packet, start, protocol).to_be_bytes();
    assert_eq!(
        sum(&[&pseudo, &packet[start..]]),
        0xffff,
        "transport checksum"
    );
}

fn packet(stream: &Stream, protocol: u8, checksum_at: usize, mut transport: Vec<u8>) -> Vec<u8> {
    let mut packet = match stream.ip {
        Ip::V4 => {
            let mut header = vec![0x45, stream.traffic_class];
            header.extend(((20 + transport.len()) as u16).to_be_bytes());
            header.extend(stream.id.to_be_bytes());
            header.extend(if stream.fragments { [0, 0] } else { [0x40, 0] });
            header.extend([stream.hops, protocol, 0, 0]);
            header.extend([10, 0, 0, 1, 10, 0, 0, 2]);
            let checksum = !sum(&[&header]);
            header[10..12].copy_from_slice(&checksum.to_be_bytes());
            header
        }
        Ip::V6 => {
            let class = stream.traffic_class;
            let mut header = vec![0x60 | class >> 4, class << 4, 0, 0];
            header.extend((transport.len() as u16).to_be_bytes());
            header.extend([protocol, stream.hops]);
            header.extend([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
            header.extend([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
            header
        }
    };
    let start = packet.len();
    packet.append(&mut transport);
    let pseudo = pseudo_sum(&packet, start, protocol).to_be_bytes();
    let checksum = match !sum(&[&pseudo, &packet[start..]]) {
        0 if protocol == 17 => 0xffff,
        checksum => checksum,
    };
    packet[start + checksum_at..start + checksum_at + 2].copy_from_slice(&checksum.to_be_bytes());
    packet
}

fn virtio(
    flags: u8,
    kind: u8,
    header: usize,
    segment: usize,
    start: usize,
    offset: usize,
    packet: &[u8],
) -> Vec<u8> {
    let mut frame = vec![flags, kind];
    for field in [header, segment, start, offset] {
        frame.extend((field as u16).to_ne_bytes());
    }
    frame.extend(packet);
    frame
}

fn pseudo_sum(packet: &[u8], start: usize, protocol: u8) -> u16 {
    let addresses = if start == 20 {
        &packet[12..20]
    } else {
        &packet[8..40]
    };
    let length = ((packet.len() - start) as u32).to_be_bytes();
    sum(&[addresses, &length, &[0, protocol]])
}

fn sum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0u64;
    for part in parts {
        for pair in part.chunks(2) {
            sum += u64::from(pair[0]) << 8 | u64::from(*pair.get(1).unwrap_or(&0));
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum as u16
}

fn network_bytes(ip: Ip) -> usize {
    if ip == Ip::V4 { 20 } else { 40 }
}

fn byte_of(position: u32) -> u8 {
    (position.wrapping_mul(2_654_435_761) >> 24) as u8
}
