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
use std::collections::HashMap;
use std::net::IpAddr;

use culvert_switch::config::*;
use culvert_switch::explain::{Answer, Question};
use culvert_switch::packet::Protocol;
use culvert_switch::switch::Verdict;

use super::world::*;

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
    /// What a flow of the model's would carry next, in either direction.
    Continue {
        nth: usize,
        is_outbound: bool,
    },
    Ask {
        device: u32,
        target: usize,
        port: u16,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Packet {
    Syn,
    Segment,
    Udp,
    Echo,
}

#[derive(Debug, Clone)]
pub struct Setup {
    pub devices: Vec<(bool, Vec<u8>, Option<u64>)>,
    pub connectors: Vec<(bool, usize, bool)>,
    pub networks: Vec<(bool, Vec<usize>)>,
    pub rules: Vec<RuleSetup>,
}

#[derive(Debug, Clone)]
pub struct RuleSetup {
    pub is_allow: bool,
    pub subjects: Vec<u8>,
    pub networks: Vec<usize>,
    pub ranges: Vec<usize>,
    pub protocol: u8,
    pub ports: Vec<(u16, u16)>,
}

/// Takes a step in both, and compares.
pub fn run(model: &mut Model, world: &mut World, step: &Step) {
    model.now_ms = world.now.monotonic_ms;
    model.unix_ms = world.now.unix_ms;
    match step {
        Step::Configure(setup) => {
            let config = build(setup, world.now.unix_ms);
            world.configure(config.clone());
            model.configure(config);
            // A sweep changes nothing that a packet could tell, or the model would notice.
            if setup.rules.len() % 2 == 0 {
                world.notices();
                model.sweep();
                assert_eq!(world.switch.flow_count(), model.flows.len());
            }
        }
        Step::Session { connector, has } => {
            let handle = PeerHandle(FIRST_CONNECTOR + connector);
            world.switch.set_session(handle, *has, world.now);
            model.set_session(handle, *has);
        }
        Step::Wait { ms } => world.wait(*ms),
        Step::Restart => {
            world.restart(model.config.clone());
            model.restart();
        }
        Step::Noise { from, bytes } => {
            if !may_be_a_flow(bytes) {
                let verdict = world.handle(PeerHandle(*from), bytes);
                assert!(!matches!(verdict, Verdict::Forward(_)), "{bytes:02x?}");
            }
        }
        Step::Outbound {
            device,
            source,
            target,
            kind,
            port,
        } => {
            let source = address_of(*source, TARGETS[*target]);
            send(
                model,
                world,
                *device,
                &source,
                TARGETS[*target],
                *kind,
                *port,
            );
        }
        Step::Inbound {
            connector,
            device,
            target,
            kind,
            port,
        } => {
            let from = PeerHandle(FIRST_CONNECTOR + connector);
            let to = address_of(*device, TARGETS[*target]);
            answer(model, world, from, TARGETS[*target], &to, *kind, *port);
        }
        Step::Continue { nth, is_outbound } => {
            let Some(flow) = model.flows.get(nth % model.flows.len().max(1)).cloned() else {
                return;
            };
            let (device, target) = (flow.device_address.to_string(), flow.target.to_string());
            let kind = flow.kind();
            if *is_outbound {
                send(
                    model,
                    world,
                    flow.device.0,
                    &device,
                    &target,
                    kind,
                    flow.port,
                );
            } else {
                answer(
                    model,
                    world,
                    flow.connector,
                    &target,
                    &device,
                    kind,
                    flow.port,
                );
            }
        }
        Step::Ask {
            device,
            target,
            port,
        } => {
            let question = Question {
                device_id: format!("d{device}"),
                destination: ip(TARGETS[*target]),
                protocol: Protocol::Tcp,
                port: Some(*port),
            };
            let got = world.switch.explain(&question, world.now);
            let got = got
                .ok()
                .map(|explanation| (explanation.answer, explanation.rule_id));
            assert_eq!(got, model.explain(&question), "{step:?}");
        }
    }
}

fn send(
    model: &mut Model,
    world: &mut World,
    device: u32,
    source: &str,
    target: &str,
    kind: Packet,
    port: u16,
) {
    let packet = match kind {
        Packet::Syn => tcp(source, target, (port, port), SYN),
        Packet::Segment => tcp(source, target, (port, port), ACK),
        Packet::Udp => udp(source, target, (port, port)),
        Packet::Echo => echo_request(source, target, port),
    };
    let got = world.handle(PeerHandle(device), &packet);
    model.outbound(PeerHandle(device), ip(source), ip(target), kind, port, got);
}

fn answer(
    model: &mut Model,
    world: &mut World,
    connector: PeerHandle,
    target: &str,
    to: &str,
    kind: Packet,
    port: u16,
) {
    let packet = match kind {
        Packet::Syn => tcp(target, to, (port, port), SYN),
        Packet::Segment => tcp(target, to, (port, port), ACK),
        Packet::Udp => udp(target, to, (port, port)),
        Packet::Echo => echo_reply(target, to, port),
    };
    let got = world.handle(connector, &packet);
    let expected = model.inbound(connector, ip(target), ip(to), kind, port);
    assert_eq!(
        outcome(got),
        expected,
        "{kind:?} from {connector:?}, {target} to {to}"
    );
}

/// A device's own address, of the family that this target has.
fn address_of(device: u32, target: &str) -> String {
    match ip(target) {
        IpAddr::V4(_) => format!("100.96.0.{device}"),
        IpAddr::V6(_) => format!("fd00::{device}"),
    }
}

/// Whether these bytes could open, use or concern a flow: a whole packet of TCP, UDP or ICMP.
fn may_be_a_flow(bytes: &[u8]) -> bool {
    let protocol = match bytes.first().map(|first| first >> 4) {
        Some(4) => bytes.get(9),
        Some(6) => bytes.get(6),
        _ => None,
    };
    // 44: the first piece of an IPv6 datagram.
    matches!(protocol, Some(1 | 6 | 17 | 44 | 58))
}

type Outcome = Result<PeerHandle, &'static str>;

fn outcome(verdict: Verdict) -> Outcome {
    match verdict {
        Verdict::Forward(to) => Ok(to),
        Verdict::Refuse(refusal) => Err(refusal.reason.name()),
        Verdict::Drop(reason) => Err(reason.name()),
    }
}

fn build(setup: &Setup, unix_ms: u64) -> Config {
    let mut config = Config::default();
    for (number, (is_there, groups, expiry)) in (0..).zip(&setup.devices) {
        let mut subjects = vec!["everyone".to_owned()];
        subjects.extend(groups.iter().map(|group| format!("group:{group}")));
        config.devices.extend(is_there.then(|| Device {
            handle: PeerHandle(number),
            id: format!("d{number}"),
            addresses: vec![
                ip(&format!("100.96.0.{number}")),
                ip(&format!("fd00::{number}")),
            ],
            subjects,
            expires_at_unix_ms: expiry.map(|seconds| unix_ms + seconds * 1000),
        }));
    }
    for (id, (is_there, ranges)) in NETWORKS.iter().zip(&setup.networks) {
        let ranges: Vec<&str> = ranges.iter().map(|range| RANGES[*range]).collect();
        config
            .networks
            .extend(is_there.then(|| network(id, &ranges)));
    }
    for (number, (is_there, network, is_healthy)) in (0..).zip(&setup.connectors) {
        let network_id = NETWORKS[*network].to_owned();
        let has_network = config
            .networks
            .iter()
            .any(|network| network.id == network_id);
        config
            .connectors
            .extend((*is_there && has_network).then(|| Connector {
                handle: PeerHandle(FIRST_CONNECTOR + number),
                id: format!("c{number}"),
                addresses: vec![ip(&format!("100.96.1.{number}"))],
                network_id,
                is_healthy: *is_healthy,
            }));
    }
    for (number, rule) in setup.rules.iter().enumerate() {
        let subject = |group: &u8| match group {
            4 => "everyone".to_owned(),
            group => format!("group:{group}"),
        };
        config.rules.push(Rule {
            id: format!("r{number}"),
            name: format!("rule {number}"),
            action: if rule.is_allow {
                Action::Allow
            } else {
                Action::Block
            },
            subjects: rule.subjects.iter().map(subject).collect(),
            network_ids: rule
                .networks
                .iter()
                .map(|network| NETWORKS[*network].into())
                .collect(),
            ranges: rule
                .ranges
                .iter()
                .map(|range| RANGES[*range].parse().unwrap())
                .collect(),
            protocol: [
                RuleProtocol::Any,
                RuleProtocol::Tcp,
                RuleProtocol::Udp,
                RuleProtocol::Icmp,
            ][usize::from(rule.protocol)],
            ports: rule.ports.clone(),
        });
    }
    config
}

#[derive(Default)]
pub struct Model {
    config: Config,
    now_ms: u64,
    unix_ms: u64,
    sessions: HashMap<PeerHandle, ModelSession>,
    flows: Vec<ModelFlow>,
}

#[derive(Default, Clone, Copy)]
struct ModelSession {
    has: bool,
    is_healthy: bool,
    usable_since_loss_ms: Option<Option<u64>>,
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

impl Model {
    fn configure(&mut self, config: Config) {
        self.config = config;
        let connectors = self.config.connectors.clone();
        self.sessions
            .retain(|handle, _| connectors.iter().any(|c| c.handle == *handle));
        for connector in connectors {
            let now_ms = self.now_ms;
            let session = self.sessions.entry(connector.handle).or_default();
            session.change(now_ms, |session| session.is_healthy = connector.is_healthy);
        }
    }

    fn restart(&mut self) {
        self.flows.clear();
        self.sessions.clear();
        self.configure(self.config.clone());
    }

    fn set_session(&mut self, handle: PeerHandle, has: bool) {
        let now_ms = self.now_ms;
        if let Some(session) = self.sessions.get_mut(&handle) {
            session.change(now_ms, |session| session.has = has);
        }
    }

    /// What the real switch's sweep may do at any time: forget what would be refused anyway.
    fn sweep(&mut self) {
        let keep: Vec<bool> = self
            .flows
            .iter()
            .map(|flow| {
                self.is_alive(flow) && self.is_right(flow) && self.has_session(flow.connector)
            })
            .collect();
        let mut keep = keep.into_iter();
        self.flows.retain(|_| keep.next().unwrap());
    }

    fn outbound(
        &mut self,
        from: PeerHandle,
        source: IpAddr,
        target: IpAddr,
        kind: Packet,
        port: u16,
        got: Verdict,
    ) {
        let got = outcome(got);
        let allowed = self.may_send(from, source, target, kind, port);
        let network = match &allowed {
            Ok(network) => Some(network.clone()),
            Err(_) => self
                .device(from)
                .and_then(|_| self.network_of(from, target))
                .map(|n| n.0),
        };
        let existing = self.flows.iter().position(|flow| {
            Some(&flow.network) == network.as_ref()
                && (flow.device_address, flow.target) == (source, target)
                && (flow.protocol, flow.port) == (protocol(kind), port)
                && self.is_alive(flow)
        });
        if let (Ok(_), Some(position)) = (&allowed, existing) {
            let flow = self.flows[position].clone();
            if self.is_right(&flow) && self.has_session(flow.connector) {
                assert_eq!(
                    got,
                    Ok(flow.connector),
                    "a known flow stays on its connector"
                );
                return self.touch(position, kind, true);
            }
            self.flows.remove(position);
            if self.is_right_but_for_the_connector(&flow) && kind == Packet::Segment {
                return assert_eq!(got, Err("connector-lost"));
            }
        } else if let (Err(reason), Some(position)) = (&allowed, existing)
            && !matches!(*reason, "unknown-peer" | "expired" | "spoofed-source")
        {
            self.flows.remove(position);
        }
        match allowed {
            Err(reason) => assert_eq!(got, Err(reason), "{kind:?} from {source} to {target}"),
            Ok(network) => self.begin(from, source, target, kind, port, network, got),
        }
    }

    #[allow(clippy::too_many_arguments, reason = "a flow has that many parts")]
    fn begin(
        &mut self,
        from: PeerHandle,
        source: IpAddr,
        target: IpAddr,
        kind: Packet,
        port: u16,
        network: String,
        got: Outcome,
    ) {
        let candidates = self.candidates(&network);
        if candidates.is_empty() {
            return assert_eq!(got, Err("no-connector"));
        }
        let Ok(connector) = got else {
            panic!("{kind:?} to {target} is allowed, not {got:?}")
        };
        assert!(
            candidates.contains(&connector),
            "{connector:?} is not one of {candidates:?}"
        );
        let protocol = protocol(kind);
        let patience_ms = match kind {
            Packet::Syn => 60_000,
            Packet::Segment => 86_400_000,
            Packet::Udp | Packet::Echo => 30_000,
        };
        self.flows.retain(|flow| {
            (
                flow.device_address,
                flow.target,
                flow.protocol,
                flow.port,
                &flow.network,
            ) != (source, target, protocol, port, &network)
        });
        self.flows.push(ModelFlow {
            network,
            device: from,
            device_address: source,
            target,
            protocol,
            port,
            connector,
            patience_ms,
            seen_ms: self.now_ms,
        });
    }

    fn inbound(
        &mut self,
        from: PeerHandle,
        source: IpAddr,
        to: IpAddr,
        kind: Packet,
        port: u16,
    ) -> Outcome {
        let connector = self.config.connectors.iter().find(|c| c.handle == from);
        let network = connector.ok_or("unknown-peer")?.network_id.clone();
        let position = self.flows.iter().position(|flow| {
            flow.network == network
                && (flow.device_address, flow.target) == (to, source)
                && (flow.protocol, flow.port) == (protocol(kind), port)
                && self.is_alive(flow)
        });
        let position = position.ok_or("no-flow")?;
        let flow = self.flows[position].clone();
        if flow.connector != from {
            return Err("wrong-connector");
        }
        if !self.is_right(&flow) {
            self.flows.remove(position);
            return Err("denied");
        }
        if kind == Packet::Syn {
            return Err("no-flow");
        }
        self.touch(position, kind, false);
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

    /// The network that takes the packet, or why none does.
    fn may_send(
        &self,
        from: PeerHandle,
        source: IpAddr,
        target: IpAddr,
        kind: Packet,
        port: u16,
    ) -> Result<String, &'static str> {
        let device = self
            .config
            .devices
            .iter()
            .find(|d| d.handle == from)
            .ok_or("unknown-peer")?;
        if self.device(from).is_none() {
            return Err("expired");
        }
        if !device.addresses.contains(&source) {
            return Err("spoofed-source");
        }
        if self.is_overlay(target) {
            return Err("device-to-device");
        }
        let (network, _) = self.network_of(from, target).ok_or("no-route")?;
        match self.first_rule(device, &network, target, protocol(kind), port) {
            Some(rule) if rule.action == Action::Allow => Ok(network),
            _ => Err("denied"),
        }
    }

    fn explain(&self, question: &Question) -> Option<(Answer, Option<String>)> {
        let device = self
            .config
            .devices
            .iter()
            .find(|d| d.id == question.device_id)?;
        let device = self.device(device.handle)?;
        let network = self.network_of(device.handle, question.destination);
        let Some((network, _)) = network.filter(|_| !self.is_overlay(question.destination)) else {
            return Some((Answer::NoNetwork, None));
        };
        let port = question.port.unwrap();
        let rule = self.first_rule(
            device,
            &network,
            question.destination,
            question.protocol,
            port,
        );
        let answer = match rule.map(|rule| rule.action) {
            None => Answer::NoRule,
            Some(Action::Block) => Answer::Blocked,
            Some(Action::Allow) if self.candidates(&network).is_empty() => Answer::NoConnector,
            Some(Action::Allow) => Answer::Allowed,
        };
        Some((answer, rule.map(|rule| rule.id.clone())))
    }

    fn network_of(&self, device: PeerHandle, target: IpAddr) -> Option<(String, u8)> {
        let mut best: Vec<(&Network, u8)> = vec![];
        for network in &self.config.networks {
            for range in network
                .ranges
                .iter()
                .filter(|range| range.contains(&target))
            {
                let length = range.prefix_len();
                match best.first() {
                    Some((_, longest)) if *longest > length => {}
                    Some((_, longest)) if *longest == length => best.push((network, length)),
                    _ => best = vec![(network, length)],
                }
            }
        }
        let device = self.config.devices.iter().find(|d| d.handle == device)?;
        let admits = |network: &Network| {
            self.config.rules.iter().any(|rule| {
                rule.action == Action::Allow && names(rule, device) && covers(rule, &network.id)
            })
        };
        let chosen = best
            .iter()
            .find(|(network, _)| admits(network))
            .or(best.first())?;
        Some((chosen.0.id.clone(), chosen.1))
    }

    fn first_rule(
        &self,
        device: &Device,
        network: &str,
        target: IpAddr,
        protocol: Protocol,
        port: u16,
    ) -> Option<&Rule> {
        self.config.rules.iter().find(|rule| {
            let fits_protocol = match rule.protocol {
                RuleProtocol::Any => true,
                RuleProtocol::Tcp => protocol == Protocol::Tcp,
                RuleProtocol::Udp => protocol == Protocol::Udp,
                RuleProtocol::Icmp => protocol == Protocol::Icmp,
            };
            let fits_port = rule.ports.is_empty()
                || rule.protocol == RuleProtocol::Icmp
                || (protocol != Protocol::Icmp
                    && rule
                        .ports
                        .iter()
                        .any(|(first, last)| *first <= port && port <= *last));
            let fits_target =
                rule.ranges.is_empty() || rule.ranges.iter().any(|range| range.contains(&target));
            names(rule, device)
                && covers(rule, network)
                && fits_protocol
                && fits_port
                && fits_target
        })
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
        let kind = flow.kind();
        self.may_send(
            flow.device,
            flow.device_address,
            flow.target,
            kind,
            flow.port,
        ) == Ok(flow.network.clone())
    }

    fn is_alive(&self, flow: &ModelFlow) -> bool {
        self.now_ms < flow.seen_ms + flow.patience_ms
    }

    fn device(&self, handle: PeerHandle) -> Option<&Device> {
        self.config.devices.iter().find(|device| {
            device.handle == handle
                && device
                    .expires_at_unix_ms
                    .is_none_or(|expiry| self.unix_ms < expiry)
        })
    }

    fn is_overlay(&self, address: IpAddr) -> bool {
        self.config
            .devices
            .iter()
            .any(|device| device.addresses.contains(&address))
            || self
                .config
                .connectors
                .iter()
                .any(|c| c.addresses.contains(&address))
    }

    fn has_session(&self, connector: PeerHandle) -> bool {
        self.sessions
            .get(&connector)
            .is_some_and(|session| session.has)
    }

    fn candidates(&self, network: &str) -> Vec<PeerHandle> {
        let usable: Vec<(PeerHandle, bool)> = self
            .config
            .connectors
            .iter()
            .filter(|connector| connector.network_id == network)
            .filter_map(|connector| Some((connector.handle, self.sessions.get(&connector.handle)?)))
            .filter(|(_, session)| session.has && session.is_healthy)
            .map(|(handle, session)| {
                let is_settled = match session.usable_since_loss_ms {
                    None => true,
                    Some(since) => since.is_some_and(|since| self.now_ms >= since + 30_000),
                };
                (handle, is_settled)
            })
            .collect();
        let any_settled = usable.iter().any(|(_, is_settled)| *is_settled);
        usable
            .into_iter()
            .filter(|(_, is_settled)| *is_settled || !any_settled)
            .map(|(handle, _)| handle)
            .collect()
    }
}

impl ModelFlow {
    fn kind(&self) -> Packet {
        match self.protocol {
            Protocol::Tcp => Packet::Segment,
            Protocol::Udp => Packet::Udp,
            Protocol::Icmp => Packet::Echo,
        }
    }
}

impl ModelSession {
    fn change(&mut self, now_ms: u64, change: impl FnOnce(&mut ModelSession)) {
        let before = self.has && self.is_healthy;
        change(self);
        match (before, self.has && self.is_healthy) {
            (true, false) => self.usable_since_loss_ms = Some(None),
            (false, true) if self.usable_since_loss_ms.is_some() => {
                self.usable_since_loss_ms = Some(Some(now_ms));
            }
            _ => {}
        }
    }
}

fn names(rule: &Rule, device: &Device) -> bool {
    rule.subjects
        .iter()
        .any(|subject| device.subjects.contains(subject))
}

fn covers(rule: &Rule, network: &str) -> bool {
    rule.network_ids.is_empty() || rule.network_ids.iter().any(|id| id == network)
}

fn protocol(kind: Packet) -> Protocol {
    match kind {
        Packet::Syn | Packet::Segment => Protocol::Tcp,
        Packet::Udp => Protocol::Udp,
        Packet::Echo => Protocol::Icmp,
    }
}
