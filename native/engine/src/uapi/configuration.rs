use std::net::SocketAddr;
use std::time::Duration;

use culvert_core::{PresharedKey, PrivateKey, PublicKey};
use ipnet::IpNet;

/// What `get=1` shows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Configuration {
    pub(crate) private_key: Option<PrivateKey>,
    pub(crate) listen_port: u16,
    pub(crate) fwmark: u32,
    pub(crate) peers: Vec<Peer>,
}

#[derive(Clone, Debug)]
pub(crate) struct Peer {
    pub(crate) public_key: PublicKey,
    pub(crate) preshared_key: PresharedKey,
    pub(crate) endpoint: Option<SocketAddr>,
    /// Since the Unix epoch; zero is never.
    pub(crate) last_handshake: Duration,
    pub(crate) rx_bytes: u64,
    pub(crate) tx_bytes: u64,
    pub(crate) keepalive_seconds: u16,
    pub(crate) allowed_ips: Vec<IpNet>,
}

impl From<culvert_core::PeerStatus> for Peer {
    fn from(status: culvert_core::PeerStatus) -> Self {
        Self {
            public_key: status.public_key,
            preshared_key: status.preshared_key,
            endpoint: status.endpoint.map(|endpoint| endpoint.remote),
            last_handshake: status.last_handshake.unwrap_or_default(),
            rx_bytes: status.received_bytes,
            tx_bytes: status.sent_bytes,
            keepalive_seconds: status.keepalive_seconds,
            allowed_ips: status.allowed_ips,
        }
    }
}

/// One thing that `set=1` asks for. They apply in order.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// `None`: no key.
    PrivateKey(Option<PrivateKey>),
    ListenPort(u16),
    Fwmark(u32),
    ReplacePeers,
    Peer(PeerChange),
}

/// What is `None` or false stays as it is.
#[derive(Clone, Debug)]
pub(crate) struct PeerChange {
    pub(crate) public_key: PublicKey,
    pub(crate) remove: bool,
    /// Do nothing if there is no such peer.
    pub(crate) update_only: bool,
    pub(crate) preshared_key: Option<PresharedKey>,
    pub(crate) endpoint: Option<SocketAddr>,
    pub(crate) keepalive_seconds: Option<u16>,
    pub(crate) replace_allowed_ips: bool,
    pub(crate) allowed_ips: Vec<AllowedIpChange>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum AllowedIpChange {
    Add(IpNet),
    Remove(IpNet),
}

impl PeerChange {
    pub(crate) fn new(public_key: PublicKey) -> PeerChange {
        PeerChange {
            public_key,
            remove: false,
            update_only: false,
            preshared_key: None,
            endpoint: None,
            keepalive_seconds: None,
            replace_allowed_ips: false,
            allowed_ips: Vec::new(),
        }
    }
}

/// A negative error number, as the socket prints it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Errno(pub(crate) i32);

impl Errno {
    pub(crate) const OK: Errno = Errno(0);
    pub(crate) const IO: Errno = Errno(-libc::EIO);
    pub(crate) const PROTOCOL: Errno = Errno(-libc::EPROTO);
    pub(crate) const INVALID: Errno = Errno(-libc::EINVAL);
    pub(crate) const PORT_IN_USE: Errno = Errno(-libc::EADDRINUSE);
    pub(crate) const NOT_PERMITTED: Errno = Errno(-libc::EPERM);
}
