//! Socket options and control messages, which the kernel reads and writes as C structures.
#![allow(
    unsafe_code,
    reason = "control messages are read where the kernel wrote them"
)]

use std::io;
use std::mem;
use std::os::fd::{AsRawFd, BorrowedFd};

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
