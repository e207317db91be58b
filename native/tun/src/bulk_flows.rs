//! Sparse flows first: what a person waits for (a key pressed in a terminal, a name asked for, a ping) does not queue behind an
//! upload. The interface has two queues, and what little is sent by quiet flows waits in the one that is read first.
//!
//! Which queue a flow's packets wait in is the kernel's choice: the one that a packet of that flow was last written to, from
//! either end (`tun_flow_update` in drivers/net/tun.c). So it is told by writing. A flow of which a super-packet was read lately
//! is bulk; it counts as quiet again when nothing of it can wait any more, so that it does not overtake itself then. A flow that
//! has got no answer yet is on either queue by chance; if that was the wrong one, what it sends after the first answer may
//! overtake, this once, what it had sent before. (The idea: RFC 8290, 4.2.)

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use crate::fields::{byte, ipv4, ipv6};

/// Flows are told apart by this many values of a hash. A quiet one that shares its value with a bulk one waits as long as that.
const PLACES: usize = 1024;
const QUIET_MS: u32 = 100;

#[derive(Debug)]
pub(crate) struct BulkFlows {
    start: Instant,
    /// When each was bulk last: milliseconds after the start, and one more; 0 is never.
    moments: Box<[AtomicU32]>,
}

impl BulkFlows {
    pub(crate) fn starting(start: Instant) -> BulkFlows {
        BulkFlows {
            start,
            moments: (0..PLACES).map(|_| AtomicU32::new(0)).collect(),
        }
    }

    /// One packet of a flow that sends super-packets, in either direction.
    pub(crate) fn note(&self, packet: &[u8], now: Instant) {
        if let Some(moment) = self.moments.get(place(packet)) {
            moment.store(self.moment(now), Ordering::Relaxed);
        }
    }

    pub(crate) fn has(&self, packet: &[u8], now: Instant) -> bool {
        let moment = self.moments.get(place(packet));
        let last = moment.map_or(0, |moment| moment.load(Ordering::Relaxed));
        last != 0 && self.moment(now).wrapping_sub(last) < QUIET_MS
    }

    fn moment(&self, now: Instant) -> u32 {
        let passed = now.saturating_duration_since(self.start).as_millis();
        (passed as u32).wrapping_add(1).max(1)
    }
}

/// The same for both directions of a flow.
fn place(packet: &[u8]) -> usize {
    let (addresses, ports_at) = match byte(packet, 0).map(|first| first >> 4) {
        Some(4) => (
            ipv4::ADDRESSES..ipv4::HEADER,
            usize::from(packet.first().map_or(0, |first| first & 15)) * 4,
        ),
        _ => (ipv6::ADDRESSES..ipv6::HEADER, ipv6::HEADER),
    };
    let addresses = packet.get(addresses).unwrap_or_default();
    let ports = packet.get(ports_at..ports_at + 4).unwrap_or_default();
    let (words, _) = addresses.as_chunks::<4>();
    let (pairs, _) = ports.as_chunks::<2>();
    // Sums do not know an order. An address is a few bits' difference from the next, so each is spread out first.
    let sum = words
        .iter()
        .map(|word| u32::from_ne_bytes(*word))
        .chain(
            pairs
                .iter()
                .map(|pair| u32::from(u16::from_ne_bytes(*pair))),
        )
        .map(|word| u64::from(word).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20)
        .fold(0, u64::wrapping_add);
    sum.wrapping_mul(0x9e37_79b9_7f4a_7c15) as usize >> (usize::BITS - PLACES.ilog2())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_flow_is_bulk_in_both_directions_until_it_was_quiet_for_a_while() {
        let start = Instant::now();
        let after = |milliseconds| start + Duration::from_millis(milliseconds);
        let flows = BulkFlows::starting(start);
        let (forth, back) = (packet([1, 2], [7000, 22]), packet([2, 1], [22, 7000]));
        assert!(!flows.has(&forth, start));

        flows.note(&forth, after(10));

        assert!(flows.has(&forth, after(10)) && flows.has(&back, after(109)));
        assert!(!flows.has(&back, after(110)));
        let strangers =
            (0..1000).filter(|port| flows.has(&packet([1, 2], [8000 + port, 22]), after(10)));
        assert!(strangers.count() < 10, "they share a place now and then");
    }

    #[test]
    fn what_is_cut_off_is_some_flow() {
        let whole = packet([1, 2], [7000, 22]);
        let flows = BulkFlows::starting(Instant::now());
        for length in 0..whole.len() {
            flows.note(&whole[..length], Instant::now());
        }
    }

    fn packet(hosts: [u8; 2], ports: [u16; 2]) -> Vec<u8> {
        let mut packet = vec![0x45, 0, 0, 24, 0, 0, 0, 0, 64, 17, 0, 0];
        packet.extend(hosts.map(|host| [10, 0, 0, host]).concat());
        packet.extend(ports.map(u16::to_be_bytes).concat());
        packet
    }
}
