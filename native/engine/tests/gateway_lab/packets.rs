//! Inner IPv4 packets.

use std::net::Ipv4Addr;

use culvert_switch::checksum::Checksum;

pub(crate) fn udp(from: &str, to: &str, source: u16, destination: u16, data: &[u8]) -> Vec<u8> {
    let mut payload = [source.to_be_bytes(), destination.to_be_bytes()].concat();
    payload.extend((8 + data.len() as u16).to_be_bytes());
    payload.extend([0, 0]);
    payload.extend(data);
    packet(from, to, 17, &payload)
}

pub(crate) fn tcp_syn(from: &str, to: &str, source: u16, destination: u16) -> Vec<u8> {
    let mut payload = [source.to_be_bytes(), destination.to_be_bytes()].concat();
    payload.extend([0, 0, 0, 1, 0, 0, 0, 0, 5 << 4, 2, 255, 255, 0, 0, 0, 0]);
    packet(from, to, 6, &payload)
}

pub(crate) fn echo_request(from: &str, to: &str, identifier: u8) -> Vec<u8> {
    packet(from, to, 1, &[8, 0, 0, 0, 0, identifier, 0, 1])
}

pub(crate) fn echo_reply(from: &str, to: &str, identifier: u8) -> Vec<u8> {
    packet(from, to, 1, &[0, 0, 0, 0, 0, identifier, 0, 1])
}

pub(crate) fn ip_protocol(packet: &[u8]) -> u8 {
    packet[9]
}

pub(crate) fn tcp_flags(packet: &[u8]) -> u8 {
    packet[33]
}

/// With a right header checksum; that of the payload is between the two ends.
fn packet(from: &str, to: &str, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let address = |text: &str| text.parse::<Ipv4Addr>().unwrap().octets();
    let mut packet = vec![0x45, 0];
    packet.extend((20 + payload.len() as u16).to_be_bytes());
    packet.extend([0, 0, 0x40, 0, 64, protocol, 0, 0]);
    packet.extend(address(from));
    packet.extend(address(to));
    let checksum = Checksum::default().add_bytes(&packet).finish();
    packet[10..12].copy_from_slice(&checksum.to_be_bytes());
    packet.extend(payload);
    packet
}
