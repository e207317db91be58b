//! What a UDP conversation and a ping have in common: a connected socket that passes datagrams on as a router would, and
//! tells what became of them.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use socket2::Socket;

use crate::ecn;
use crate::error_queue::{QueuedError, ask_for_errors, take_error};
use crate::socket_calls::{ControlBuffer, receive_message, set_number};
use crate::trouble::Trouble;

pub(crate) struct DatagramSocket {
    socket: Socket,
    v4: bool,
    /// As the kernel was last told.
    hop_limit: Option<u8>,
    dont_fragment: Option<bool>,
    ecn: u8,
}

/// How a datagram goes on from here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Onward {
    /// What is left of it for the way behind us.
    pub(crate) hop_limit: u8,
    /// It may not be cut: who sent it wants to hear where the way is too narrow.
    pub(crate) dont_fragment: bool,
    pub(crate) ecn: u8,
}

impl DatagramSocket {
    pub(crate) fn new(socket: Socket, v4: bool) -> io::Result<Self> {
        ask_for_errors(socket.as_fd(), v4, true)?;
        ecn::show(&socket, v4)?;
        Ok(Self {
            socket,
            v4,
            hop_limit: None,
            dont_fragment: None,
            ecn: ecn::NOT_CAPABLE,
        })
    }

    pub(crate) fn fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// A full socket buffer drops the datagram, as a router would. Any other error may be an older datagram's:
    /// [`DatagramSocket::report_errors`], then try again.
    pub(crate) fn send(&mut self, data: &[u8], onward: Onward) -> io::Result<()> {
        self.prepare(onward)?;
        match self.socket.send_with_flags(data, libc::MSG_NOSIGNAL) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The kernel is told only what is new: of a conversation mostly nothing.
    fn prepare(&mut self, onward: Onward) -> io::Result<()> {
        let Onward {
            hop_limit,
            dont_fragment,
            ecn,
        } = onward;
        if self.hop_limit != Some(hop_limit) {
            set_hop_limit(&self.socket, self.v4, i32::from(hop_limit))?;
            self.hop_limit = Some(hop_limit);
        }
        if self.dont_fragment != Some(dont_fragment) {
            set_dont_fragment(&self.socket, self.v4, dont_fragment)?;
            self.dont_fragment = Some(dont_fragment);
        }
        if self.ecn != ecn {
            ecn::put_on(&self.socket, self.v4, ecn)?;
            self.ecn = ecn;
        }
        Ok(())
    }

    /// The length of what has come, and its congestion mark. None: nothing waits, or an error does.
    pub(crate) fn receive(&self, room: &mut [u8]) -> Option<(usize, u8)> {
        let (mut control, mut mark) = (ControlBuffer([0; 256]), ecn::NOT_CAPABLE);
        let received = receive_message(self.fd(), room, &mut control, 0).ok()?;
        received.for_each_control(&control, |level, kind, data| {
            mark = ecn::from_control(level, kind, data).unwrap_or(mark);
        });
        Some((received.len, mark))
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
