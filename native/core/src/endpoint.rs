use std::net::{IpAddr, SocketAddr};

/// Where a peer's datagrams go to, and through what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub remote: SocketAddr,
    /// The address of ours that the peer's last datagram came to; answers leave from it.
    pub local: Option<LocalSource>,
    /// The caller's number for the door (socket, stream) that leads there. The core only keeps it.
    pub door: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LocalSource {
    pub address: IpAddr,
    /// Interface index, 0 for any.
    pub interface: u32,
}

impl From<SocketAddr> for Endpoint {
    fn from(remote: SocketAddr) -> Self {
        Self {
            remote,
            local: None,
            door: 0,
        }
    }
}
