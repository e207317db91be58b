//! What a UDP conversation and a ping have in common: a connected socket that passes datagrams on as a router would, and
//! tells what became of them.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use socket2::Socket;

use crate::error_queue::{QueuedError, ask_for_errors, set_number, take_error};
use crate::trouble::Trouble;

pub(crate) struct DatagramSocket {
    socket: Socket,
    v4: bool,
    set: Option<Onward>,
}

/// How a datagram goes on from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Onward {
    /// What is left of it for the way behind us.
    pub(crate) hop_limit: u8,
    /// It may not be cut: who sent it wants to hear where the way is too narrow.
    pub(crate) dont_fragment: bool,
}

impl DatagramSocket {
    pub(crate) fn new(socket: Socket, v4: bool) -> io::Result<Self> {
        ask_for_errors(socket.as_fd(), v4, true)?;
        Ok(Self {
            socket,
            v4,
            set: None,
        })
    }

    pub(crate) fn inner(&self) -> &Socket {
        &self.socket
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// A full socket buffer drops the datagram, as a router would. Any other error may be an older datagram's:
    /// [`DatagramSocket::report_errors`], then try again.
    pub(crate) fn send(&mut self, data: &[u8], onward: Onward) -> io::Result<()> {
        if self.set != Some(onward) {
            set_hop_limit(&self.socket, self.v4, i32::from(onward.hop_limit))?;
            set_dont_fragment(&self.socket, self.v4, onward.dont_fragment)?;
            self.set = Some(onward);
        }
        match self.socket.send_with_flags(data, libc::MSG_NOSIGNAL) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Tells of each ICMP message that came for one of its datagrams, with the start of the data it was about. Gives back what
    /// this host itself found too narrow for a datagram that was to be sent: its MTU.
    pub(crate) fn report_errors(
        &mut self,
        mut tell: impl FnMut(QueuedError, &[u8]),
    ) -> Option<u32> {
        let (mut quote, mut narrow) = ([0; 64], None);
        while let Some(error) = take_error(self.socket.as_fd(), &mut quote) {
            if let Trouble::TooBig { mtu } = error.trouble {
                narrow = Some(mtu);
                continue;
            }
            let quoted = quote.get(..error.quoted.min(64)).unwrap_or_default();
            tell(error, quoted);
        }
        // The pending error of the socket itself would otherwise be the answer to the next datagram.
        let _ = self.socket.take_error();
        narrow
    }
}

/// -1 is the host's default.
pub(crate) fn set_hop_limit(socket: &Socket, v4: bool, hops: i32) -> io::Result<()> {
    if v4 {
        set_number(socket.as_fd(), libc::SOL_IP, libc::IP_TTL, hops)
    } else {
        set_number(
            socket.as_fd(),
            libc::SOL_IPV6,
            libc::IPV6_UNICAST_HOPS,
            hops,
        )
    }
}

/// ip(7), ipv6(7). What may be cut goes out uncut as far as this host's own link allows; over IPv6, where nobody behind us
/// cuts, as far as the path does.
fn set_dont_fragment(socket: &Socket, v4: bool, is_set: bool) -> io::Result<()> {
    let (level, name) = match v4 {
        true => (libc::SOL_IP, libc::IP_MTU_DISCOVER),
        false => (libc::SOL_IPV6, libc::IPV6_MTU_DISCOVER),
    };
    let value = match (is_set, v4) {
        (true, true) => libc::IP_PMTUDISC_DO,
        (true, false) => libc::IPV6_PMTUDISC_DO,
        (false, true) => libc::IP_PMTUDISC_DONT,
        (false, false) => libc::IPV6_PMTUDISC_WANT,
    };
    set_number(socket.as_fd(), level, name, value)
}
