//! One flow: who talks to whom through which connector, and how far the talk has come.
//!
//! ```text
//!          SYN          answer              FIN            other FIN, RST
//!   TCP  ───────▶ Opening ─────▶ Established ────▶ HalfClosed ─────────▶ Closing ──▶ gone
//!                    ▲  a segment from the middle ▲                          │
//!                    │  (the gateway was restarted)                          │
//!                    └───────────────── SYN (the port is used again) ────────┘
//!   UDP  ───────▶ OneWay ── answer ──▶ TwoWay ──▶ gone        echo ──▶ Echo ──▶ gone
//! ```
use std::hash::{Hash, Hasher};
use std::net::IpAddr;

use crate::config::PeerHandle;
use crate::packet::{Flags, Kind, Segment};
use crate::policy::NetworkNumber;
use crate::tuple::{Protocol, Tuple};

/// The network is part of it, for two networks may have the same addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FlowKey {
    pub(crate) network: NetworkNumber,
    /// As the device sends it.
    pub(crate) tuple: Tuple,
}

impl Hash for FlowKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        for address in [self.tuple.source, self.tuple.destination] {
            match address {
                IpAddr::V4(address) => state.write_u64(u64::from(address.to_bits())),
                IpAddr::V6(address) => state.write_u128(address.to_bits()),
            }
        }
        let ports =
            u64::from(self.tuple.source_port) << 16 | u64::from(self.tuple.destination_port);
        state.write_u64(ports << 32 | u64::from(self.network.0));
        state.write_u64(self.tuple.protocol as u64);
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Flow {
    pub(crate) key: FlowKey,
    pub(crate) device: PeerHandle,
    pub(crate) connector: PeerHandle,
    /// The state of the world in which it was last found right.
    pub(crate) epoch: u32,
    pub(crate) phase: Phase,
    /// The sequence number that each end expects next, to be able to close both when the flow is cut.
    pub(crate) remote_expects: u32,
    pub(crate) device_expects: u32,
    device_finished: bool,
    remote_finished: bool,
}

/// Each phase is a class of flows with the same patience.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Opening,
    Established,
    HalfClosed,
    Closing,
    OneWay,
    TwoWay,
    Echo,
}

impl Phase {
    pub(crate) const ALL: [Phase; 7] = [
        Phase::Opening,
        Phase::Established,
        Phase::HalfClosed,
        Phase::Closing,
        Phase::OneWay,
        Phase::TwoWay,
        Phase::Echo,
    ];

    pub(crate) fn patience_ms(self) -> u64 {
        match self {
            // A SYN is sent again after 1, 3, 7, 15 and 31 s; the gaps stay under this.
            Phase::Opening => 60_000,
            // RFC 5382 asks for 2 h 4 min at least. A forgotten SSH session of a working day should live.
            Phase::Established => 24 * 3_600_000,
            // A half-closed connection still carries data, and each packet starts the hour again.
            Phase::HalfClosed => 3_600_000,
            Phase::Closing => 10_000,
            Phase::OneWay => 30_000,
            // RFC 4787 asks for 2 min at least.
            Phase::TwoWay => 180_000,
            Phase::Echo => 30_000,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Device,
    Remote,
}

impl Flow {
    /// Whether such a packet, always from the device, can be a flow's first.
    pub(crate) fn can_begin(kind: Kind) -> bool {
        match kind {
            // Only a server sends SYN and ACK together, and servers are not on devices.
            Kind::Tcp(segment) => {
                !segment.flags.has(Flags::RST)
                    && segment.flags.has(Flags::SYN) == segment.flags.is_opening()
            }
            Kind::Udp | Kind::EchoRequest => true,
            Kind::EchoReply | Kind::Error(_) => false,
        }
    }

    pub(crate) fn begin(
        key: FlowKey,
        kind: Kind,
        device: PeerHandle,
        connector: PeerHandle,
        epoch: u32,
    ) -> Flow {
        let (phase, remote_expects, device_expects) = match kind {
            Kind::Tcp(segment) if segment.flags.is_opening() => (Phase::Opening, segment.end(), 0),
            // A flow from before a restart of this gateway. The policy allows it, so it goes on.
            Kind::Tcp(segment) => (Phase::Established, segment.end(), segment.acknowledgement),
            Kind::EchoRequest | Kind::EchoReply => (Phase::Echo, 0, 0),
            Kind::Udp | Kind::Error(_) => (Phase::OneWay, 0, 0),
        };
        let mut flow = Flow {
            key,
            device,
            connector,
            epoch,
            phase,
            remote_expects,
            device_expects,
            device_finished: false,
            remote_finished: false,
        };
        if let Kind::Tcp(segment) = kind {
            flow.note_fin(Side::Device, segment);
        }
        flow
    }

    /// Whether a packet of this kind can come from that side of this flow.
    pub(crate) fn accepts(side: Side, kind: Kind) -> bool {
        match kind {
            // A connector never asks a device for a connection.
            Kind::Tcp(segment) => side == Side::Device || !segment.flags.is_opening(),
            Kind::Udp => true,
            Kind::EchoRequest => side == Side::Device,
            Kind::EchoReply => side == Side::Remote,
            Kind::Error(_) => false,
        }
    }

    pub(crate) fn step(&mut self, side: Side, kind: Kind) {
        match kind {
            Kind::Tcp(segment) => self.step_tcp(side, segment),
            Kind::Udp if side == Side::Remote => self.phase = Phase::TwoWay,
            _ => {}
        }
    }

    fn step_tcp(&mut self, side: Side, segment: Segment) {
        if side == Side::Device && segment.flags.is_opening() {
            return self.reopen(segment);
        }
        if segment.flags.has(Flags::ACK) {
            match side {
                Side::Device => self.device_expects = segment.acknowledgement,
                Side::Remote => self.remote_expects = segment.acknowledgement,
            }
        }
        if segment.flags.has(Flags::RST) {
            self.phase = Phase::Closing;
        } else if side == Side::Remote && self.phase == Phase::Opening {
            self.phase = Phase::Established;
        }
        self.note_fin(side, segment);
    }

    /// A new connection from the same port. While the old one lives, it is the target that has to judge the SYN.
    fn reopen(&mut self, segment: Segment) {
        if matches!(self.phase, Phase::Closing | Phase::Opening) {
            self.phase = Phase::Opening;
            self.remote_expects = segment.end();
            self.device_finished = false;
            self.remote_finished = false;
        }
    }

    fn note_fin(&mut self, side: Side, segment: Segment) {
        if !segment.flags.has(Flags::FIN) {
            return;
        }
        match side {
            Side::Device => self.device_finished = true,
            Side::Remote => self.remote_finished = true,
        }
        self.phase = match self.phase {
            Phase::Closing => Phase::Closing,
            _ if self.device_finished && self.remote_finished => Phase::Closing,
            _ => Phase::HalfClosed,
        };
    }

    pub(crate) fn is_tcp(&self) -> bool {
        self.key.tuple.protocol == Protocol::Tcp
    }
}

impl Segment {
    /// The sequence number after this segment.
    pub(crate) fn end(self) -> u32 {
        self.sequence.wrapping_add(self.length)
    }
}
