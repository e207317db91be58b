//! Tells that addresses, routes or links of this host have changed, as the kernel announces it. What has changed is asked
//! for afterwards, so the messages themselves are not read. Needs no right.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::netlink::SocketAddrNetlink;
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, bind, recv, socket_with};

const GROUPS: i32 = libc::RTMGRP_LINK
    | libc::RTMGRP_IPV4_IFADDR
    | libc::RTMGRP_IPV4_ROUTE
    | libc::RTMGRP_IPV6_IFADDR
    | libc::RTMGRP_IPV6_ROUTE;

#[derive(Debug)]
pub(crate) struct NetworkWatch {
    socket: OwnedFd,
}

impl NetworkWatch {
    pub(crate) fn open() -> io::Result<Self> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let family = AddressFamily::NETLINK;
        // Of the netlink families, the first (0) is the one about routes.
        let socket = socket_with(family, SocketType::RAW, flags, None)?;
        bind(&socket, &SocketAddrNetlink::new(0, GROUPS.cast_unsigned()))?;
        Ok(Self { socket })
    }

    /// Whether anything has changed since the last time. Messages that were too many to keep (ENOBUFS) are changes too.
    pub(crate) fn has_changed(&self) -> bool {
        let (mut message, mut has_changed) = ([0u8; 4096], false);
        // A bound, for a router's tables may change faster than this reads; the rest waits for the next round.
        for _ in 0..256 {
            match recv(&self.socket, &mut message, RecvFlags::DONTWAIT) {
                Ok(_) | Err(Errno::NOBUFS) => has_changed = true,
                Err(_) => break,
            }
        }
        has_changed
    }
}

impl AsFd for NetworkWatch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
