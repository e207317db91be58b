//! Who talked to whom in the packet that an ICMP error quotes.
use std::net::IpAddr;

use crate::ip::{
    ICMPV4, ICMPV6, IPV4_HEADER_LEN, IPV6_HEADER_LEN, TCP, UDP, ipv4_addresses, ipv6_addresses,
};
use crate::tuple::{Protocol, Tuple};

/// The quoted packet may be cut short, but what tells its flow has to be there.
pub(crate) fn quoted_ipv4(quoted: &[u8]) -> Option<Tuple> {
    let header: &[u8; IPV4_HEADER_LEN] = quoted.first_chunk()?;
    let [
        first,
        _,
        _,
        _,
        _,
        _,
        fragment_high,
        fragment_low,
        _,
        protocol,
        ..,
    ] = *header;
    if first != 0x45 || u16::from_be_bytes([fragment_high, fragment_low]) & 0x1fff != 0 {
        return None;
    }
    let (source, destination) = ipv4_addresses(header);
    quoted_tuple(
        source.into(),
        destination.into(),
        protocol,
        quoted.get(IPV4_HEADER_LEN..)?,
    )
}

pub(crate) fn quoted_ipv6(quoted: &[u8]) -> Option<Tuple> {
    let header: &[u8; IPV6_HEADER_LEN] = quoted.first_chunk()?;
    let [first, _, _, _, _, _, next_header, ..] = *header;
    if first >> 4 != 6 {
        return None;
    }
    let (source, destination) = ipv6_addresses(header);
    quoted_tuple(
        source.into(),
        destination.into(),
        next_header,
        quoted.get(IPV6_HEADER_LEN..)?,
    )
}

fn quoted_tuple(source: IpAddr, destination: IpAddr, protocol: u8, rest: &[u8]) -> Option<Tuple> {
    let [b0, b1, b2, b3, b4, b5, _, _] = *rest.first_chunk::<8>()?;
    let (first, second, third) = (
        u16::from_be_bytes([b0, b1]),
        u16::from_be_bytes([b2, b3]),
        u16::from_be_bytes([b4, b5]),
    );
    let (protocol, source_port, destination_port) = match (protocol, source.is_ipv4(), b0) {
        (TCP, _, _) => (Protocol::Tcp, first, second),
        (UDP, _, _) => (Protocol::Udp, first, second),
        (ICMPV4, true, 8) | (ICMPV6, false, 128) => (Protocol::Icmp, third, 0),
        _ => return None,
    };
    Some(Tuple {
        protocol,
        source,
        destination,
        source_port,
        destination_port,
    })
}
