//! A configuration, compiled: immutable, shared by every thread, replaced whole. Here is what it is asked.
mod compilation;
mod owners;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::config::{Action, PeerHandle, PeerMap};
use crate::numbers::Numbers;
use crate::ranges::{RangeMap, is_reserved, is_single_address};
use crate::rule::{CompiledRule, NetworkSet, Question};
use crate::rule_list::RuleList;

/// Stands for a network's id in flow keys. See [`Numbers`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetworkNumber(pub(crate) u32);

#[derive(Debug, Default)]
pub struct Policy {
    pub(crate) mtu: usize,
    devices: PeerMap<Device>,
    connectors: PeerMap<Connector>,
    device_ids: HashMap<Box<str>, PeerHandle>,
    overlay: HashMap<IpAddr, PeerHandle>,
    networks: HashMap<NetworkNumber, Network>,
    network_numbers: Numbers<Box<str>>,
    /// For each range its networks, in the configuration's order.
    ranges: RangeMap<Vec<NetworkNumber>>,
    rules: Vec<CompiledRule>,
    subjects: Vec<Subject>,
    /// Sorted.
    expiries_unix_ms: Vec<u64>,
}

#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) addresses: Box<[IpAddr]>,
    pub(crate) expires_at_unix_ms: u64,
    /// Those of its subjects that some rule names.
    subjects: Box<[usize]>,
}

#[derive(Debug)]
pub(crate) struct Connector {
    pub(crate) id: Arc<str>,
    pub(crate) network: NetworkNumber,
    pub(crate) is_healthy: bool,
    /// From its id, so that another gateway, or this one restarted, picks the same connector for a flow.
    pub(crate) weight_seed: u64,
}

#[derive(Debug)]
struct Network {
    id: Box<str>,
    connectors: Vec<PeerHandle>,
}

/// Somebody whom rules name.
#[derive(Debug, Default)]
struct Subject {
    rules: RuleList,
    /// Where at least one allow rule lets it in.
    admitted: NetworkSet,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Route {
    pub(crate) network: NetworkNumber,
    pub(crate) range: IpNet,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judgement {
    Allowed { rule: usize },
    Blocked { rule: usize },
    NoRule,
}

impl Device {
    pub(crate) fn is_expired(&self, unix_ms: u64) -> bool {
        self.expires_at_unix_ms <= unix_ms
    }
}

impl Policy {
    /// Where a packet to `destination` goes. The longest range wins over all networks, dead or alive: falling back to a
    /// shorter one would hand traffic to a network that it was never meant for.
    pub(crate) fn route(&self, device: &Device, destination: IpAddr) -> Option<Route> {
        let (range, networks) = self.ranges.longest(destination)?;
        if is_reserved(destination) && !is_single_address(range) {
            return None;
        }
        let network = match networks.as_slice() {
            [only] => *only,
            several => *several
                .iter()
                .find(|network| self.is_admitted(device, **network))
                .or(several.first())?,
        };
        Some(Route { network, range })
    }

    fn is_admitted(&self, device: &Device, network: NetworkNumber) -> bool {
        self.subjects_of(device)
            .any(|subject| subject.admitted.contains(network))
    }

    /// The first rule that covers the question. Each subject has its rules in order, so the first of all is the least of
    /// each one's first.
    pub(crate) fn judge(
        &self,
        device: &Device,
        network: NetworkNumber,
        question: Question,
    ) -> Judgement {
        let covers = |number: usize| {
            let rule = self.rules.get(number);
            rule.is_some_and(|rule| rule.covers(network, question))
        };
        let first = self.subjects_of(device).fold(None, |first, subject| {
            let before = first.unwrap_or(usize::MAX);
            let rules = &subject.rules;
            let found = rules.first(network, question.destination, before, covers);
            found.or(first)
        });
        let Some(rule) = first else {
            return Judgement::NoRule;
        };
        match self.rules.get(rule).map(|rule| rule.action) {
            Some(Action::Allow) => Judgement::Allowed { rule },
            _ => Judgement::Blocked { rule },
        }
    }

    fn subjects_of<'a>(&'a self, device: &'a Device) -> impl Iterator<Item = &'a Subject> {
        device
            .subjects
            .iter()
            .filter_map(|number| self.subjects.get(*number))
    }

    pub(crate) fn device(&self, handle: PeerHandle) -> Option<&Device> {
        self.devices.get(&handle)
    }

    pub(crate) fn connector(&self, handle: PeerHandle) -> Option<&Connector> {
        self.connectors.get(&handle)
    }

    pub(crate) fn connectors(&self) -> impl Iterator<Item = (PeerHandle, &Connector)> {
        self.connectors
            .iter()
            .map(|(handle, connector)| (*handle, connector))
    }

    pub(crate) fn connectors_of(&self, network: NetworkNumber) -> &[PeerHandle] {
        self.networks
            .get(&network)
            .map_or(&[], |network| &network.connectors)
    }

    pub(crate) fn has_peer(&self, handle: PeerHandle) -> bool {
        self.devices.contains_key(&handle) || self.connectors.contains_key(&handle)
    }

    pub(crate) fn device_by_id(&self, id: &str) -> Option<PeerHandle> {
        self.device_ids.get(id).copied()
    }

    pub(crate) fn owner_of(&self, overlay_address: IpAddr) -> Option<PeerHandle> {
        self.overlay.get(&overlay_address).copied()
    }

    pub(crate) fn network_id(&self, network: NetworkNumber) -> Option<&str> {
        self.networks.get(&network).map(|network| &*network.id)
    }

    pub fn rule_id(&self, rule: usize) -> Option<&str> {
        self.rules.get(rule).map(|rule| &*rule.id)
    }

    /// For logs: the name that its author gave it.
    pub fn rule_name(&self, rule: usize) -> Option<&str> {
        self.rules.get(rule).map(|rule| &*rule.name)
    }

    /// The first moment after `unix_ms` at which some device's time is over.
    pub(crate) fn next_expiry(&self, unix_ms: u64) -> Option<u64> {
        let passed = self
            .expiries_unix_ms
            .partition_point(|expiry| *expiry <= unix_ms);
        self.expiries_unix_ms.get(passed).copied()
    }
}
