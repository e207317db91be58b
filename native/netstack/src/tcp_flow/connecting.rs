//! The socket toward the target until `connect()` has an answer, and why that is no.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::time::Duration;

use socket2::{Domain, Protocol, SockAddr, Socket, TcpKeepalive, Type};

use crate::datagram_socket::set_hop_limit;
use crate::error_queue::{ask_for_errors, take_error};
use crate::trouble::Trouble;

/// Under this hop limit somebody traces the route with SYNs, and the target's network shall see it.
const TRACING_HOP_LIMIT: u8 = 32;

/// Starts connecting. The error is the socket's or the immediate answer of `connect()`.
pub(super) fn connecting_socket(target: SocketAddr, syn_hop_limit: u8) -> io::Result<Socket> {
    let socket = Socket::new(
        Domain::for_address(target),
        Type::STREAM.nonblocking().cloexec(),
        Some(Protocol::TCP),
    )?;
    let v4 = target.is_ipv4();
    ask_for_errors(socket.as_fd(), v4, true)?;
    if !v4 {
        socket.set_only_v6(true)?;
    }
    socket.set_tcp_nodelay(true)?;
    // What a target sends as urgent (telnet does) is a byte of the stream like the others (RFC 6093 section 5).
    socket.set_out_of_band_inline(true)?;
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_secs(600))
        .with_interval(Duration::from_secs(60));
    socket.set_tcp_keepalive(&keepalive)?;
    if syn_hop_limit < TRACING_HOP_LIMIT {
        set_hop_limit(&socket, v4, i32::from(syn_hop_limit) - 1)?;
    }
    match socket.connect(&SockAddr::from(target)) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
        _ => Ok(socket),
    }
}

/// From now on a passing ICMP message is no reason to end the connection.
pub(super) fn settle(socket: &Socket, target: SocketAddr) {
    let _ = ask_for_errors(socket.as_fd(), target.is_ipv4(), false);
    let _ = set_hop_limit(socket, target.is_ipv4(), -1);
}

/// Why `connect()` failed, in the words of the error queue if it has any.
pub(super) fn connect_trouble(
    socket: &Socket,
    target: SocketAddr,
) -> Option<(Trouble, Option<IpAddr>)> {
    let error = match socket.take_error() {
        Ok(Some(error)) | Err(error) => error,
        Ok(None) if is_talking_to_itself(socket, target) => return Some((Trouble::Refused, None)),
        Ok(None) => return None,
    };
    // A reset is the target's own word, whatever ICMP says besides.
    if error.raw_os_error() == Some(libc::ECONNREFUSED) {
        return Some((Trouble::Refused, None));
    }
    let told = take_error(socket.as_fd(), &mut [0; 128]);
    Some(told.map_or((Trouble::from_error(&error), None), |told| {
        (told.trouble, told.offender)
    }))
}

/// On the connector's own host a closed port in the ephemeral range can be picked as the source port as well, and TCP
/// then connects the socket with itself.
pub(crate) fn is_talking_to_itself(socket: &Socket, target: SocketAddr) -> bool {
    socket.local_addr().ok().and_then(|own| own.as_socket()) == Some(target)
}
