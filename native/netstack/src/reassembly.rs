//! Puts datagrams together that a device sent in pieces: large pings, and UDP that does not fit the tunnel.
//!
//! What it holds is bounded: [`DATAGRAMS_OF_ONE`] for each device, of which the oldest gives way, and [`MOST_BYTES`] for all. A
//! device can lose its own datagrams here, never another's.

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use crate::checksum::internet_checksum;
use crate::compose::{copy_at, set_u16};
use crate::ecn::{Marks, of_header, set_congested};

/// As long as Linux waits (`net.ipv4.ipfrag_time`).
const PATIENCE: Duration = Duration::from_secs(30);
const DATAGRAMS_OF_ONE: usize = 16;
const MOST_BYTES: usize = 8 << 20;
/// Pieces come in order or nearly so; only somebody who means it makes more gaps.
const MOST_GAPS: usize = 32;
const LARGEST_PAYLOAD: usize = 65_515;

/// One fragment, read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece<'a> {
    pub(crate) source: IpAddr,
    destination: IpAddr,
    protocol: u8,
    identification: u32,
    offset: usize,
    has_more: bool,
    /// The IP header in front, without options and extension headers: there are none.
    header: &'a [u8],
    data: &'a [u8],
}

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

#[derive(Debug)]
struct Datagram {
    destination: IpAddr,
    protocol: u8,
    identification: u32,
    /// Of the piece at offset 0.
    header: Vec<u8>,
    data: Vec<u8>,
    /// What has come: from, to; in order, with gaps between.
    have: Vec<(usize, usize)>,
    total: Option<usize>,
    marks: Marks,
    until: Instant,
}

impl Reassembly {
    pub(crate) fn add(&mut self, now: Instant, piece: &Piece<'_>) -> Added {
        let waiting = self.waiting.entry(piece.source).or_default();
        while waiting
            .front()
            .is_some_and(|oldest| oldest.until <= now || waiting.len() > DATAGRAMS_OF_ONE)
        {
            self.bytes -= waiting
                .pop_front()
                .map_or(0, |datagram| datagram.data.len());
        }
        let place = waiting.iter().position(|datagram| datagram.is_of(piece));
        let place = place.unwrap_or_else(|| {
            waiting.push_back(Datagram::begin(piece, now + PATIENCE));
            waiting.len() - 1
        });
        self.sweep.get_or_insert(now + PATIENCE);
        let Some(datagram) = waiting.get_mut(place) else {
            return Added::Refused;
        };
        let before = datagram.data.len();
        let room = MOST_BYTES - self.bytes;
        let fits = piece.end().saturating_sub(before) <= room;
        if fits && datagram.add(piece) {
            self.bytes += datagram.data.len() - before;
            if !datagram.is_whole() {
                return Added::Waiting;
            }
        }
        // Whole, or spoilt: gone either way.
        let Some(datagram) = waiting.remove(place) else {
            return Added::Refused;
        };
        if waiting.is_empty() {
            self.waiting.remove(&piece.source);
        }
        if datagram.is_whole() {
            self.bytes -= datagram.data.len();
            return Added::Whole(datagram.packet());
        }
        self.bytes -= before;
        Added::Refused
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
        self.bytes = left().map(|datagram| datagram.data.len()).sum();
        self.sweep = left().map(|datagram| datagram.until).min();
    }
}

impl Datagram {
    fn begin(piece: &Piece<'_>, until: Instant) -> Self {
        Self {
            destination: piece.destination,
            protocol: piece.protocol,
            identification: piece.identification,
            header: Vec::new(),
            data: Vec::new(),
            have: Vec::new(),
            total: None,
            marks: Marks::default(),
            until,
        }
    }

    fn is_of(&self, piece: &Piece<'_>) -> bool {
        (self.destination, self.protocol, self.identification)
            == (piece.destination, piece.protocol, piece.identification)
    }

    /// False: the piece contradicts the others, or what it says about congestion can not be passed on. Pieces that overlap are how one datagram is made to look like two (RFC 5722);
    /// a copy of what is there already is harmless.
    fn add(&mut self, piece: &Piece<'_>) -> bool {
        self.marks.note(of_header(piece.header));
        if self.marks.contradict() {
            return false;
        }
        let (start, end) = (piece.offset, piece.end());
        let after = self.have.partition_point(|(from, _)| *from <= start);
        if let Some((from, to)) = after
            .checked_sub(1)
            .and_then(|at| self.have.get(at).copied())
            && to > start
        {
            let is_copy =
                from <= start && end <= to && self.data.get(start..end) == Some(piece.data);
            return is_copy && (piece.has_more || self.total == Some(end));
        }
        let overlaps_next = self.have.get(after).is_some_and(|(from, _)| *from < end);
        if overlaps_next || self.have.len() > MOST_GAPS || !self.agrees_on_the_end(piece) {
            return false;
        }
        if self.data.len() < end {
            self.data.resize(end, 0);
        }
        copy_at(&mut self.data, start, piece.data);
        if start == 0 {
            self.header = piece.header.to_vec();
        }
        self.have.insert(after, (start, end));
        self.have.dedup_by(|next, before| {
            let touches = before.1 == next.0;
            if touches {
                before.1 = next.1;
            }
            touches
        });
        true
    }

    fn agrees_on_the_end(&mut self, piece: &Piece<'_>) -> bool {
        let end = piece.end();
        if piece.has_more {
            return self.total.is_none_or(|total| end < total);
        }
        let is_last = self.data.len() <= end && self.total.is_none_or(|total| total == end);
        self.total = Some(end);
        is_last
    }

    fn is_whole(&self) -> bool {
        self.total.is_some_and(|total| self.have == [(0, total)])
    }

    /// As if it had never been cut.
    fn packet(self) -> Vec<u8> {
        let mut packet = self.header;
        if self.marks.are_congested() {
            set_congested(&mut packet);
        }
        packet.extend_from_slice(&self.data);
        let total = packet.len();
        if self.destination.is_ipv4() {
            set_u16(&mut packet, 2, total as u16);
            copy_at(&mut packet, 6, &[0, 0]);
            set_u16(&mut packet, 10, 0);
            let sum = internet_checksum(packet.get(..20).unwrap_or_default(), 0);
            set_u16(&mut packet, 10, sum);
        } else {
            set_u16(&mut packet, 4, (total - 40) as u16);
            copy_at(&mut packet, 6, &[self.protocol]);
        }
        packet
    }
}

impl<'a> Piece<'a> {
    /// None: no fragment that could be part of anything. The IPv4 header was verified by [`crate::inner::Inner::parse`].
    pub(crate) fn parse(packet: &'a [u8]) -> Option<Self> {
        let piece = match packet.first()? >> 4 {
            4 => Self::parse_v4(packet),
            _ => Self::parse_v6(packet),
        }?;
        let is_cut_right = if piece.has_more {
            !piece.data.is_empty() && piece.data.len().is_multiple_of(8)
        } else {
            !piece.data.is_empty() && piece.offset > 0
        };
        (is_cut_right && piece.end() <= LARGEST_PAYLOAD).then_some(piece)
    }

    fn parse_v4(packet: &'a [u8]) -> Option<Self> {
        let header = packet.first_chunk::<20>()?;
        let &[
            _,
            _,
            l0,
            l1,
            i0,
            i1,
            f0,
            f1,
            _,
            protocol,
            _,
            _,
            s0,
            s1,
            s2,
            s3,
            d0,
            d1,
            d2,
            d3,
        ] = header;
        let field = u16::from_be_bytes([f0, f1]);
        Some(Self {
            source: Ipv4Addr::new(s0, s1, s2, s3).into(),
            destination: Ipv4Addr::new(d0, d1, d2, d3).into(),
            protocol,
            identification: u32::from(u16::from_be_bytes([i0, i1])),
            offset: usize::from(field & 0x1fff) * 8,
            has_more: field & 0x2000 != 0,
            header,
            data: packet.get(20..usize::from(u16::from_be_bytes([l0, l1])))?,
        })
    }

    /// RFC 8200, 4.5.
    fn parse_v6(packet: &'a [u8]) -> Option<Self> {
        let (header, rest) = packet.split_first_chunk::<40>()?;
        let [_, _, _, _, l0, l1, _, _, addresses @ ..] = header;
        let payload = rest.get(..usize::from(u16::from_be_bytes([*l0, *l1])))?;
        let (fragment, data) = payload.split_first_chunk::<8>()?;
        let [protocol, _, f0, f1, i0, i1, i2, i3] = *fragment;
        let field = u16::from_be_bytes([f0, f1]);
        Some(Self {
            source: Ipv6Addr::from(*addresses.first_chunk::<16>()?).into(),
            destination: Ipv6Addr::from(*addresses.last_chunk::<16>()?).into(),
            protocol,
            identification: u32::from_be_bytes([i0, i1, i2, i3]),
            offset: usize::from(field & !7),
            has_more: field & 1 != 0,
            header,
            data,
        })
    }

    fn end(&self) -> usize {
        self.offset + self.data.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

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
