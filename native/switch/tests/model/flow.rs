//! A flow as the model has it: between whom, and how long it may still be silent.
use std::net::IpAddr;

use culvert_switch::config::PeerHandle;
use culvert_switch::packet::Protocol;

use super::steps::{Packet, Sent};

const OPENING_MS: u64 = 60_000;
const ESTABLISHED_MS: u64 = 86_400_000;
const HALF_CLOSED_MS: u64 = 3_600_000;
const CLOSING_MS: u64 = 10_000;
const ONE_WAY_MS: u64 = 30_000;
const TWO_WAY_MS: u64 = 180_000;

#[derive(Debug, Clone, PartialEq)]
pub(super) struct ModelFlow {
    pub(super) network: String,
    pub(super) device: PeerHandle,
    device_address: IpAddr,
    target: IpAddr,
    protocol: Protocol,
    port: u16,
    pub(super) connector: PeerHandle,
    /// Of a connection, it tells how far it has come.
    patience_ms: u64,
    seen_ms: u64,
    /// Whether the target, and whether the device, has said that it sends no more.
    finished: [bool; 2],
}

impl ModelFlow {
    pub(super) fn begin(sent: Sent, network: String, connector: PeerHandle, now_ms: u64) -> Self {
        Self {
            network,
            device: sent.from,
            device_address: sent.source,
            target: sent.target,
            protocol: sent.kind.protocol(),
            port: sent.port,
            connector,
            patience_ms: match sent.kind {
                Packet::Syn => OPENING_MS,
                Packet::Segment => ESTABLISHED_MS,
                Packet::Fin => HALF_CLOSED_MS,
                Packet::Udp | Packet::Echo => ONE_WAY_MS,
                Packet::Reset => panic!("a reset begins nothing"),
            },
            seen_ms: now_ms,
            finished: [false, sent.kind == Packet::Fin],
        }
    }

    pub(super) fn touch(&mut self, kind: Packet, is_outbound: bool, now_ms: u64) {
        let before = self.patience_ms;
        self.step(kind, is_outbound);
        if before != self.patience_ms || now_ms >= self.seen_ms + 1000 {
            self.seen_ms = now_ms;
        }
    }

    fn step(&mut self, kind: Packet, is_outbound: bool) {
        match (kind, self.patience_ms) {
            (Packet::Syn, OPENING_MS | CLOSING_MS) => {
                self.patience_ms = OPENING_MS;
                self.finished = [false; 2];
            }
            (Packet::Segment, OPENING_MS) if !is_outbound => self.patience_ms = ESTABLISHED_MS,
            (Packet::Fin, CLOSING_MS) => {}
            (Packet::Fin, _) => self.finish(is_outbound),
            (Packet::Reset, _) => self.patience_ms = CLOSING_MS,
            (Packet::Udp, _) if !is_outbound => self.patience_ms = TWO_WAY_MS,
            _ => {}
        }
    }

    fn finish(&mut self, is_outbound: bool) {
        self.finished[usize::from(is_outbound)] = true;
        self.patience_ms = match self.finished {
            [true, true] => CLOSING_MS,
            _ => HALF_CLOSED_MS,
        };
    }

    pub(super) fn is_alive(&self, now_ms: u64) -> bool {
        now_ms < self.seen_ms + self.patience_ms
    }

    /// What tells it from others of its network.
    pub(super) fn way(&self) -> (IpAddr, IpAddr, Protocol, u16) {
        (self.device_address, self.target, self.protocol, self.port)
    }

    pub(super) fn next_packet(&self) -> Sent {
        Sent {
            from: self.device,
            source: self.device_address,
            target: self.target,
            kind: self.kind(),
            port: self.port,
        }
    }

    pub(super) fn next_answer(&self) -> Sent {
        Sent {
            from: self.connector,
            source: self.target,
            target: self.device_address,
            ..self.next_packet()
        }
    }

    fn kind(&self) -> Packet {
        match self.protocol {
            Protocol::Tcp => Packet::Segment,
            Protocol::Udp => Packet::Udp,
            Protocol::Icmp => Packet::Echo,
        }
    }
}
