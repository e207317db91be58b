//! Datagrams of ours that a route has led back to where they came from.

use std::net::SocketAddr;

use crate::locks::read;
use crate::message;
use crate::tunnel::Tunnel;

impl Tunnel {
    /// Whether this tunnel has made this datagram on its way to `to`. Sealed once more it would come back, larger, and so
    /// on without end. Not for every packet: it asks each peer in turn when the datagram looks like WireGuard's.
    pub fn has_made(&self, to: SocketAddr, datagram: &[u8]) -> bool {
        // A fragment holds the beginning alone, so that lengths say nothing here.
        let Some(index) = message::index(datagram) else {
            return false;
        };
        match message::is_data(datagram) {
            true => self.has_session_at(to, index),
            // Handshakes name our own index.
            false => self.indices.owner(index).is_some(),
        }
    }

    fn has_session_at(&self, to: SocketAddr, remote_index: u32) -> bool {
        read(&self.peers).values().any(|peer| {
            let path = read(&peer.path);
            path.endpoint.is_some_and(|endpoint| endpoint.remote == to)
                && path
                    .session
                    .as_ref()
                    .is_some_and(|session| session.remote_index == remote_index)
        })
    }
}
