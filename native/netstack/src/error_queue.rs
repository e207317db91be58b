//! The socket's error queue (`IP_RECVERR`): which ICMP message hit one of our packets, who sent it, and the start of the
//! packet it was about. errno alone cannot tell "prohibited by a firewall" from "no such host".
#![allow(
    unsafe_code,
    reason = "control messages are read where the kernel wrote them"
)]

use std::io;
use std::mem;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::{AsRawFd, BorrowedFd};

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

pub(crate) fn set_number(fd: BorrowedFd<'_>, level: i32, name: i32, value: i32) -> io::Result<()> {
    // SAFETY: the kernel reads exactly the four bytes of `value`, which outlives the call; `fd` is open while borrowed.
    let result = unsafe {
        libc::setsockopt(
            fd.as_raw_fd(),
            level,
            name,
            (&raw const value).cast(),
            mem::size_of::<i32>() as libc::socklen_t,
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
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

/// Control messages are read as structures, so their buffer must be aligned like one.
#[repr(C, align(8))]
pub(crate) struct ControlBuffer(pub(crate) [u8; 256]);

pub(crate) struct Received {
    pub(crate) len: usize,
    control_len: usize,
}

pub(crate) fn receive_message(
    fd: BorrowedFd<'_>,
    data: &mut [u8],
    control: &mut ControlBuffer,
    flags: i32,
) -> io::Result<Received> {
    let mut vector = libc::iovec {
        iov_base: data.as_mut_ptr().cast(),
        iov_len: data.len(),
    };
    // SAFETY: all-zero is a valid `msghdr`: no name, no buffers.
    let mut header: libc::msghdr = unsafe { mem::zeroed() };
    header.msg_iov = &raw mut vector;
    header.msg_iovlen = 1;
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = control.0.len() as _;
    // SAFETY: the header points to one vector over `data` and to `control`, both alive and exclusively ours during the call.
    let len = unsafe { libc::recvmsg(fd.as_raw_fd(), &raw mut header, flags | libc::MSG_DONTWAIT) };
    if len < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(Received {
        len: len as usize,
        control_len: header.msg_controllen as usize,
    })
}

impl Received {
    /// Calls `visit` with level, type and data of each control message.
    pub(crate) fn for_each_control(
        &self,
        control: &ControlBuffer,
        mut visit: impl FnMut(i32, i32, &[u8]),
    ) {
        let head = mem::size_of::<libc::cmsghdr>();
        let mut rest = control.0.get(..self.control_len).unwrap_or_default();
        while let Some((len, level, kind)) = control_head(rest) {
            let Some(data) = rest.get(head..len) else {
                return;
            };
            visit(level, kind, data);
            rest = rest
                .get(len.next_multiple_of(mem::align_of::<libc::cmsghdr>())..)
                .unwrap_or_default();
        }
    }
}

/// `cmsg_len` (a size_t), `cmsg_level`, `cmsg_type`, as Linux lays them out.
fn control_head(bytes: &[u8]) -> Option<(usize, i32, i32)> {
    let (len, rest) = bytes.split_first_chunk::<{ mem::size_of::<usize>() }>()?;
    let (level, rest) = rest.split_first_chunk::<4>()?;
    let kind = rest.first_chunk::<4>()?;
    Some((
        usize::from_ne_bytes(*len),
        i32::from_ne_bytes(*level),
        i32::from_ne_bytes(*kind),
    ))
}
