//! Super-packets in the making: which packet continues which, and what the first one's headers say in the end.

use crate::checksum::Sum;
use crate::cut::write_ipv4_checksum;
use crate::fields::{byte, ipv4, ipv6, put_byte, put_u16, tcp, udp};
use crate::flow::{self, Candidate};
use crate::queue::Offloads;
use crate::virtio::{Header, Segmentation};

const LARGEST_PACKET: usize = 65_535;
/// The kernel's own bound for UDP; TCP super-packets of full segments have at most 47.
const MOST_SEGMENTS: u16 = 64;

/// The state of one super-packet, or of a packet that stays alone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Glue {
    candidate: Option<Candidate>,
    pub(crate) tag: u64,
    /// More may follow.
    pub(crate) is_open: bool,
    pub(crate) segments: u16,
    payload_bytes: usize,
    next_sequence: u32,
    ending_flags: u8,
}

impl Glue {
    pub(crate) fn new(packet: &[u8], offloads: Offloads) -> Glue {
        let candidate = flow::candidate(packet).filter(|candidate| match candidate.segmentation {
            Segmentation::Udp => offloads.udp,
            _ => offloads.tcp,
        });
        Glue {
            candidate,
            tag: flow::tag(packet),
            is_open: candidate.is_some_and(|candidate| !candidate.ends),
            segments: 1,
            payload_bytes: candidate.map_or(0, |candidate| candidate.payload_bytes),
            next_sequence: candidate.map_or(0, |candidate| {
                candidate
                    .sequence
                    .wrapping_add(candidate.payload_bytes as u32)
            }),
            ending_flags: 0,
        }
    }

    /// Takes `next` in, if it continues this one; then returns where its payload starts.
    pub(crate) fn join(&mut self, first: &[u8], next: &Glue, packet: &[u8]) -> Option<usize> {
        let (mine, theirs) = (self.candidate?, next.candidate?);
        if !self.is_open || !self.accepts(&mine, &theirs) {
            return None;
        }
        let is_tcp = mine.segmentation != Segmentation::Udp;
        let at = mine.transport_at;
        let is_same_flow = flow::continues(first, packet, at, self.segments)
            && (!is_tcp || flow::alike_tcp(first, packet, at, mine.header_bytes));
        if !is_same_flow {
            return None;
        }
        if is_tcp {
            self.ending_flags |= byte(packet, at + tcp::FLAGS)? & (tcp::PSH | tcp::FIN);
        }
        self.segments += 1;
        self.payload_bytes += theirs.payload_bytes;
        self.next_sequence = self.next_sequence.wrapping_add(theirs.payload_bytes as u32);
        self.is_open = !theirs.ends && theirs.payload_bytes == mine.payload_bytes;
        Some(theirs.header_bytes)
    }

    fn accepts(&self, mine: &Candidate, theirs: &Candidate) -> bool {
        let in_order =
            mine.segmentation == Segmentation::Udp || theirs.sequence == self.next_sequence;
        in_order
            && mine.segmentation == theirs.segmentation
            && mine.transport_at == theirs.transport_at
            && mine.header_bytes == theirs.header_bytes
            && theirs.payload_bytes <= mine.payload_bytes
            && self.segments < MOST_SEGMENTS
            && mine.header_bytes + self.payload_bytes + theirs.payload_bytes <= LARGEST_PACKET
    }

    /// Makes `first`'s headers those of the whole. A packet that stayed alone is not touched.
    pub(crate) fn finish(&self, first: &mut [u8]) -> Header {
        match self.candidate {
            Some(candidate) if self.segments > 1 => self
                .write_headers(first, &candidate)
                .unwrap_or(Header::PLAIN),
            _ => Header::PLAIN,
        }
    }

    fn write_headers(&self, first: &mut [u8], candidate: &Candidate) -> Option<Header> {
        let at = candidate.transport_at;
        let whole = candidate.header_bytes + self.payload_bytes;
        if at == ipv4::HEADER {
            put_u16(first, ipv4::TOTAL_LENGTH, u16::try_from(whole).ok()?);
            write_ipv4_checksum(first, ipv4::HEADER)?;
        } else {
            put_u16(
                first,
                ipv6::PAYLOAD_LENGTH,
                u16::try_from(whole - ipv6::HEADER).ok()?,
            );
        }
        let is_udp = candidate.segmentation == Segmentation::Udp;
        let protocol = if is_udp { udp::PROTOCOL } else { tcp::PROTOCOL };
        let pseudo: Sum = flow::pseudo_sum(first, at, protocol, whole - at)?;
        let checksum_offset = if is_udp { udp::CHECKSUM } else { tcp::CHECKSUM };
        let transport = first.get_mut(at..)?;
        if is_udp {
            put_u16(transport, udp::LENGTH, u16::try_from(whole - at).ok()?);
        } else {
            let flags = byte(transport, tcp::FLAGS)? | self.ending_flags;
            put_byte(transport, tcp::FLAGS, flags);
        }
        put_u16(transport, checksum_offset, pseudo.folded());
        Some(Header {
            needs_checksum: true,
            segmentation: candidate.segmentation,
            header_bytes: u16::try_from(candidate.header_bytes).ok()?,
            segment_bytes: u16::try_from(candidate.payload_bytes).ok()?,
            checksum_start: u16::try_from(at).ok()?,
            checksum_offset: u16::try_from(checksum_offset).ok()?,
        })
    }
}
