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

mod flow;
mod passing;
mod rights;
mod sessions;

use std::collections::HashMap;

use culvert_switch::config::{Config, PeerHandle};
use culvert_switch::switch::Verdict;

use self::flow::ModelFlow;
use self::sessions::ModelSession;
use self::steps::{Packet, Sent};

#[derive(Default)]
pub struct Model {
    config: Config,
    now_ms: u64,
    unix_ms: u64,
    sessions: HashMap<PeerHandle, ModelSession>,
    flows: Vec<ModelFlow>,
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
    /// Those that have run out are among them until a sweep.
    pub fn flow_count(&self) -> usize {
        self.flows.len()
    }

    /// What this flow would carry next.
    pub fn next_of(&self, nth: usize, is_outbound: bool) -> Option<Sent> {
        let flow = self.flows.get(nth % self.flows.len().max(1))?;
        Some(match is_outbound {
            true => flow.next_packet(),
            false => flow.next_answer(),
        })
    }

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
            flow.is_alive(self.now_ms) && self.is_right(flow) && self.has_session(flow.connector)
        });
        self.flows = flows;
    }

    fn outbound(&mut self, sent: Sent, got: Outcome) {
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
                let reason = match self.is_senseless(&sent, reason) {
                    true => "no-flow",
                    false => reason,
                };
                assert_eq!(got, Err(reason), "{sent:?}");
            }
        }
    }

    /// A reset can begin nothing, so nobody asks whether it might, once it has a network.
    fn is_senseless(&self, sent: &Sent, reason: &str) -> bool {
        let is_judged = matches!(reason, "device-to-device" | "denied");
        let device = self.device(sent.from).filter(|_| is_judged);
        sent.kind == Packet::Reset
            && device.is_some_and(|device| self.network_of(device, sent.target).is_some())
    }

    /// The flow of a packet that its device sends to this network, or to the one that it would have gone to.
    fn position_of(&self, sent: &Sent, allowed: Option<&String>) -> Option<usize> {
        let network = match allowed {
            Some(network) => network.clone(),
            None => self.network_of(self.device(sent.from)?, sent.target)?,
        };
        let way = (sent.source, sent.target, sent.kind.protocol(), sent.port);
        let mut flows = self.flows.iter();
        flows.position(|flow| {
            flow.network == network && flow.way() == way && flow.is_alive(self.now_ms)
        })
    }

    /// Whether this flow of an allowed packet says what becomes of it. One that does not is forgotten.
    fn is_settled_by(&mut self, position: usize, sent: &Sent, got: Outcome) -> bool {
        let flow = self.flows[position].clone();
        if self.is_right(&flow) && self.has_session(flow.connector) {
            let expected = Ok(flow.connector);
            assert_eq!(got, expected, "a known flow stays on its connector");
            self.flows[position].touch(sent.kind, true, self.now_ms);
            return true;
        }
        self.flows.remove(position);
        let is_in_the_middle = matches!(sent.kind, Packet::Segment | Packet::Fin | Packet::Reset);
        let is_lost = is_in_the_middle && self.is_right_but_for_the_connector(&flow);
        if is_lost {
            assert_eq!(got, Err("connector-lost"));
        }
        is_lost
    }

    fn begin(&mut self, sent: &Sent, network: String, got: Outcome) {
        if sent.kind == Packet::Reset {
            return assert_eq!(got, Err("no-flow"));
        }
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
        let flow = ModelFlow::begin(*sent, network, connector, self.now_ms);
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
        let position = flows.position(|flow| {
            flow.network == network && flow.way() == way && flow.is_alive(self.now_ms)
        });
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
        self.flows[position].touch(sent.kind, false, self.now_ms);
        Ok(flow.device)
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
}
