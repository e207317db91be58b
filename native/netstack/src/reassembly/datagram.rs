//! One datagram that comes in pieces: what has come of it, and whether a further piece agrees with that.

use std::net::IpAddr;
use std::time::Instant;

use super::piece::Piece;
use crate::checksum::internet_checksum;
use crate::compose::{copy_at, set_u16};
use crate::ecn::{Marks, of_header, set_congested};

/// Pieces come in order or nearly so; only somebody who means it makes more gaps.
pub(super) const MOST_GAPS: usize = 32;

#[derive(Debug)]
pub(super) struct Datagram {
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
    /// When it is given up.
    pub(super) until: Instant,
}

impl Datagram {
    pub(super) fn begin(piece: &Piece<'_>, until: Instant) -> Self {
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

    pub(super) fn is_of(&self, piece: &Piece<'_>) -> bool {
        (self.destination, self.protocol, self.identification)
            == (piece.destination, piece.protocol, piece.identification)
    }

    pub(super) fn len(&self) -> usize {
        self.data.len()
    }

    /// False: the piece contradicts the others, or what it says about congestion can not be passed on. Pieces that overlap
    /// are how one datagram is made to look like two (RFC 5722); a copy of what is there already is harmless.
    pub(super) fn add(&mut self, piece: &Piece<'_>) -> bool {
        self.marks.note(of_header(piece.header));
        if self.marks.contradict() {
            return false;
        }
        let (start, end) = (piece.offset, piece.end());
        let after = self.have.partition_point(|(from, _)| *from <= start);
        let before = after.checked_sub(1).and_then(|at| self.have.get(at));
        if let Some(&(from, to)) = before
            && to > start
        {
            return end <= to && from <= start && self.is_copy(piece);
        }
        let overlaps_next = self.have.get(after).is_some_and(|(from, _)| *from < end);
        if overlaps_next || self.have.len() > MOST_GAPS || !self.agrees_on_the_end(piece) {
            return false;
        }
        self.put(piece);
        self.have.insert(after, (start, end));
        self.join_neighbours();
        true
    }

    fn is_copy(&self, piece: &Piece<'_>) -> bool {
        let end = piece.end();
        self.data.get(piece.offset..end) == Some(piece.data)
            && (piece.has_more || self.total == Some(end))
    }

    fn put(&mut self, piece: &Piece<'_>) {
        if self.data.len() < piece.end() {
            self.data.resize(piece.end(), 0);
        }
        copy_at(&mut self.data, piece.offset, piece.data);
        if piece.offset == 0 {
            self.header = piece.header.to_vec();
        }
    }

    fn join_neighbours(&mut self) {
        self.have.dedup_by(|next, before| {
            let touches = before.1 == next.0;
            if touches {
                before.1 = next.1;
            }
            touches
        });
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

    pub(super) fn is_whole(&self) -> bool {
        self.total.is_some_and(|total| self.have == [(0, total)])
    }

    /// As if it had never been cut.
    pub(super) fn into_packet(self) -> Vec<u8> {
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
