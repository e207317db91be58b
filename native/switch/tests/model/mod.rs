//! A model of the switch that is too simple to be wrong: ranges by brute force, rules one by one, flows in a list that
//! is searched from end to end. A step is taken by both, and after each packet both must say the same.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "for tests only; one that is wrong should say so at once"
)]
pub mod run;
pub mod setup;
pub mod steps;

mod rights;
mod sessions;

use std::collections::HashMap;
use std::net::IpAddr;

use culvert_switch::config::{Config, PeerHandle};
use culvert_switch::packet::Protocol;
use culvert_switch::switch::Verdict;

use self::sessions::ModelSession;
use self::steps::Packet;

#[derive(Default)]
pub struct Model {
    config: Config,
    now_ms: u64,
    unix_ms: u64,
    sessions: HashMap<PeerHandle, ModelSession>,
    flows: Vec<ModelFlow>,
}

#[derive(Debug, Clone, PartialEq)]
struct ModelFlow {
    network: String,
    device: PeerHandle,
    device_address: IpAddr,
    target: IpAddr,
    protocol: Protocol,
    port: u16,
    connector: PeerHandle,
    patience_ms: u64,
    seen_ms: u64,
}

/// A packet on its way in, of a device or a connector.
#[derive(Debug, Clone, Copy)]
struct Sent {
    from: PeerHandle,
    source: IpAddr,
    target: IpAddr,
    kind: Packet,
    /// At both ends.
    port: u16,
}

type Outcome = Result<PeerHandle, &'static str>;

fn outcome(verdict: Verdict) -> Outcome {
    match verdict {
        Verdict::Forward(to) => Ok(to),
        Verdict::Refuse(refusal) => Err(refusal.reason.name()),
        Verdict::Drop(reason) => Err(reason.name()),
    }
}

impl Model {
    fn configure(&mut self, config: Config) {
        self.config = config;
        self.configure_sessions();
    }

    fn restart(&mut self) {
        self.flows.clear();
        self.sessions.clear();
        self.configure(self.config.clone());
    }

    /// What the real switch's sweep may do at any time: forget what would be refused anyway.
    fn sweep(&mut self) {
        let mut flows = std::mem::take(&mut self.flows);
        flows.retain(|flow| {
            self.is_alive(flow) && self.is_right(flow) && self.has_session(flow.connector)
        });
        self.flows = flows;
    }

    fn outbound(&mut self, sent: Sent, got: Verdict) {
        let got = outcome(got);
        let allowed = self.may_send(&sent);
        let position = self.position_of(&sent, allowed.as_ref().ok());
        match allowed {
            Ok(network) => {
                if let Some(position) = position
                    && self.is_settled_by(position, &sent, got)
                {
                    return;
                }
                self.begin(&sent, network, got);
            }
            Err(reason) => {
                let is_about_the_flow =
                    !matches!(reason, "unknown-peer" | "expired" | "spoofed-source");
                if let Some(position) = position.filter(|_| is_about_the_flow) {
                    self.flows.remove(position);
                }
                assert_eq!(got, Err(reason), "{sent:?}");
            }
        }
    }

    /// The flow of a packet that its device sends to this network, or to the one that it would have gone to.
    fn position_of(&self, sent: &Sent, allowed: Option<&String>) -> Option<usize> {
        let network = match allowed {
            Some(network) => network.clone(),
            None => self.network_of(self.device(sent.from)?, sent.target)?,
        };
        let way = (sent.source, sent.target, sent.kind.protocol(), sent.port);
        let mut flows = self.flows.iter();
        flows.position(|flow| flow.network == network && flow.way() == way && self.is_alive(flow))
    }

    /// Whether this flow of an allowed packet says what becomes of it. One that does not is forgotten.
    fn is_settled_by(&mut self, position: usize, sent: &Sent, got: Outcome) -> bool {
        let flow = self.flows[position].clone();
        if self.is_right(&flow) && self.has_session(flow.connector) {
            let expected = Ok(flow.connector);
            assert_eq!(got, expected, "a known flow stays on its connector");
            self.touch(position, sent.kind, true);
            return true;
        }
        self.flows.remove(position);
        let is_lost = self.is_right_but_for_the_connector(&flow) && sent.kind == Packet::Segment;
        if is_lost {
            assert_eq!(got, Err("connector-lost"));
        }
        is_lost
    }

    fn begin(&mut self, sent: &Sent, network: String, got: Outcome) {
        let candidates = self.candidates(&network);
        if candidates.is_empty() {
            return assert_eq!(got, Err("no-connector"));
        }
        let Ok(connector) = got else {
            panic!("{sent:?} is allowed, not {got:?}")
        };
        assert!(
            candidates.contains(&connector),
            "{connector:?} is not one of {candidates:?}"
        );
        let flow = ModelFlow {
            network,
            device: sent.from,
            device_address: sent.source,
            target: sent.target,
            protocol: sent.kind.protocol(),
            port: sent.port,
            connector,
            patience_ms: match sent.kind {
                Packet::Syn => 60_000,
                Packet::Segment => 86_400_000,
                Packet::Udp | Packet::Echo => 30_000,
            },
            seen_ms: self.now_ms,
        };
        self.flows
            .retain(|other| (other.way(), &other.network) != (flow.way(), &flow.network));
        self.flows.push(flow);
    }

    fn inbound(&mut self, sent: Sent) -> Outcome {
        let mut connectors = self.config.connectors.iter();
        let connector = connectors.find(|connector| connector.handle == sent.from);
        let network = connector.ok_or("unknown-peer")?.network_id.clone();
        let way = (sent.target, sent.source, sent.kind.protocol(), sent.port);
        let mut flows = self.flows.iter();
        let position = flows
            .position(|flow| flow.network == network && flow.way() == way && self.is_alive(flow));
        let position = position.ok_or("no-flow")?;
        let flow = self.flows[position].clone();
        if flow.connector != sent.from {
            return Err("wrong-connector");
        }
        if !self.is_right(&flow) {
            self.flows.remove(position);
            return Err("denied");
        }
        if sent.kind == Packet::Syn {
            return Err("no-flow");
        }
        self.touch(position, sent.kind, false);
        Ok(flow.device)
    }

    fn touch(&mut self, position: usize, kind: Packet, is_outbound: bool) {
        let now_ms = self.now_ms;
        let flow = &mut self.flows[position];
        let before = flow.patience_ms;
        match kind {
            Packet::Segment if !is_outbound => flow.patience_ms = 86_400_000,
            Packet::Udp if !is_outbound => flow.patience_ms = 180_000,
            _ => {}
        }
        if before != flow.patience_ms || now_ms >= flow.seen_ms + 1000 {
            flow.seen_ms = now_ms;
        }
    }

    fn is_right(&self, flow: &ModelFlow) -> bool {
        self.is_right_but_for_the_connector(flow)
            && self
                .config
                .connectors
                .iter()
                .any(|c| c.handle == flow.connector && c.network_id == flow.network)
    }

    fn is_right_but_for_the_connector(&self, flow: &ModelFlow) -> bool {
        self.may_send(&flow.next_packet()).as_ref() == Ok(&flow.network)
    }

    fn is_alive(&self, flow: &ModelFlow) -> bool {
        self.now_ms < flow.seen_ms + flow.patience_ms
    }
}

impl ModelFlow {
    /// What tells it from others of its network.
    fn way(&self) -> (IpAddr, IpAddr, Protocol, u16) {
        (self.device_address, self.target, self.protocol, self.port)
    }

    fn next_packet(&self) -> Sent {
        Sent {
            from: self.device,
            source: self.device_address,
            target: self.target,
            kind: self.kind(),
            port: self.port,
        }
    }

    fn next_answer(&self) -> Sent {
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
