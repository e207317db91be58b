//! Control messages: the local address, the traffic class and the segment size beside a datagram.

use std::mem::size_of;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::ecn::Ecn;
use crate::outbox::Source;

/// Enough for a local address, a traffic class and a segment size, each with its header; u64 for their alignment.
pub(crate) type Space = [u64; 16];
pub(crate) const SPACE_BYTES: usize = size_of::<Space>();

/// What the kernel said beside a received datagram.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Received {
    pub(crate) source: Option<Source>,
    pub(crate) ecn: Ecn,
    pub(crate) segment_bytes: Option<u16>,
}

/// Reads the control messages of `header`, which a `recvmmsg` has just filled.
pub(crate) fn decode(header: &libc::msghdr) -> Received {
    let mut received = Received::default();
    // SAFETY: the kernel filled msg_control for msg_controllen bytes; the CMSG macros stay inside them.
    let mut next = unsafe { libc::CMSG_FIRSTHDR(header) };
    while !next.is_null() {
        // SAFETY: next is non-null and so points to a whole header inside the control buffer.
        let (level, kind) = unsafe { ((*next).cmsg_level, (*next).cmsg_type) };
        // SAFETY: as above; the data lie directly behind the header.
        let data = unsafe { libc::CMSG_DATA(next) };
        // SAFETY: the kernel writes these four messages with exactly these types; unaligned reads allow any place.
        unsafe { decode_one(level, kind, data, &mut received) };
        // SAFETY: header and next belong to the same, still valid, control buffer.
        next = unsafe { libc::CMSG_NXTHDR(header, next) };
    }
    received
}

/// # Safety
/// `data` points to the payload of a control message of this level and kind.
unsafe fn decode_one(level: i32, kind: i32, data: *const u8, received: &mut Received) {
    match (level, kind) {
        (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
            // SAFETY: the caller vouches that an in_pktinfo lies here.
            let info = unsafe { data.cast::<libc::in_pktinfo>().read_unaligned() };
            // ipi_spec_dst is the local address to answer from, also for a broadcast.
            let ip = Ipv4Addr::from(info.ipi_spec_dst.s_addr.to_ne_bytes());
            let interface = info.ipi_ifindex.unsigned_abs();
            received.source = Some(Source {
                ip: IpAddr::V4(ip),
                interface,
            });
        }
        (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
            // SAFETY: the caller vouches that an in6_pktinfo lies here.
            let info = unsafe { data.cast::<libc::in6_pktinfo>().read_unaligned() };
            let ip = Ipv6Addr::from(info.ipi6_addr.s6_addr);
            received.source = Some(Source {
                ip: IpAddr::V6(ip),
                interface: info.ipi6_ifindex,
            });
        }
        (libc::IPPROTO_IP, libc::IP_TOS) => {
            // SAFETY: the kernel writes one byte for IP_TOS.
            received.ecn = Ecn::from_traffic_class(unsafe { data.read() });
        }
        (libc::IPPROTO_IPV6, libc::IPV6_TCLASS) => {
            // SAFETY: the kernel writes a c_int for IPV6_TCLASS.
            let class = unsafe { data.cast::<libc::c_int>().read_unaligned() };
            received.ecn = Ecn::from_traffic_class((class & 0xff) as u8);
        }
        (libc::SOL_UDP, libc::UDP_GRO) => {
            // SAFETY: the kernel writes a c_int for UDP_GRO.
            let bytes = unsafe { data.cast::<libc::c_int>().read_unaligned() };
            received.segment_bytes = u16::try_from(bytes).ok().filter(|bytes| *bytes > 0);
        }
        _ => {}
    }
}

/// Writes control messages into a [`Space`], in whose bounds it stays by construction.
pub(crate) struct Writer<'a> {
    space: &'a mut Space,
    used: usize,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(space: &'a mut Space) -> Writer<'a> {
        Writer { space, used: 0 }
    }

    pub(crate) fn used_bytes(&self) -> usize {
        self.used
    }

    pub(crate) fn source(&mut self, source: Source) {
        match source.ip {
            IpAddr::V4(ip) => {
                let address = libc::in_addr {
                    s_addr: u32::from_ne_bytes(ip.octets()),
                };
                let info = libc::in_pktinfo {
                    ipi_ifindex: i32::try_from(source.interface).unwrap_or(0),
                    ipi_spec_dst: address,
                    ipi_addr: libc::in_addr { s_addr: 0 },
                };
                self.write(libc::IPPROTO_IP, libc::IP_PKTINFO, info);
            }
            IpAddr::V6(ip) => {
                let info = libc::in6_pktinfo {
                    ipi6_addr: libc::in6_addr {
                        s6_addr: ip.octets(),
                    },
                    ipi6_ifindex: source.interface,
                };
                self.write(libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, info);
            }
        }
    }

    pub(crate) fn ecn(&mut self, ecn: Ecn, v6: bool) {
        let class = libc::c_int::from(ecn.bits());
        if v6 {
            self.write(libc::IPPROTO_IPV6, libc::IPV6_TCLASS, class);
        } else {
            self.write(libc::IPPROTO_IP, libc::IP_TOS, class);
        }
    }

    pub(crate) fn segment_bytes(&mut self, bytes: u16) {
        self.write(libc::SOL_UDP, libc::UDP_SEGMENT, bytes);
    }

    fn write<T: Copy>(&mut self, level: i32, kind: i32, value: T) {
        let payload = size_of::<T>() as u32;
        // SAFETY: CMSG_SPACE and CMSG_LEN are arithmetic.
        let (space, len) = unsafe { (libc::CMSG_SPACE(payload), libc::CMSG_LEN(payload)) };
        let end = self.used + space as usize;
        if end > SPACE_BYTES {
            return;
        }
        let start: *mut u8 = self.space.as_mut_ptr().cast();
        // SAFETY: used..end lies inside the space (checked above), and used is a multiple of the header's alignment
        // because CMSG_SPACE rounds up to it.
        unsafe {
            let header = start.add(self.used).cast::<libc::cmsghdr>();
            header.write(libc::cmsghdr {
                cmsg_len: len as _,
                cmsg_level: level,
                cmsg_type: kind,
            });
            libc::CMSG_DATA(header).cast::<T>().write_unaligned(value);
        }
        self.used = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_beside_a_datagram_is_read_back() {
        let mut space = Space::default();
        let v4 = source(IpAddr::from([192, 0, 2, 7]));
        let v6 = source("2001:db8::7".parse().unwrap());

        for (source, is_v6) in [(v4, false), (v6, true)] {
            let mut writer = Writer::new(&mut space);
            writer.source(source);
            writer.ecn(Ecn::Capable0, is_v6);
            let used = writer.used_bytes();
            let received = decode(&header(&mut space, used));

            assert_eq!(received.source, Some(source));
            assert_eq!(received.ecn, Ecn::Capable0);
            assert_eq!(received.segment_bytes, None);
        }
    }

    #[test]
    fn the_size_of_coalesced_segments_is_read_wherever_it_stands() {
        for (said, understood) in [(1452, Some(1452)), (0, None), (-1, None), (65_536, None)] {
            let mut space = Space::default();
            let mut writer = Writer::new(&mut space);
            // One byte of payload, so that what follows it is aligned by padding alone.
            writer.write(libc::IPPROTO_IP, libc::IP_TOS, 0b11_u8);
            writer.write(libc::SOL_UDP, libc::UDP_GRO, said);
            let used = writer.used_bytes();

            let received = decode(&header(&mut space, used));

            assert_eq!(received.segment_bytes, understood);
            assert_eq!(received.ecn, Ecn::CongestionExperienced);
        }
    }

    #[test]
    fn what_nobody_asked_for_is_passed_over_and_nothing_is_nothing() {
        let mut space = Space::default();
        let mut writer = Writer::new(&mut space);
        writer.write(libc::SOL_SOCKET, libc::SO_TIMESTAMP, [1_u64; 2]);
        writer.segment_bytes(1200);
        let used = writer.used_bytes();

        for length in [used, 0] {
            let received = decode(&header(&mut space, length));
            assert!(received.source.is_none() && received.segment_bytes.is_none());
            assert_eq!(received.ecn, Ecn::NotCapable);
        }
    }

    #[test]
    fn the_space_takes_all_that_one_datagram_needs_and_nothing_is_written_behind_it() {
        let mut space = Space::default();
        let mut writer = Writer::new(&mut space);
        writer.source(source("2001:db8::7".parse().unwrap()));
        writer.ecn(Ecn::Capable1, true);
        writer.segment_bytes(1452);
        assert!(writer.used_bytes() < SPACE_BYTES);

        for _ in 0..SPACE_BYTES {
            writer.segment_bytes(1452);
        }

        let used = writer.used_bytes();
        assert!(used <= SPACE_BYTES);
        let received = decode(&header(&mut space, used));
        assert_eq!(received.ecn, Ecn::Capable1);
        assert!(received.source.is_some());
    }

    fn source(ip: IpAddr) -> Source {
        Source { ip, interface: 3 }
    }

    /// As `recvmmsg` leaves it.
    fn header(space: &mut Space, used: usize) -> libc::msghdr {
        // SAFETY: all-zero is a valid msghdr: no name, no buffers.
        let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
        header.msg_control = space.as_mut_ptr().cast();
        header.msg_controllen = used as _;
        header
    }
}
