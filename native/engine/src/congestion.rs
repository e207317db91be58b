//! Explicit congestion notification through a tunnel (RFC 6040, normal mode), for every role: the mark is carried out, and
//! what the path has put on the outside is carried in. The six DSCP bits stay inside: they would tell the path about the
//! traffic. What has waited for a handshake, and what the tunnel itself has to say, leaves as not capable (the RFC's
//! compatibility mode): a congested router drops it then.

use culvert_udp::Ecn;

/// What the outside of this packet shall say.
pub(crate) fn of_packet(packet: &[u8]) -> Ecn {
    match *packet {
        [first, class, ..] if first >> 4 == 4 => Ecn::from_traffic_class(class),
        [first, second, ..] if first >> 4 == 6 => Ecn::from_traffic_class(second >> 4),
        _ => Ecn::NotCapable,
    }
}

/// Whether there is anything to bring in at all: mostly there is not.
pub(crate) fn is_news(outside: Ecn) -> bool {
    matches!(outside, Ecn::Capable1 | Ecn::CongestionExperienced)
}

/// What the path has put on the outside is put inside. False when it was congested and the packet's ends do not know of
/// marks; then it has to be dropped, for that is the one sign they understand.
pub(crate) fn bring_in(outside: Ecn, packet: &mut [u8]) -> bool {
    match outside {
        Ecn::NotCapable | Ecn::Capable0 => {}
        Ecn::Capable1 if of_packet(packet) != Ecn::Capable0 => {}
        Ecn::CongestionExperienced if of_packet(packet) == Ecn::NotCapable => return false,
        Ecn::Capable1 | Ecn::CongestionExperienced => mark(packet, outside),
    }
    true
}

fn mark(packet: &mut [u8], ecn: Ecn) {
    match packet {
        [first, class, rest @ ..] if *first >> 4 == 4 => {
            let before = *class;
            *class = before & !0b11 | ecn.bits();
            if let Some([high, low]) = rest.get_mut(8..10) {
                let checksum = u16::from_be_bytes([*high, *low]);
                [*high, *low] = updated(checksum, before, *class).to_be_bytes();
            }
        }
        [first, second, ..] if *first >> 4 == 6 => {
            *second = *second & !(0b11 << 4) | ecn.bits() << 4;
        }
        _ => {}
    }
}

/// RFC 1624, for the low byte of one word.
fn updated(checksum: u16, before: u8, after: u8) -> u16 {
    let sum = u32::from(!checksum) + u32::from(!u16::from(before)) + u32::from(after);
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded + (folded >> 16)) as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marked_packet_has_a_right_checksum() {
        for class in 0..=255u8 {
            for outside in 0..4 {
                let mut packet = ipv4_header(class);

                let is_kept = bring_in(Ecn::from_traffic_class(outside), &mut packet);

                let inside = match (outside, class & 3) {
                    (3, _) => 3,
                    (1, 2) => 1,
                    (_, inside) => inside,
                };
                assert_eq!(is_kept, (outside, class & 3) != (3, 0));
                if is_kept {
                    assert_eq!(packet, ipv4_header(class & !3 | inside));
                }
            }
        }
    }

    #[test]
    fn the_mark_of_ipv6_straddles_two_bytes() {
        let mut packet = [0x6a, 0x9b, 0, 0];
        assert_eq!(of_packet(&packet), Ecn::Capable1);

        assert!(bring_in(Ecn::CongestionExperienced, &mut packet));

        assert_eq!(packet, [0x6a, 0xbb, 0, 0]);
    }

    fn ipv4_header(class: u8) -> Vec<u8> {
        let mut header = vec![
            0x45, class, 0, 40, 1, 2, 0x40, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2,
        ];
        let sum = header
            .chunks(2)
            .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]))
            .sum::<u32>();
        let checksum = !(((sum & 0xffff) + (sum >> 16)) as u16);
        header[10..12].copy_from_slice(&checksum.to_be_bytes());
        header
    }
}
