//! Packets made to be read in two ways, of a device at 100.96.0.7 and fd00::7 to 192.168.0.10 and fd10::10.
#![allow(
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a test that is wrong should say so at once"
)]
use super::world::packets::*;

const FROM: &str = "100.96.0.7";
const TO: &str = "192.168.0.10";
const FROM6: &str = "fd00::7";
const TO6: &str = "fd10::10";

/// What it is called, the packet, and why the switch stops it.
pub type Case = (&'static str, Vec<u8>, &'static str);

pub fn crafted_packets() -> Vec<Case> {
    let cases = [ipv4_cases(), tcp_cases(), other_cases(), ipv6_cases()].concat();
    assert!(
        cases.len() >= 60,
        "T19 asks for 60, there are {}",
        cases.len()
    );
    cases
}

fn ipv4_cases() -> Vec<Case> {
    let syn = || tcp(FROM, TO, (40000, 22), SYN);
    vec![
        ("nothing", vec![], "bad-header"),
        ("one byte", vec![0x45], "bad-length"),
        ("half a header", syn()[..12].to_vec(), "bad-length"),
        ("version 0", with(syn(), 0, 0x05), "bad-header"),
        ("version 5", with(syn(), 0, 0x55), "bad-header"),
        ("version 15", with(syn(), 0, 0xf5), "bad-header"),
        (
            "IPv6 version on an IPv4 packet",
            with(syn(), 0, 0x65),
            "unsupported-protocol",
        ),
        ("header of 16 bytes", with(syn(), 0, 0x44), "bad-header"),
        ("header of 0 bytes", with(syn(), 0, 0x40), "bad-header"),
        (
            "options: record route",
            options(&[7, 7, 4, 0, 0, 0, 0, 0]),
            "ip-options",
        ),
        (
            "options: loose source route",
            options(&[131, 7, 4, 10, 0, 0, 1, 0]),
            "ip-options",
        ),
        (
            "options: only padding",
            options(&[1, 1, 1, 1]),
            "ip-options",
        ),
        (
            "header longer than the packet",
            with(syn(), 0, 0x4f),
            "ip-options",
        ),
        (
            "total length beyond the end",
            length(syn(), 1),
            "bad-length",
        ),
        (
            "total length before the end",
            length(syn(), -1),
            "bad-length",
        ),
        ("total length 0", length(syn(), -40), "bad-length"),
        ("trailing bytes", [syn(), vec![0; 8]].concat(), "bad-length"),
        (
            "header checksum wrong",
            with_raw(syn(), 10, 0xaa),
            "bad-header",
        ),
        ("first fragment", fragment(syn(), 0x2000), "fragment"),
        (
            "tiny first fragment",
            fragment(syn()[..28].to_vec(), 0x2000),
            "fragment",
        ),
        ("last fragment", fragment(syn(), 0x00b9), "fragment"),
        (
            "overlapping fragment at offset 1",
            fragment(syn(), 0x0001),
            "fragment",
        ),
        (
            "middle fragment with DF",
            fragment(syn(), 0x6001),
            "fragment",
        ),
        (
            "fragment beyond 64 KiB",
            fragment(syn(), 0x1fff),
            "fragment",
        ),
        ("the reserved bit", fragment(syn(), 0x8000), "bad-header"),
        (
            "UDP: a first piece without the whole header",
            fragment(with_ip(FROM, TO, 17, &[0x9c, 0x40, 0, 53]), 0x2000),
            "fragment",
        ),
        (
            "UDP: a first piece of no whole words",
            fragment(first_piece(FROM, TO, 13), 0x2000),
            "fragment",
        ),
        (
            "UDP: a first piece that says it is all",
            fragment(udp_with(FROM, TO, &[7; 8]), 0x2000),
            "bad-length",
        ),
        (
            "UDP: a middle piece of no whole words",
            fragment(with_ip(FROM, TO, 17, &[7; 12]), 0x2002),
            "fragment",
        ),
        (
            "UDP: a later piece of nothing known",
            fragment(with_ip(FROM, TO, 17, &[7; 8]), 0x0002),
            "fragment",
        ),
        (
            "UDP: an empty last piece",
            fragment(with_ip(FROM, TO, 17, &[]), 0x0002),
            "fragment",
        ),
        (
            "UDP: a last piece beyond 64 KiB",
            fragment(with_ip(FROM, TO, 17, &[7; 8]), 0x1fff),
            "fragment",
        ),
        (
            "ICMP: an error in pieces",
            fragment(icmp_error(FROM, TO, &udp(TO, FROM, (53, 1))[..32]), 0x2000),
            "fragment",
        ),
    ]
}

/// The first piece of a datagram of 3000 bytes.
fn first_piece(from: &str, to: &str, data: usize) -> Vec<u8> {
    let mut payload = vec![0x9c, 0x40, 0, 53, 0x0b, 0xb8, 0, 0];
    payload.resize(8 + data, 7);
    with_ip(from, to, 17, &payload)
}

fn udp_with(from: &str, to: &str, data: &[u8]) -> Vec<u8> {
    let mut payload = vec![0x9c, 0x40, 0, 53, 0, 8 + data.len() as u8, 0, 0];
    payload.extend(data);
    with_ip(from, to, 17, &payload)
}

fn tcp_cases() -> Vec<Case> {
    let flagged = |flags| tcp(FROM, TO, (40000, 22), flags);
    vec![
        ("no flags", flagged(0), "bad-tcp-flags"),
        ("FIN alone", flagged(FIN), "bad-tcp-flags"),
        ("PSH URG alone", flagged(0x28), "bad-tcp-flags"),
        ("christmas tree", flagged(0x3f), "bad-tcp-flags"),
        ("SYN FIN", flagged(SYN | FIN), "bad-tcp-flags"),
        ("SYN RST", flagged(SYN | RST), "bad-tcp-flags"),
        ("FIN RST ACK", flagged(FIN | RST | ACK), "bad-tcp-flags"),
        ("SYN ACK from a device", flagged(SYN | ACK), "no-flow"),
        ("RST of nothing", flagged(RST), "no-flow"),
        ("RST ACK of nothing", flagged(RST | ACK), "no-flow"),
        ("TCP from port 0", tcp(FROM, TO, (0, 22), SYN), "port-zero"),
        ("TCP to port 0", tcp(FROM, TO, (40000, 0), SYN), "port-zero"),
        (
            "TCP header of 16 bytes",
            with(flagged(SYN), 32, 0x40),
            "bad-header",
        ),
        (
            "TCP header beyond the end",
            with(flagged(SYN), 32, 0x60),
            "bad-length",
        ),
        (
            "TCP cut after the ports",
            with_ip(FROM, TO, 6, &[0x9c, 0x40, 0, 22]),
            "bad-length",
        ),
        ("TCP of nothing", with_ip(FROM, TO, 6, &[]), "bad-length"),
    ]
}

fn other_cases() -> Vec<Case> {
    let datagram = || udp(FROM, TO, (40000, 53));
    let inside = || tcp(FROM, TO, (40000, 22), SYN);
    vec![
        ("UDP from port 0", udp(FROM, TO, (0, 53)), "port-zero"),
        ("UDP to port 0", udp(FROM, TO, (40000, 0)), "port-zero"),
        (
            "UDP length too long",
            with(datagram(), 25, 14),
            "bad-length",
        ),
        (
            "UDP length too short",
            with(datagram(), 25, 12),
            "bad-length",
        ),
        ("UDP length 0", with(datagram(), 25, 0), "bad-length"),
        (
            "UDP cut",
            with_ip(FROM, TO, 17, &[0x9c, 0x40, 0, 53]),
            "bad-length",
        ),
        (
            "IP in IP",
            with_ip(FROM, TO, 4, &inside()),
            "unsupported-protocol",
        ),
        (
            "IPv6 in IP",
            with_ip(FROM, TO, 41, &tcp(FROM6, TO6, (1, 2), SYN)),
            "unsupported-protocol",
        ),
        (
            "GRE",
            with_ip(FROM, TO, 47, &[0; 24]),
            "unsupported-protocol",
        ),
        (
            "SCTP",
            with_ip(FROM, TO, 132, &[0; 24]),
            "unsupported-protocol",
        ),
        (
            "DCCP",
            with_ip(FROM, TO, 33, &[0; 24]),
            "unsupported-protocol",
        ),
        (
            "UDP-Lite",
            with_ip(FROM, TO, 136, &[0; 24]),
            "unsupported-protocol",
        ),
        (
            "ESP",
            with_ip(FROM, TO, 50, &[0; 24]),
            "unsupported-protocol",
        ),
        (
            "IGMP",
            with_ip(FROM, TO, 2, &[0; 8]),
            "unsupported-protocol",
        ),
        (
            "protocol 255",
            with_ip(FROM, TO, 255, &[0; 24]),
            "unsupported-protocol",
        ),
        (
            "ICMPv6 over IPv4",
            with_ip(FROM, TO, 58, &[128, 0, 0, 0, 0, 1, 0, 1]),
            "unsupported-protocol",
        ),
        (
            "ICMP cut",
            with_ip(FROM, TO, 1, &[8, 0, 0, 0]),
            "bad-length",
        ),
        (
            "echo with a code",
            icmp(FROM, TO, 8, 1, 1, b""),
            "unsupported-icmp",
        ),
        (
            "redirect",
            icmp(FROM, TO, 5, 1, 0, &inside()),
            "unsupported-icmp",
        ),
        (
            "source quench",
            icmp(FROM, TO, 4, 0, 0, &inside()),
            "unsupported-icmp",
        ),
        (
            "timestamp",
            icmp(FROM, TO, 13, 0, 1, &[0; 12]),
            "unsupported-icmp",
        ),
        (
            "router advertisement",
            icmp(FROM, TO, 9, 0, 0, b""),
            "unsupported-icmp",
        ),
        (
            "echo reply that nobody asked for",
            echo_reply(FROM, TO, 1),
            "no-flow",
        ),
        (
            "echo reply with identifier 0",
            echo_reply(FROM, TO, 0),
            "no-flow",
        ),
        ("error about nothing", icmp_error(FROM, TO, &[]), "no-flow"),
        (
            "error about no flow",
            icmp_error(FROM, TO, &udp(TO, FROM, (53, 1))),
            "no-flow",
        ),
        (
            "error about another device",
            icmp_error(FROM, TO, &udp(TO, "100.96.0.8", (53, 1))),
            "no-flow",
        ),
        (
            "error about an error",
            icmp_error(FROM, TO, &icmp_error(TO, FROM, &inside())),
            "no-flow",
        ),
        (
            "error about a fragment",
            icmp_error(FROM, TO, &fragment(udp(TO, FROM, (53, 1)), 1)),
            "no-flow",
        ),
    ]
}

fn ipv6_cases() -> Vec<Case> {
    let syn = || tcp(FROM6, TO6, (40000, 22), SYN);
    let behind = |next: u8, header: &[u8]| {
        let rest = [header, &syn()[40..]].concat();
        with_ip(FROM6, TO6, next, &rest)
    };
    vec![
        ("v6: half a header", syn()[..39].to_vec(), "bad-length"),
        ("v6: only a header", syn()[..40].to_vec(), "bad-length"),
        (
            "v6: payload length beyond the end",
            with(syn(), 5, 21),
            "bad-length",
        ),
        (
            "v6: payload length 0, as of a jumbogram",
            with(syn(), 5, 0),
            "bad-length",
        ),
        (
            "v6: trailing bytes",
            [syn(), vec![0; 4]].concat(),
            "bad-length",
        ),
        (
            "v6: hop by hop",
            behind(0, &[6, 0, 1, 4, 0, 0, 0, 0]),
            "extension-header",
        ),
        (
            "v6: routing header 0",
            behind(43, &[6, 0, 0, 0, 0, 0, 0, 0]),
            "extension-header",
        ),
        (
            "v6: segment routing",
            behind(43, &[6, 0, 4, 0, 0, 0, 0, 0]),
            "extension-header",
        ),
        (
            "v6: destination options",
            behind(60, &[6, 0, 1, 4, 0, 0, 0, 0]),
            "extension-header",
        ),
        (
            "v6: authentication header",
            behind(51, &[6, 1, 0, 0, 0, 0, 0, 1]),
            "extension-header",
        ),
        ("v6: ESP", behind(50, &[0; 8]), "extension-header"),
        (
            "v6: mobility",
            behind(135, &[6, 0, 0, 0, 0, 0, 0, 0]),
            "extension-header",
        ),
        (
            "v6: no next header",
            with_ip(FROM6, TO6, 59, &[]),
            "extension-header",
        ),
        (
            "v6: atomic fragment",
            behind(44, &[6, 0, 0, 0, 0, 0, 0, 1]),
            "fragment",
        ),
        (
            "v6: first fragment",
            behind(44, &[6, 0, 0, 1, 0, 0, 0, 1]),
            "fragment",
        ),
        (
            "v6: UDP, atomic fragment",
            with_ip(
                FROM6,
                TO6,
                44,
                &[17, 0, 0, 0, 0, 0, 0, 1, 0, 9, 0, 9, 0, 8, 0, 0],
            ),
            "fragment",
        ),
        (
            "v6: UDP, reserved bits of a fragment",
            with_ip(
                FROM6,
                TO6,
                44,
                &[17, 0, 0, 3, 0, 0, 0, 1, 0, 9, 0, 9, 9, 8, 0, 0],
            ),
            "fragment",
        ),
        (
            "v6: an extension header in a fragment",
            with_ip(
                FROM6,
                TO6,
                44,
                &[60, 0, 0, 1, 0, 0, 0, 1, 17, 0, 1, 4, 0, 0, 0, 0],
            ),
            "fragment",
        ),
        (
            "v6: a fragment header cut",
            with_ip(FROM6, TO6, 44, &[17, 0, 0, 1]),
            "bad-length",
        ),
        (
            "v6: IPv4 inside",
            with_ip(FROM6, TO6, 4, &tcp(FROM, TO, (1, 2), SYN)),
            "unsupported-protocol",
        ),
        (
            "v6: ICMPv4 over IPv6",
            with_ip(FROM6, TO6, 1, &[8, 0, 0, 0, 0, 1, 0, 1]),
            "unsupported-protocol",
        ),
        (
            "v6: neighbour solicitation",
            icmp(FROM6, TO6, 135, 0, 0, &[0; 16]),
            "unsupported-icmp",
        ),
        (
            "v6: router advertisement",
            icmp(FROM6, TO6, 134, 0, 0, &[0; 8]),
            "unsupported-icmp",
        ),
        (
            "v6: redirect",
            icmp(FROM6, TO6, 137, 0, 0, &[0; 32]),
            "unsupported-icmp",
        ),
        (
            "v6: error about nothing",
            icmp_error(FROM6, TO6, &[0x60; 20]),
            "no-flow",
        ),
        (
            "v6: echo reply that nobody asked for",
            echo_reply(FROM6, TO6, 1),
            "no-flow",
        ),
        (
            "v6: to an IPv4 address in disguise",
            tcp(FROM6, "::ffff:192.168.0.10", (1, 22), SYN),
            "no-route",
        ),
    ]
}

/// Changes a byte, and the header checksum with it.
fn with(packet: Vec<u8>, at: usize, value: u8) -> Vec<u8> {
    let mut packet = with_raw(packet, at, value);
    if packet[0] >> 4 == 4 && packet.len() >= 20 && packet[0] & 15 >= 5 {
        fix_ipv4_checksum(&mut packet);
    }
    packet
}

fn with_raw(mut packet: Vec<u8>, at: usize, value: u8) -> Vec<u8> {
    packet[at] = value;
    packet
}

fn length(mut packet: Vec<u8>, change: i32) -> Vec<u8> {
    let total = (packet.len() as i32 + change) as u16;
    packet[2..4].copy_from_slice(&total.to_be_bytes());
    fix_ipv4_checksum(&mut packet);
    packet
}

fn fragment(mut packet: Vec<u8>, field: u16) -> Vec<u8> {
    packet[6..8].copy_from_slice(&field.to_be_bytes());
    let total = packet.len() as u16;
    packet[2..4].copy_from_slice(&total.to_be_bytes());
    fix_ipv4_checksum(&mut packet);
    packet
}

fn options(options: &[u8]) -> Vec<u8> {
    let packet = tcp(FROM, TO, (40000, 22), SYN);
    let mut packet = [&packet[..20], options, &packet[20..]].concat();
    packet[0] = 0x45 + options.len() as u8 / 4;
    let total = packet.len() as u16;
    packet[2..4].copy_from_slice(&total.to_be_bytes());
    fix_ipv4_checksum(&mut packet);
    packet
}
