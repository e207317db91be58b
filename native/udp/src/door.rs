use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};

use socket2::{Domain, Protocol, Socket, Type};
use thiserror::Error;

use crate::segmentation::Segmentation;

/// 1 MB holds about a millisecond of traffic at full speed: more would only add latency under load.
pub const RECEIVE_BUFFER_BYTES: usize = 1 << 20;
const SEND_BUFFER_BYTES: usize = 1 << 20;

/// Where and how a door listens.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    pub address: SocketAddr,
    /// Several doors share the port, and the kernel keeps each remote address on one of them.
    pub reuse_port: bool,
    /// `SO_MARK` of what the door sends; 0 is none. Any other needs CAP_NET_ADMIN.
    pub mark: u32,
    pub receive_buffer_bytes: usize,
    /// A full send buffer holds the sender up for a little, so that what is sent next waits where it comes from: right for
    /// who sends for one. Who sends for many drops instead, for it would hold up all of them.
    pub waits_for_room: bool,
}

impl Binding {
    pub fn to(address: SocketAddr) -> Binding {
        Binding {
            address,
            reuse_port: false,
            mark: 0,
            receive_buffer_bytes: RECEIVE_BUFFER_BYTES,
            waits_for_room: true,
        }
    }
}

#[derive(Debug, Error)]
pub enum BindFault {
    #[error("UDP port {0} is taken by another program: choose another port or stop that program")]
    PortTaken(u16),
    #[error("this host has no {0}")]
    NoFamily(&'static str),
    #[error("packets cannot be marked with {mark:#x} without CAP_NET_ADMIN")]
    MarkRefused { mark: u32 },
    #[error("the UDP socket on {address} failed: {cause}")]
    Failed {
        address: SocketAddr,
        cause: io::Error,
    },
}

impl BindFault {
    /// The errno that says the same, for interfaces that speak in numbers.
    pub fn errno(&self) -> i32 {
        match self {
            BindFault::PortTaken(_) => libc::EADDRINUSE,
            BindFault::NoFamily(_) => libc::EAFNOSUPPORT,
            BindFault::MarkRefused { .. } => libc::EPERM,
            BindFault::Failed { cause, .. } => cause.raw_os_error().unwrap_or(libc::EIO),
        }
    }
}

/// One non-blocking UDP socket of one family. Any number of threads may send on it.
#[derive(Debug)]
pub struct Door {
    socket: Socket,
    local: SocketAddr,
    /// The only address that it sends to and hears from.
    remote: Option<SocketAddr>,
    waits_for_room: bool,
    pub(crate) segmentation: Segmentation,
}

impl Door {
    pub fn bind(binding: &Binding) -> Result<Door, BindFault> {
        let socket = open(binding.address)?;
        let door = prepare(&socket, binding).map_err(|cause| name_fault(binding, cause));
        let local = door?;
        let segmentation = Segmentation::new(kernel_can_segment(&socket));
        let door = Door {
            socket,
            local,
            remote: None,
            waits_for_room: binding.waits_for_room,
            segmentation,
        };
        if binding.mark != 0 {
            door.set_mark(binding.mark)
                .map_err(|_| BindFault::MarkRefused { mark: binding.mark })?;
        }
        Ok(door)
    }

    /// A door to this one address, through a port of the kernel's choice: strangers are dropped in the kernel, which does
    /// not count the socket as one that waits for anybody. Its source address is chosen here and now ([`source_towards`]
    /// tells when it would be another one), and whatever route or source a datagram names is left aside. It does not wait for
    /// room.
    pub fn connect(remote: SocketAddr) -> io::Result<Door> {
        let kind = Type::DGRAM.nonblocking().cloexec();
        let socket = Socket::new(Domain::for_address(remote), kind, Some(Protocol::UDP))?;
        show_traffic_class(&socket, remote.is_ipv6())?;
        never_forbid_fragments(&socket, remote.is_ipv6())?;
        let _ = set(&socket, libc::SOL_UDP, libc::UDP_GRO, 1);
        size_buffers(&socket, RECEIVE_BUFFER_BYTES)?;
        socket.connect(&remote.into())?;
        let local = socket_address(&socket)?;
        let segmentation = Segmentation::new(kernel_can_segment(&socket));
        Ok(Door {
            socket,
            local,
            remote: Some(remote),
            waits_for_room: false,
            segmentation,
        })
    }

    pub fn local_address(&self) -> SocketAddr {
        self.local
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.remote.is_some()
    }

    pub fn is_v6(&self) -> bool {
        self.local.is_ipv6()
    }

    pub fn set_mark(&self, mark: u32) -> io::Result<()> {
        self.socket.set_mark(mark)
    }

    pub(crate) fn waits_for_room(&self) -> bool {
        self.waits_for_room
    }
}

impl AsFd for Door {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// The address that this host would send from to `remote` now. An error says that it knows no way there.
pub fn source_towards(remote: SocketAddr) -> io::Result<IpAddr> {
    let kind = Type::DGRAM.cloexec();
    let socket = Socket::new(Domain::for_address(remote), kind, Some(Protocol::UDP))?;
    socket.connect(&remote.into())?;
    Ok(socket_address(&socket)?.ip())
}

fn open(address: SocketAddr) -> Result<Socket, BindFault> {
    let kind = Type::DGRAM.nonblocking().cloexec();
    Socket::new(Domain::for_address(address), kind, Some(Protocol::UDP)).map_err(
        |cause| match cause.raw_os_error() {
            Some(libc::EAFNOSUPPORT) if address.is_ipv6() => BindFault::NoFamily("IPv6"),
            Some(libc::EAFNOSUPPORT) => BindFault::NoFamily("IPv4"),
            _ => BindFault::Failed { address, cause },
        },
    )
}

fn prepare(socket: &Socket, binding: &Binding) -> io::Result<SocketAddr> {
    if binding.address.is_ipv6() {
        socket.set_only_v6(true)?;
        set(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 1)?;
    } else {
        set(socket, libc::IPPROTO_IP, libc::IP_PKTINFO, 1)?;
    }
    show_traffic_class(socket, binding.address.is_ipv6())?;
    never_forbid_fragments(socket, binding.address.is_ipv6())?;
    // Kernels before 5.0 have no GRO for UDP; then every message is one datagram.
    let _ = set(socket, libc::SOL_UDP, libc::UDP_GRO, 1);
    size_buffers(socket, binding.receive_buffer_bytes)?;
    if binding.reuse_port {
        socket.set_reuse_port(true)?;
    }
    socket.bind(&binding.address.into())?;
    socket_address(socket)
}

fn socket_address(socket: &Socket) -> io::Result<SocketAddr> {
    let local = socket.local_addr()?;
    local
        .as_socket()
        .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
}

/// Congestion marks come with each message.
fn show_traffic_class(socket: &Socket, is_v6: bool) -> io::Result<()> {
    if is_v6 {
        set(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVTCLASS, 1)
    } else {
        set(socket, libc::IPPROTO_IP, libc::IP_RECVTOS, 1)
    }
}

/// No DF: a path that is narrower than we think then fragments instead of swallowing, as WireGuard does it.
fn never_forbid_fragments(socket: &Socket, is_v6: bool) -> io::Result<()> {
    if is_v6 {
        let never = libc::IPV6_PMTUDISC_DONT;
        set(socket, libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, never)
    } else {
        let never = libc::IP_PMTUDISC_DONT;
        set(socket, libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, never)
    }
}

/// The forced variants go past `net.core.rmem_max`, for those who may.
fn size_buffers(socket: &Socket, receive_bytes: usize) -> io::Result<()> {
    let receive = i32::try_from(receive_bytes).unwrap_or(i32::MAX);
    if set(socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, receive).is_err() {
        socket.set_recv_buffer_size(receive_bytes)?;
    }
    let send = SEND_BUFFER_BYTES as i32;
    if set(socket, libc::SOL_SOCKET, libc::SO_SNDBUFFORCE, send).is_err() {
        socket.set_send_buffer_size(SEND_BUFFER_BYTES)?;
    }
    Ok(())
}

/// Setting the segment size to "none" succeeds exactly where the kernel knows the option.
fn kernel_can_segment(socket: &Socket) -> bool {
    set(socket, libc::SOL_UDP, libc::UDP_SEGMENT, 0).is_ok()
}

fn name_fault(binding: &Binding, cause: io::Error) -> BindFault {
    match cause.raw_os_error() {
        Some(libc::EADDRINUSE) => BindFault::PortTaken(binding.address.port()),
        Some(libc::EADDRNOTAVAIL) if binding.address.is_ipv6() => BindFault::NoFamily("IPv6"),
        _ => BindFault::Failed {
            address: binding.address,
            cause,
        },
    }
}

fn set(socket: &Socket, level: i32, name: i32, value: i32) -> io::Result<()> {
    let size = size_of::<i32>() as libc::socklen_t;
    let place: *const i32 = &raw const value;
    // SAFETY: the descriptor is open, and place points to size bytes that outlive the call.
    let done = unsafe { libc::setsockopt(socket.as_raw_fd(), level, name, place.cast(), size) };
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
