//! The socket's error queue (`IP_RECVERR`): which ICMP message hit one of our packets, who sent it, and the start of the
//! packet it was about. errno alone cannot tell "prohibited by a firewall" from "no such host".

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::BorrowedFd;

use crate::socket_calls::{ControlBuffer, receive_message, set_number};
use crate::trouble::Trouble;

#[derive(Debug)]
pub(crate) struct QueuedError {
    pub(crate) trouble: Trouble,
    /// The router or host that said so; none when it was our own kernel.
    pub(crate) offender: Option<IpAddr>,
    /// How many bytes of the packet in question were left in the caller's buffer.
    pub(crate) quoted: usize,
}

pub(crate) fn ask_for_errors(fd: BorrowedFd<'_>, v4: bool, on: bool) -> io::Result<()> {
    let (level, name) = if v4 {
        (libc::SOL_IP, libc::IP_RECVERR)
    } else {
        (libc::SOL_IPV6, libc::IPV6_RECVERR)
    };
    set_number(fd, level, name, i32::from(on))
}

/// Takes one error from the queue, if there is one; the packet it was about is copied to `quote`.
pub(crate) fn take_error(fd: BorrowedFd<'_>, quote: &mut [u8]) -> Option<QueuedError> {
    let mut control = ControlBuffer([0; 256]);
    let received = receive_message(fd, quote, &mut control, libc::MSG_ERRQUEUE).ok()?;
    let mut found = None;
    received.for_each_control(&control, |level, kind, data| {
        if (level == libc::SOL_IP && kind == libc::IP_RECVERR)
            || (level == libc::SOL_IPV6 && kind == libc::IPV6_RECVERR)
        {
            found = parse_extended_error(data);
        }
    });
    let (trouble, offender) = found?;
    Some(QueuedError {
        trouble,
        offender,
        quoted: received.len,
    })
}

/// `struct sock_extended_err`, followed by the offender's socket address.
fn parse_extended_error(data: &[u8]) -> Option<(Trouble, Option<IpAddr>)> {
    let (head, address) = data.split_first_chunk::<16>()?;
    let [e0, e1, e2, e3, origin, kind, code, _, i0, i1, i2, i3, ..] = *head;
    let errno = i32::from_ne_bytes([e0, e1, e2, e3]);
    let info = u32::from_ne_bytes([i0, i1, i2, i3]);
    match origin {
        ORIGIN_ICMP | ORIGIN_ICMP6 => {
            let too_big = errno == libc::EMSGSIZE;
            let trouble = Trouble::Told {
                kind,
                code,
                info: if too_big { info } else { 0 },
            };
            Some((trouble, parse_address(address)))
        }
        _ if errno == libc::EMSGSIZE => Some((Trouble::TooBig { mtu: info }, None)),
        _ => Some((
            Trouble::from_error(&io::Error::from_raw_os_error(errno)),
            None,
        )),
    }
}

const ORIGIN_ICMP: u8 = 2;
const ORIGIN_ICMP6: u8 = 3;

fn parse_address(data: &[u8]) -> Option<IpAddr> {
    let [f0, f1, ..] = *data else { return None };
    match i32::from(u16::from_ne_bytes([f0, f1])) {
        libc::AF_INET => Some(IpAddr::V4(Ipv4Addr::from(
            *data.get(4..)?.first_chunk::<4>()?,
        ))),
        libc::AF_INET6 => Some(IpAddr::V6(Ipv6Addr::from(
            *data.get(8..)?.first_chunk::<16>()?,
        ))),
        _ => None,
    }
}
