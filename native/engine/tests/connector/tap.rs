//! What passes the interfaces of a network.

use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, eth, recv, socket_with};

/// Of the network that it was made in.
pub struct Tap(OwnedFd);

impl Tap {
    /// packet(7). Needs root.
    pub fn open() -> Self {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let packets = SocketType::DGRAM;
        let socket = socket_with(AddressFamily::PACKET, packets, flags, Some(eth::ALL)).unwrap();
        rustix::net::sockopt::set_socket_recv_buffer_size_force(&socket, 16 << 20).unwrap();
        Self(socket)
    }

    /// The IP packets that have passed since the last time, some of them twice: where they left and where they came.
    pub fn seen(&self) -> Vec<Vec<u8>> {
        let mut seen = vec![];
        let mut packet = vec![0; 65_536];
        while let Ok((length, _)) = recv(&self.0, &mut packet[..], RecvFlags::empty()) {
            let is_ip = matches!((packet[0] >> 4, length), (4, 20..) | (6, 40..));
            seen.extend(is_ip.then(|| packet[..length].to_vec()));
        }
        seen
    }
}
