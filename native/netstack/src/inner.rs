//! The inner packet as this NAT understands it. What it does not understand to the last byte (options, extension headers)
//! it does not forward: a rule on ports must never have judged something else than what is sent on. Fragments are put
//! together first (`reassembly`).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::checksum::internet_checksum;
use crate::ecn::of_header;

pub(crate) const TCP: u8 = 6;
pub(crate) const UDP: u8 = 17;
pub(crate) const ICMP: u8 = 1;
pub(crate) const ICMPV6: u8 = 58;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Inner<'a> {
    /// The whole packet, without what follows its total length.
    pub(crate) bytes: &'a [u8],
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    pub(crate) protocol: u8,
    pub(crate) hop_limit: u8,
    /// Nobody on the way may cut it. Of IPv6 that holds for every packet that its sender has not cut.
    pub(crate) dont_fragment: bool,
    /// What the way so far says about congestion, or may yet say.
    pub(crate) ecn: u8,
    pub(crate) transport: &'a [u8],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unparsed {
    Malformed,
    Options,
    Fragment,
}

impl<'a> Inner<'a> {
    pub(crate) fn parse(bytes: &'a [u8]) -> Result<Self, Unparsed> {
        match bytes.first().map(|first| first >> 4) {
            Some(4) => parse_v4(bytes),
            Some(6) => parse_v6(bytes),
            _ => Err(Unparsed::Malformed),
        }
    }

    /// Source and destination port, where the protocol has them.
    pub(crate) fn ports(&self) -> Option<(u16, u16)> {
        match self.transport {
            [a, b, c, d, ..] => Some((u16::from_be_bytes([*a, *b]), u16::from_be_bytes([*c, *d]))),
            _ => None,
        }
    }
}

fn parse_v4(bytes: &[u8]) -> Result<Inner<'_>, Unparsed> {
    let header: &[u8; 20] = bytes.first_chunk().ok_or(Unparsed::Malformed)?;
    let [
        first,
        _,
        len_high,
        len_low,
        _,
        _,
        fragment_high,
        fragment_low,
        hop_limit,
        protocol,
        ..,
    ] = *header;
    let total = usize::from(u16::from_be_bytes([len_high, len_low]));
    if first & 0x0f != 5 {
        return Err(if first & 0x0f > 5 {
            Unparsed::Options
        } else {
            Unparsed::Malformed
        });
    }
    let bytes = bytes.get(..total).ok_or(Unparsed::Malformed)?;
    let transport = bytes.get(20..).ok_or(Unparsed::Malformed)?;
    if internet_checksum(header, 0) != 0 {
        return Err(Unparsed::Malformed);
    }
    let fragment = u16::from_be_bytes([fragment_high, fragment_low]);
    if fragment & 0x3fff != 0 {
        return Err(Unparsed::Fragment);
    }
    let [.., s0, s1, s2, s3, d0, d1, d2, d3] = *header;
    Ok(Inner {
        bytes,
        source: IpAddr::V4(Ipv4Addr::new(s0, s1, s2, s3)),
        destination: IpAddr::V4(Ipv4Addr::new(d0, d1, d2, d3)),
        protocol,
        hop_limit,
        dont_fragment: fragment & 0x4000 != 0,
        ecn: of_header(bytes),
        transport,
    })
}

fn parse_v6(bytes: &[u8]) -> Result<Inner<'_>, Unparsed> {
    let (header, rest) = bytes.split_first_chunk::<40>().ok_or(Unparsed::Malformed)?;
    let [
        _,
        _,
        _,
        _,
        len_high,
        len_low,
        next_header,
        hop_limit,
        addresses @ ..,
    ] = *header;
    let payload = usize::from(u16::from_be_bytes([len_high, len_low]));
    let transport = rest.get(..payload).ok_or(Unparsed::Malformed)?;
    let bytes = bytes.get(..40 + payload).ok_or(Unparsed::Malformed)?;
    match next_header {
        44 => return Err(Unparsed::Fragment),
        0 | 43 | 51 | 60 | 135 | 139 | 140 => return Err(Unparsed::Options),
        _ => {}
    }
    let source = addresses.first_chunk::<16>().ok_or(Unparsed::Malformed)?;
    let destination = addresses.last_chunk::<16>().ok_or(Unparsed::Malformed)?;
    Ok(Inner {
        bytes,
        source: IpAddr::V6(Ipv6Addr::from(*source)),
        destination: IpAddr::V6(Ipv6Addr::from(*destination)),
        protocol: next_header,
        hop_limit,
        dont_fragment: true,
        ecn: of_header(bytes),
        transport,
    })
}
