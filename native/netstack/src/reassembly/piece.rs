//! One fragment, read.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What an IPv4 packet can hold behind its header.
const LARGEST_PAYLOAD: usize = 65_515;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Piece<'a> {
    pub(crate) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) protocol: u8,
    pub(super) identification: u32,
    pub(super) offset: usize,
    pub(super) has_more: bool,
    /// The IP header in front, without options and extension headers: there are none.
    pub(super) header: &'a [u8],
    pub(super) data: &'a [u8],
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

    pub(super) fn end(&self) -> usize {
        self.offset + self.data.len()
    }
}
