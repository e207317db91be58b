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

#[cfg(test)]
mod tests {
    use super::*;

    type Message = (i32, i32, Vec<u8>);

    #[test]
    fn each_control_message_is_visited_with_its_own_data() {
        let messages = [
            (libc::IPPROTO_IP, libc::IP_TOS, vec![3]),
            (libc::IPPROTO_IP, libc::IP_TTL, 64_i32.to_ne_bytes().into()),
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, vec![7; 20]),
            (libc::SOL_SOCKET, libc::SO_TIMESTAMP, vec![]),
        ];
        let (control, used) = written(&messages);

        assert_eq!(visited(&control, used), messages);
    }

    #[test]
    fn a_message_that_is_cut_short_or_lies_about_its_length_ends_the_visit() {
        let whole = [(libc::IPPROTO_IP, libc::IP_TOS, vec![1])];
        let cut = [&whole[..], &[(0, 0, vec![9; 40])]].concat();
        let (control, used) = written(&cut);
        assert_eq!(visited(&control, used - 1), whole);
        assert_eq!(visited(&control, 10), []);

        for lie in [0, 1, 15, 1_000, usize::MAX] {
            let (mut control, used) = written(&[&whole[..], &whole].concat());
            let second = used / 2;
            control.0[second..second + mem::size_of::<usize>()]
                .copy_from_slice(&usize::to_ne_bytes(lie));

            assert_eq!(visited(&control, used), whole, "length {lie}");
        }
    }

    /// As the kernel lays them out: by the C library's own macros.
    fn written(messages: &[Message]) -> (ControlBuffer, usize) {
        let mut control = ControlBuffer([0; 256]);
        let mut used = 0;
        for (level, kind, data) in messages {
            let len = data.len() as u32;
            // SAFETY: both are arithmetic.
            let (space, len) = unsafe { (libc::CMSG_SPACE(len), libc::CMSG_LEN(len)) };
            assert!(used + space as usize <= control.0.len());
            // SAFETY: the space of this message lies inside the buffer, as just asserted, and is aligned like a header.
            unsafe {
                let head = control.0.as_mut_ptr().add(used).cast::<libc::cmsghdr>();
                (*head).cmsg_len = len as _;
                (*head).cmsg_level = *level;
                (*head).cmsg_type = *kind;
                libc::CMSG_DATA(head).copy_from(data.as_ptr(), data.len());
            }
            used += space as usize;
        }
        (control, used)
    }

    fn visited(control: &ControlBuffer, control_len: usize) -> Vec<Message> {
        let mut messages = Vec::new();
        let received = Received {
            len: 0,
            control_len,
        };
        received.for_each_control(control, |level, kind, data| {
            messages.push((level, kind, data.to_vec()));
        });
        messages
    }
}
