//! What a configuration says, before it is compiled. Whole, like the control socket's `configure`.
use std::net::IpAddr;

use ipnet::IpNet;
use rustc_hash::FxHashMap;

/// Names a peer: the same public key keeps it over the configurations that it is in, and no other key ever gets it
/// ([`crate::numbers`]), so that a flow can never pass on to a stranger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerHandle(pub u32);

/// What is known of each peer. Asked several times for every packet, and of numbers that we give ourselves: it takes no hash
/// that holds against chosen keys.
pub type PeerMap<V> = FxHashMap<PeerHandle, V>;

#[derive(Debug, Clone, Default)]
pub struct Config {
    /// The largest inner packet; 0 means any.
    pub mtu: u16,
    pub devices: Vec<Device>,
    pub connectors: Vec<Connector>,
    /// In order: where two networks have the same range, the first that lets the device in gets the packet.
    pub networks: Vec<Network>,
    /// In order: the first that matches decides, none refuses.
    pub rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
pub struct Device {
    pub handle: PeerHandle,
    pub id: String,
    pub addresses: Vec<IpAddr>,
    pub subjects: Vec<String>,
    pub expires_at_unix_ms: Option<u64>,
}

#[derive(Debug, Clone)]
pub struct Connector {
    pub handle: PeerHandle,
    pub id: String,
    pub addresses: Vec<IpAddr>,
    pub network_id: String,
    pub is_healthy: bool,
}

#[derive(Debug, Clone)]
pub struct Network {
    pub id: String,
    pub ranges: Vec<IpNet>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Allow,
    Block,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleProtocol {
    Any,
    Tcp,
    Udp,
    Icmp,
}

#[derive(Debug, Clone)]
pub struct Rule {
    pub id: String,
    pub name: String,
    pub action: Action,
    pub subjects: Vec<String>,
    /// Empty: every network.
    pub network_ids: Vec<String>,
    /// Empty: every address of those networks.
    pub ranges: Vec<IpNet>,
    pub protocol: RuleProtocol,
    /// Inclusive pairs. Empty: every port. Only TCP and UDP have ports, so a rule for certain ports never covers ICMP,
    /// unless it is for ICMP, where ports mean nothing.
    pub ports: Vec<(u16, u16)>,
}

/// Why a configuration is not applied. Every message says what is wrong and with what.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigFault {
    #[error("two peers have the id {0:?}; every peer needs its own")]
    PeerIdTwice(String),
    #[error("two peers have the same handle; every public key needs its own")]
    PeerHandleTwice,
    #[error("two networks have the id {0:?}; every network needs its own")]
    NetworkIdTwice(String),
    #[error(
        "the overlay address {address} belongs to both {first:?} and {second:?}; give one of them another"
    )]
    AddressTwice {
        address: IpAddr,
        first: String,
        second: String,
    },
    #[error("the overlay address {address} of {peer:?} cannot be a peer's own address")]
    AddressUnusable { address: IpAddr, peer: String },
    #[error(
        "connector {connector:?} is of network {network:?}, which the configuration does not have"
    )]
    ConnectorWithoutNetwork { connector: String, network: String },
    #[error("this engine has numbered four billion networks and can take no other: restart it")]
    NumbersUsedUp,
    #[error("rule {rule:?} has the port range {first}-{last}, whose first port is after its last")]
    PortsReversed { rule: String, first: u16, last: u16 },
}
