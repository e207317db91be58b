use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use crate::virtio::RawHeader;

/// What the kernel takes as super-packets. What it hands over is cut in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Offloads {
    pub tcp: bool,
    pub udp: bool,
}

/// One descriptor of a TUN: every read and write is one frame, a virtio header and a packet. It never blocks.
#[derive(Debug)]
pub struct Queue {
    descriptor: OwnedFd,
    offloads: Offloads,
}

impl Queue {
    pub(crate) fn new(descriptor: OwnedFd, offloads: Offloads) -> Queue {
        Queue {
            descriptor,
            offloads,
        }
    }

    /// A double: what one end writes, the other reads, in the very frames of the kernel.
    pub fn pair(offloads: Offloads) -> io::Result<(Queue, Queue)> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (left, right) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, flags, None)?;
        Ok((Queue::new(left, offloads), Queue::new(right, offloads)))
    }

    pub fn offloads(&self) -> Offloads {
        self.offloads
    }

    /// `None`: nothing waits.
    pub(crate) fn read(
        &self,
        header: &mut RawHeader,
        start: &mut [u8],
        rest: &mut [u8],
    ) -> io::Result<Option<usize>> {
        let mut parts = [vector(header), vector(start), vector(rest)];
        loop {
            // SAFETY: the three parts are exclusive slices that outlive the call, with their true lengths.
            let read = unsafe {
                libc::readv(
                    self.descriptor.as_raw_fd(),
                    parts.as_mut_ptr(),
                    parts.len() as i32,
                )
            };
            if let Ok(read) = usize::try_from(read) {
                return Ok(Some(read));
            }
            let cause = io::Error::last_os_error();
            match cause.kind() {
                ErrorKind::Interrupted => {}
                ErrorKind::WouldBlock => return Ok(None),
                _ => return Err(cause),
            }
        }
    }

    /// # Safety
    /// Each vector points to readable bytes of its length.
    pub(crate) unsafe fn write(&self, parts: &[libc::iovec]) -> io::Result<()> {
        loop {
            let count = i32::try_from(parts.len()).unwrap_or(i32::MAX);
            // SAFETY: the caller vouches for the vectors.
            let written =
                unsafe { libc::writev(self.descriptor.as_raw_fd(), parts.as_ptr(), count) };
            if written >= 0 {
                return Ok(());
            }
            let cause = io::Error::last_os_error();
            if cause.kind() != ErrorKind::Interrupted {
                return Err(cause);
            }
        }
    }
}

impl AsFd for Queue {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

fn vector(bytes: &mut [u8]) -> libc::iovec {
    libc::iovec {
        iov_base: bytes.as_mut_ptr().cast(),
        iov_len: bytes.len(),
    }
}
