//! What can happen to a switch and its model, and the small world in which it does.
use std::net::IpAddr;

use culvert_switch::config::{Config, PeerHandle};
use culvert_switch::packet::Protocol;

use super::setup::Setup;

pub const DEVICES: u32 = 3;
pub const CONNECTORS: u32 = 4;
pub const FIRST_CONNECTOR: u32 = 11;
pub const NETWORKS: [&str; 3] = ["a", "b", "c"];
pub const TARGETS: [&str; 12] = [
    "10.0.0.1",
    "10.0.0.130",
    "10.0.1.1",
    "10.1.0.1",
    "192.168.0.10",
    "100.96.0.2",
    "8.8.8.8",
    "fd10::1",
    "fd10::1:0:0:1",
    "fd10:1::1",
    "fd00::2",
    "2001:4860::8",
];
pub const RANGES: [&str; 11] = [
    "10.0.0.0/8",
    "10.0.0.0/16",
    "10.0.0.0/24",
    "10.0.0.128/25",
    "10.0.0.1/32",
    "192.168.0.0/24",
    "0.0.0.0/0",
    "fd10::/16",
    "fd10::/64",
    "fd10::1/128",
    "::/0",
];

#[derive(Debug, Clone)]
pub enum Step {
    Configure(Setup),
    /// As [`Step::Configure`], with peers of whatever number.
    Replace(Config),
    Session {
        connector: u32,
        has: bool,
    },
    Wait {
        ms: u64,
    },
    /// The gateway's engine is started anew: flows and sessions are gone, the configuration is the same.
    Restart,
    /// Bytes that are no packet of the model's. What becomes of them is not the model's business, but must not be its flows'.
    Noise {
        from: u32,
        bytes: Vec<u8>,
    },
    Outbound {
        device: u32,
        source: u32,
        target: usize,
        kind: Packet,
        port: u16,
    },
    Inbound {
        connector: u32,
        device: u32,
        target: usize,
        kind: Packet,
        port: u16,
    },
    /// As [`Step::Outbound`], of a peer of whatever number.
    Send(Sent),
    /// As [`Step::Inbound`], likewise.
    Answer(Sent),
    /// What a flow of the model's would carry next, in either direction.
    Continue {
        nth: usize,
        is_outbound: bool,
    },
    /// The same, as a datagram in pieces.
    ContinueInPieces {
        nth: usize,
        is_outbound: bool,
    },
    /// The last that one end of a connection of the model's sends, a FIN or a reset.
    End {
        nth: usize,
        is_outbound: bool,
        is_reset: bool,
    },
    /// Whatever is due is done.
    Sweep,
    Ask {
        device: u32,
        target: usize,
        port: u16,
    },
}

/// A packet on its way in, of a device or a connector.
#[derive(Debug, Clone, Copy)]
pub struct Sent {
    pub from: PeerHandle,
    pub source: IpAddr,
    pub target: IpAddr,
    pub kind: Packet,
    /// At both ends.
    pub port: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Packet {
    Syn,
    Segment,
    Fin,
    Reset,
    Udp,
    Echo,
}

impl Packet {
    pub fn protocol(self) -> Protocol {
        match self {
            Packet::Syn | Packet::Segment | Packet::Fin | Packet::Reset => Protocol::Tcp,
            Packet::Udp => Protocol::Udp,
            Packet::Echo => Protocol::Icmp,
        }
    }
}
