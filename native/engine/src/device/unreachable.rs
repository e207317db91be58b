//! The answer to a packet for which there is no peer: ICMP "host unreachable", at once, as WireGuard in the kernel does.

use std::time::{Duration, Instant};

const ICMP: u8 = 1;
const ICMPV6: u8 = 58;
/// RFC 4443 wants an error to fit into the least MTU; RFC 1812 says the same of 576 bytes.
const LARGEST_ANSWER_V4: usize = 576;
const LARGEST_ANSWER_V6: usize = 1280;

/// `None`: nobody may be answered (an error, a fragment, many receivers, no sender).
///
/// The answer comes from the address that was not reached: one of the host's own would be taken for a forgery.
pub(super) fn answer(packet: &[u8]) -> Option<Vec<u8>> {
    match packet.first()? >> 4 {
        4 => answer_v4(packet),
        6 => answer_v6(packet),
        _ => None,
    }
}

fn answer_v4(packet: &[u8]) -> Option<Vec<u8>> {
    let header_bytes = usize::from(packet.first()? & 15) * 4;
    let source: [u8; 4] = packet.get(12..16)?.try_into().ok()?;
    let destination: [u8; 4] = packet.get(16..20)?.try_into().ok()?;
    let is_later_fragment = u16::from_be_bytes([*packet.get(6)?, *packet.get(7)?]) & 0x1fff != 0;
    let is_icmp = *packet.get(9)? == ICMP;
    let is_error = is_icmp && !matches!(*packet.get(header_bytes)?, 0 | 8 | 13..=18);
    let is_for_many = matches!(destination, [224..=255, ..]) || matches!(source, [224..=255, ..]);
    if is_later_fragment || is_error || is_for_many || source == [0; 4] {
        return None;
    }
    let quoted = packet.get(..packet.len().min(LARGEST_ANSWER_V4 - 28))?;
    let total = u16::try_from(28 + quoted.len()).ok()?;
    let mut answer = vec![0x45, 0xc0];
    answer.extend(total.to_be_bytes());
    answer.extend([0, 0, 0, 0, 64, ICMP, 0, 0]);
    answer.extend(destination);
    answer.extend(source);
    let checksum = checksum(&[&answer]);
    answer
        .get_mut(10..12)?
        .copy_from_slice(&checksum.to_be_bytes());
    // Destination unreachable, host unreachable.
    finish(answer, [3, 1], quoted, &[], 20)
}

fn answer_v6(packet: &[u8]) -> Option<Vec<u8>> {
    let source: [u8; 16] = packet.get(8..24)?.try_into().ok()?;
    let destination: [u8; 16] = packet.get(24..40)?.try_into().ok()?;
    let is_error = *packet.get(6)? == ICMPV6 && *packet.get(40)? < 128;
    let is_for_many = matches!(destination, [0xff, ..]) || matches!(source, [0xff, ..]);
    if is_error || is_for_many || source == [0; 16] {
        return None;
    }
    let quoted = packet.get(..packet.len().min(LARGEST_ANSWER_V6 - 48))?;
    let length = u16::try_from(8 + quoted.len()).ok()?;
    let mut answer = vec![0x60, 0, 0, 0];
    answer.extend(length.to_be_bytes());
    answer.extend([ICMPV6, 64]);
    answer.extend(destination);
    answer.extend(source);
    let pseudo = [
        &destination[..],
        &source,
        &u32::from(length).to_be_bytes(),
        &[0, 0, 0, ICMPV6],
    ];
    // Destination unreachable, address unreachable.
    finish(answer, [1, 3], quoted, &pseudo.concat(), 40)
}

fn finish(
    mut answer: Vec<u8>,
    kind: [u8; 2],
    quoted: &[u8],
    pseudo: &[u8],
    at: usize,
) -> Option<Vec<u8>> {
    answer.extend(kind);
    answer.extend([0; 6]);
    answer.extend(quoted);
    let checksum = checksum(&[pseudo, answer.get(at..)?]);
    answer
        .get_mut(at + 2..at + 4)?
        .copy_from_slice(&checksum.to_be_bytes());
    Some(answer)
}

/// Every part but the last has an even length.
fn checksum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0u32;
    for pair in parts.iter().flat_map(|part| part.chunks(2)) {
        let high = pair.first().copied().unwrap_or(0);
        let low = pair.get(1).copied().unwrap_or(0);
        sum += u32::from(u16::from_be_bytes([high, low]));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// A program that floods nobody's address gets an answer a millisecond, not a flood of answers.
#[derive(Debug, Default)]
pub(super) struct Limiter {
    window_start: Option<Instant>,
    answered: u32,
}

const WINDOW: Duration = Duration::from_millis(100);
const ANSWERS_PER_WINDOW: u32 = 100;

impl Limiter {
    pub(super) fn allows(&mut self, now: Instant) -> bool {
        let is_new = self
            .window_start
            .is_none_or(|start| now.duration_since(start) >= WINDOW);
        if is_new {
            self.window_start = Some(now);
            self.answered = 0;
        }
        self.answered += 1;
        self.answered <= ANSWERS_PER_WINDOW
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_comes_from_the_address_that_was_not_reached() {
        let answer = answer(&ping_v4([10, 9, 9, 9])).unwrap();

        assert_eq!(answer[12..20], [10, 9, 9, 9, 10, 0, 0, 1]);
        assert_eq!(answer[20..22], [3, 1]);
        assert_eq!(answer[28..], ping_v4([10, 9, 9, 9]));
        assert_eq!(checksum(&[&answer[..20]]), 0);
        assert_eq!(checksum(&[&answer[20..]]), 0);
    }

    #[test]
    fn a_long_packet_is_quoted_up_to_the_least_mtu() {
        let mut long = ping_v4([10, 9, 9, 9]);
        long.resize(1400, 0);

        assert_eq!(answer(&long).unwrap().len(), 576);
    }

    #[test]
    fn nobody_is_answered_who_must_not_be() {
        let mut error = ping_v4([10, 9, 9, 9]);
        error[20] = 3;
        let mut fragment = ping_v4([10, 9, 9, 9]);
        fragment[7] = 1;
        let mut from_nobody = ping_v4([10, 9, 9, 9]);
        from_nobody[12..16].fill(0);
        let to_all = ping_v4([255; 4]);
        let to_group = ping_v4([224, 0, 0, 251]);
        let router_solicitation = {
            let mut packet = vec![0x60, 0, 0, 0, 0, 8, ICMPV6, 255];
            packet.extend([0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
            packet.extend([0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
            packet.extend([133, 0, 0, 0, 0, 0, 0, 0]);
            packet
        };

        for packet in [
            error,
            fragment,
            from_nobody,
            to_all,
            to_group,
            router_solicitation,
            vec![],
        ] {
            assert_eq!(answer(&packet), None, "{packet:?}");
        }
    }

    #[test]
    fn a_flood_is_answered_a_thousand_times_a_second() {
        let start = Instant::now();
        let mut limiter = Limiter::default();

        let answered = (0..10_000)
            .filter(|step| limiter.allows(start + Duration::from_micros(100 * step)))
            .count();

        assert_eq!(answered, 1000);
    }

    fn ping_v4(destination: [u8; 4]) -> Vec<u8> {
        let mut packet = vec![0x45, 0, 0, 28, 0, 1, 0x40, 0, 64, ICMP, 0, 0, 10, 0, 0, 1];
        packet.extend(destination);
        packet.extend([8, 0, 0, 0, 0, 1, 0, 1]);
        packet
    }
}
