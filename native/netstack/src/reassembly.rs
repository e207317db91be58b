//! Puts datagrams together that a device sent in pieces: large pings, and UDP that does not fit the tunnel.
//!
//! What it holds is bounded: [`DATAGRAMS_OF_ONE`] for each device, of which the oldest gives way, and [`MOST_BYTES`] for all. A
//! device can lose its own datagrams here, never another's.

pub(crate) mod arrivals;
mod datagram;
pub(crate) mod piece;

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use self::datagram::Datagram;
use self::piece::Piece;

/// As long as Linux waits (`net.ipv4.ipfrag_time`).
const PATIENCE: Duration = Duration::from_secs(30);
const DATAGRAMS_OF_ONE: usize = 16;
const MOST_BYTES: usize = 8 << 20;

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Added {
    /// More has to come.
    Waiting,
    Whole(Vec<u8>),
    /// It contradicts what came before, or there is no room.
    Refused,
}

#[derive(Debug, Default)]
pub(crate) struct Reassembly {
    waiting: HashMap<IpAddr, VecDeque<Datagram>>,
    bytes: usize,
    /// When to look for what was given up; never later than the first of them.
    sweep: Option<Instant>,
}

impl Reassembly {
    pub(crate) fn add(&mut self, now: Instant, piece: &Piece<'_>) -> Added {
        self.forget_oldest_of(piece.source, now);
        self.sweep.get_or_insert(now + PATIENCE);
        let waiting = self.waiting.entry(piece.source).or_default();
        let place = waiting.iter().position(|datagram| datagram.is_of(piece));
        let place = place.unwrap_or_else(|| {
            waiting.push_back(Datagram::begin(piece, now + PATIENCE));
            waiting.len() - 1
        });
        let Some(datagram) = waiting.get_mut(place) else {
            return Added::Refused;
        };
        let before = datagram.len();
        let fits = piece.end().saturating_sub(before) <= MOST_BYTES - self.bytes;
        if fits && datagram.add(piece) {
            self.bytes += datagram.len() - before;
            if !datagram.is_whole() {
                return Added::Waiting;
            }
        }
        // Whole, or spoilt: gone either way.
        match self.take(piece.source, place) {
            Some(datagram) if datagram.is_whole() => Added::Whole(datagram.into_packet()),
            _ => Added::Refused,
        }
    }

    /// What it gave up on, and what is too much.
    fn forget_oldest_of(&mut self, device: IpAddr, now: Instant) {
        let Some(waiting) = self.waiting.get_mut(&device) else {
            return;
        };
        while waiting
            .front()
            .is_some_and(|oldest| oldest.until <= now || waiting.len() > DATAGRAMS_OF_ONE)
        {
            self.bytes -= waiting.pop_front().map_or(0, |datagram| datagram.len());
        }
    }

    fn take(&mut self, device: IpAddr, place: usize) -> Option<Datagram> {
        let waiting = self.waiting.get_mut(&device)?;
        let datagram = waiting.remove(place)?;
        if waiting.is_empty() {
            self.waiting.remove(&device);
        }
        self.bytes -= datagram.len();
        Some(datagram)
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.sweep
    }

    /// Forgets what was given up.
    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.sweep.is_none_or(|at| at > now) {
            return;
        }
        self.waiting.retain(|_, datagrams| {
            datagrams.retain(|datagram| datagram.until > now);
            !datagrams.is_empty()
        });
        let left = || self.waiting.values().flatten();
        self.bytes = left().map(Datagram::len).sum();
        self.sweep = left().map(|datagram| datagram.until).min();
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::datagram::MOST_GAPS;
    use super::*;
    use crate::checksum::internet_checksum;
    use crate::compose::set_u16;

    #[test]
    fn a_device_that_never_finishes_loses_its_own_oldest_and_holds_no_more_than_its_share() {
        let (mut reassembly, now) = (Reassembly::default(), Instant::now());
        let neighbour = cut(&payload(3000), 9, 1, 1480);
        assert_eq!(reassembly.add(now, &read(&neighbour[0])), Added::Waiting);
        for identification in 0..1000 {
            // The last bytes of the largest datagram: the whole of it is set aside.
            let last = &cut(&payload(65_000), 7, identification, 64_800)[1];
            assert_eq!(reassembly.add(now, &read(last)), Added::Waiting);
            assert!(reassembly.bytes <= (DATAGRAMS_OF_ONE + 1) * 65_000 + 1480);
        }

        reassembly.add(now, &read(&neighbour[1]));
        let whole = reassembly.add(now, &read(&neighbour[2]));

        assert!(matches!(whole, Added::Whole(_)), "{whole:?}");
    }

    #[test]
    fn all_devices_together_hold_no_more_than_eight_megabytes_and_what_is_given_up_is_forgotten() {
        let (mut reassembly, now) = (Reassembly::default(), Instant::now());
        let mut refused = 0;
        for device in 0..40 {
            for identification in 0..16 {
                let last = &cut(&payload(65_000), device, identification, 64_800)[1];
                refused += usize::from(reassembly.add(now, &read(last)) == Added::Refused);
                assert!(reassembly.bytes <= MOST_BYTES);
            }
        }
        assert!(refused > 0);
        assert_eq!(reassembly.poll_timeout(), Some(now + PATIENCE));

        reassembly.handle_timeout(now + PATIENCE);

        assert_eq!((reassembly.bytes, reassembly.waiting.len()), (0, 0));
        assert_eq!(reassembly.poll_timeout(), None);
    }

    #[test]
    fn pieces_that_overlap_spoil_the_datagram_and_a_copy_does_not() {
        let whole = payload(3000);
        let pieces = cut(&whole, 7, 1, 1480);
        let overlapping = cut(&payload(3000), 7, 1, 1472);
        let (mut reassembly, now) = (Reassembly::default(), Instant::now());

        reassembly.add(now, &read(&pieces[0]));
        assert_eq!(reassembly.add(now, &read(&pieces[0])), Added::Waiting);
        assert_eq!(reassembly.add(now, &read(&overlapping[1])), Added::Refused);

        assert_eq!(reassembly.add(now, &read(&pieces[1])), Added::Waiting);
        assert_eq!(reassembly.add(now, &read(&pieces[2])), Added::Waiting);
        assert_eq!(reassembly.bytes, 3000);
    }

    #[test]
    fn congestion_that_one_piece_met_is_said_of_the_whole_or_loses_it() {
        let now = Instant::now();
        for (marks, expected) in [
            ([2, 2, 2], Some(2)),
            ([2, 3, 2], Some(3)),
            ([1, 1, 3], Some(3)),
            ([0, 0, 0], Some(0)),
            ([0, 3, 0], None),
            ([3, 3, 0], None),
        ] {
            let mut reassembly = Reassembly::default();
            let mut pieces = cut(&payload(3000), 7, 1, 1480);
            for (piece, mark) in pieces.iter_mut().zip(marks) {
                piece[1] = mark;
            }

            let added: Vec<Added> = pieces
                .iter()
                .map(|piece| reassembly.add(now, &read(piece)))
                .collect();

            let class = added.iter().find_map(|added| match added {
                Added::Whole(packet) => {
                    assert_eq!(internet_checksum(&packet[..20], 0), 0);
                    Some(packet[1])
                }
                _ => None,
            });
            assert_eq!(class, expected, "{marks:?}");
        }
    }

    proptest! {
        #[test]
        fn pieces_in_any_order_and_number_make_what_was_cut(
            len in 1_usize..9000,
            step in 1_usize..200,
            order in any::<u64>(),
            again in any::<bool>(),
        ) {
            let whole = payload(len + 8 * step);
            let mut pieces = cut(&whole, 7, 3, 8 * step.max(len / 200));
            let last = pieces.remove(order as usize % pieces.len());
            if again {
                pieces.extend_from_within(..1);
            }
            pieces.sort_by_key(|piece| (u64::from(piece[7]) << 8 | u64::from(piece[6])).wrapping_mul(order | 1));
            // Many gaps at once are refused by intent, so what is left keeps neighbours together.
            if pieces.len() > MOST_GAPS {
                pieces.sort_by_key(|piece| (piece[6] & 0x1f, piece[7]));
            }
            let (mut reassembly, now) = (Reassembly::default(), Instant::now());
            for piece in &pieces {
                prop_assert_eq!(reassembly.add(now, &read(piece)), Added::Waiting);
            }

            let Added::Whole(packet) = reassembly.add(now, &read(&last)) else {
                panic!("not whole");
            };

            prop_assert_eq!(&packet[20..], &whole[..]);
            prop_assert_eq!(internet_checksum(&packet[..20], 0), 0);
            prop_assert_eq!(&packet[6..8], &[0, 0]);
            prop_assert_eq!(reassembly.bytes, 0);
        }
    }

    fn read(packet: &[u8]) -> Piece<'_> {
        Piece::parse(packet).unwrap()
    }

    fn payload(len: usize) -> Vec<u8> {
        (0..len).map(|at| (at * 31 / 7) as u8).collect()
    }

    fn cut(payload: &[u8], device: u8, identification: u16, step: usize) -> Vec<Vec<u8>> {
        let count = payload.chunks(step).len();
        let chunks = payload.chunks(step).enumerate();
        chunks
            .map(|(number, data)| {
                let more = if number + 1 < count { 0x2000 } else { 0 };
                let mut packet = vec![
                    0x45, 0, 0, 0, 0, 0, 0, 0, 64, 17, 0, 0, 100, 96, 0, device, 10, 9, 0, 10,
                ];
                set_u16(&mut packet, 2, (20 + data.len()) as u16);
                set_u16(&mut packet, 4, identification);
                set_u16(&mut packet, 6, (number * step / 8) as u16 | more);
                packet.extend_from_slice(data);
                packet
            })
            .collect()
    }
}
