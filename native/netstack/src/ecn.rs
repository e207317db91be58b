//! Congestion marks (RFC 3168) through the NAT. Those of datagrams and pings go on as they came, both ways, as over a router.
//!
//! A TCP connection ends here on either side. smoltcp answers a device that offers to heed marks without agreeing, so that
//! neither of them sends packets that could be marked; toward the target the kernel's own socket agrees for itself
//! (`net.ipv4.tcp_ecn`) and slows down for itself, and the full ring between the two then slows the device.

use std::io;
use std::os::fd::AsFd;

use socket2::Socket;

use crate::socket_calls::set_number;

pub(crate) const NOT_CAPABLE: u8 = 0b00;
const CONGESTED: u8 = 0b11;
const BITS: u8 = 0b11;

/// Of an IP header of either family.
pub(crate) fn of_header(header: &[u8]) -> u8 {
    match *header {
        [first, class, ..] if first >> 4 == 4 => class & BITS,
        [first, second, ..] if first >> 4 == 6 => second >> 4 & BITS,
        _ => NOT_CAPABLE,
    }
}

/// The checksum of an IPv4 header is left to the caller.
pub(crate) fn set_congested(header: &mut [u8]) {
    match header {
        [first, class, ..] if *first >> 4 == 4 => *class |= CONGESTED,
        [first, second, ..] if *first >> 4 == 6 => *second |= CONGESTED << 4,
        _ => {}
    }
}

/// What the next datagrams of this socket carry: ip(7), ipv6(7).
pub(crate) fn put_on(socket: &Socket, v4: bool, ecn: u8) -> io::Result<()> {
    let (level, name) = match v4 {
        true => (libc::SOL_IP, libc::IP_TOS),
        false => (libc::SOL_IPV6, libc::IPV6_TCLASS),
    };
    set_number(socket.as_fd(), level, name, i32::from(ecn))
}

/// From now on [`from_control`] finds it beside each datagram.
pub(crate) fn show(socket: &Socket, v4: bool) -> io::Result<()> {
    let (level, name) = match v4 {
        true => (libc::SOL_IP, libc::IP_RECVTOS),
        false => (libc::SOL_IPV6, libc::IPV6_RECVTCLASS),
    };
    set_number(socket.as_fd(), level, name, 1)
}

/// The kernel writes one byte for IPv4 and an int for IPv6.
pub(crate) fn from_control(level: i32, kind: i32, data: &[u8]) -> Option<u8> {
    match (level, kind) {
        (libc::SOL_IP, libc::IP_TOS) => Some(data.first()? & BITS),
        (libc::SOL_IPV6, libc::IPV6_TCLASS) => {
            let class = i32::from_ne_bytes(*data.first_chunk()?);
            Some(class as u8 & BITS)
        }
        _ => None,
    }
}

/// The marks that the pieces of one datagram came with, one bit for each.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Marks(u8);

impl Marks {
    pub(crate) fn note(&mut self, ecn: u8) {
        self.0 |= 1 << ecn;
    }

    pub(crate) fn are_congested(self) -> bool {
        self.0 & 1 << CONGESTED != 0
    }

    /// A piece met congestion and another can not say so: then the datagram is lost, which its sender does understand
    /// (RFC 3168, 5.3).
    pub(crate) fn contradict(self) -> bool {
        self.are_congested() && self.0 & 1 << NOT_CAPABLE != 0
    }
}
