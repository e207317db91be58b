//! Outer packets that a route leads back into the tunnel they left by: sealed again, and again, one ping would become a
//! storm. The kernel's WireGuard sees the interface that a route leads to; we see the packet when it comes.

use std::net::{IpAddr, SocketAddr};

use culvert_core::Tunnel;

const UDP: u8 = 17;
const FRAGMENT: u8 = 44;
const UDP_HEADER: usize = 8;

pub(super) fn is_returning(tunnel: &Tunnel, packet: &[u8]) -> bool {
    datagram(packet).is_some_and(|(to, payload)| tunnel.has_made(to, payload))
}

/// A datagram, or the first fragment of one: what comes behind it returns alone once, and not again.
fn datagram(packet: &[u8]) -> Option<(SocketAddr, &[u8])> {
    let (to, udp) = match packet.first()? >> 4 {
        4 if *packet.get(9)? == UDP => udp_in_v4(packet)?,
        6 => udp_in_v6(packet)?,
        _ => return None,
    };
    let port = u16::from_be_bytes([*udp.get(2)?, *udp.get(3)?]);
    Some((SocketAddr::new(to, port), udp.get(UDP_HEADER..)?))
}

fn udp_in_v4(packet: &[u8]) -> Option<(IpAddr, &[u8])> {
    let is_later_fragment = u16::from_be_bytes([*packet.get(6)?, *packet.get(7)?]) & 0x1fff != 0;
    let header_bytes = usize::from(packet.first()? & 15) * 4;
    let to: [u8; 4] = packet.get(16..20)?.try_into().ok()?;
    (!is_later_fragment).then_some((to.into(), packet.get(header_bytes..)?))
}

fn udp_in_v6(packet: &[u8]) -> Option<(IpAddr, &[u8])> {
    let to: [u8; 16] = packet.get(24..40)?.try_into().ok()?;
    match *packet.get(6)? {
        UDP => Some((to.into(), packet.get(40..)?)),
        FRAGMENT if *packet.get(40)? == UDP => {
            let is_first = u16::from_be_bytes([*packet.get(42)?, *packet.get(43)?]) & !7 == 0;
            is_first.then_some((to.into(), packet.get(48..)?))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_datagram_is_found_in_either_family_whole_or_in_its_first_fragment() {
        let to_v4 = "10.5.0.2:2111".parse().unwrap();
        let to_v6 = "[fd55::2]:2111".parse().unwrap();

        assert_eq!(datagram(&v4(0)), Some((to_v4, &b"payload"[..])));
        assert_eq!(datagram(&v4(0x2000)), Some((to_v4, &b"payload"[..])));
        assert_eq!(datagram(&v4(185)), None);
        assert_eq!(datagram(&v6(&[], UDP)), Some((to_v6, &b"payload"[..])));
        let first = [UDP, 0, 0, 1, 0, 0, 0, 7];
        assert_eq!(
            datagram(&v6(&first, FRAGMENT)),
            Some((to_v6, &b"payload"[..]))
        );
        let later = [UDP, 0, 5, 0x68, 0, 0, 0, 7];
        assert_eq!(datagram(&v6(&later, FRAGMENT)), None);
    }

    #[test]
    fn whatever_is_cut_off_is_no_datagram() {
        for packet in [
            v4(0),
            v6(&[], UDP),
            v6(&[UDP, 0, 0, 1, 0, 0, 0, 7], FRAGMENT),
        ] {
            for length in 0..packet.len() - b"payload".len() {
                assert_eq!(datagram(&packet[..length]), None, "{length}");
            }
        }
    }

    fn v4(fragment: u16) -> Vec<u8> {
        let mut packet = vec![0x45, 0, 0, 35, 0, 1];
        packet.extend(fragment.to_be_bytes());
        packet.extend([64, UDP, 0, 0, 10, 5, 0, 1, 10, 5, 0, 2]);
        packet.extend(udp());
        packet
    }

    fn v6(fragment_header: &[u8], next: u8) -> Vec<u8> {
        let mut packet = vec![0x60, 0, 0, 0, 0, 15, next, 64];
        packet.extend("fd55::1".parse::<std::net::Ipv6Addr>().unwrap().octets());
        packet.extend("fd55::2".parse::<std::net::Ipv6Addr>().unwrap().octets());
        packet.extend(fragment_header);
        packet.extend(udp());
        packet
    }

    fn udp() -> Vec<u8> {
        let mut udp = vec![4, 87, 8, 63, 0, 15, 0, 0];
        udp.extend(b"payload");
        udp
    }
}
