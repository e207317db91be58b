//! A configuration, compiled: immutable, shared by every thread, replaced whole.
use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::config::{self, Action, Config, ConfigFault, PeerHandle};
use crate::numbers::Numbers;
use crate::ranges::{RangeMap, is_reserved, is_single_address};
use crate::rendezvous::weight_seed;
use crate::rule::{CompiledRule, NetworkSet, Question};
use crate::rule_list::RuleList;

/// Stands for a network's id in flow keys. See [`Numbers`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetworkNumber(pub(crate) u32);

#[derive(Debug, Default)]
pub struct Policy {
    pub(crate) mtu: usize,
    devices: HashMap<PeerHandle, Device>,
    connectors: HashMap<PeerHandle, Connector>,
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
    /// Compiles a configuration. `previous` is the policy that it follows in this engine.
    pub fn compile(config: Config, previous: &Policy) -> Result<Policy, ConfigFault> {
        let mut policy = Policy {
            mtu: match config.mtu {
                0 => usize::MAX,
                mtu => usize::from(mtu),
            },
            network_numbers: previous.network_numbers.clone(),
            ..Policy::default()
        };
        policy.add_networks(config.networks)?;
        let subject_numbers = policy.add_rules(config.rules)?;
        let mut owners = Owners::default();
        policy.add_devices(config.devices, &subject_numbers, &mut owners)?;
        policy.add_connectors(config.connectors, &mut owners)?;
        policy.overlay = owners.overlay();
        let ids: HashSet<&str> = policy.networks.values().map(|known| &*known.id).collect();
        let numbers = &mut policy.network_numbers;
        numbers.bound(ids.len(), |id| ids.contains(&**id));
        Ok(policy)
    }

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

    fn add_networks(&mut self, networks: Vec<config::Network>) -> Result<(), ConfigFault> {
        for network in networks {
            let number = self.number_of(&network.id)?;
            for range in &network.ranges {
                let owners = self.ranges.entry(*range);
                if !owners.contains(&number) {
                    owners.push(number);
                }
            }
            let entry = Network {
                id: network.id.clone().into(),
                connectors: Vec::new(),
            };
            if self.networks.insert(number, entry).is_some() {
                return Err(ConfigFault::NetworkIdTwice(network.id));
            }
        }
        Ok(())
    }

    fn number_of(&mut self, network_id: &str) -> Result<NetworkNumber, ConfigFault> {
        let number = self.network_numbers.number_of(network_id.into());
        number.map(NetworkNumber).ok_or(ConfigFault::NumbersUsedUp)
    }

    fn known_number(&self, network_id: &str) -> Option<NetworkNumber> {
        self.network_numbers.known(network_id).map(NetworkNumber)
    }

    fn add_rules(
        &mut self,
        rules: Vec<config::Rule>,
    ) -> Result<HashMap<String, usize>, ConfigFault> {
        let mut numbers = HashMap::new();
        for (number, rule) in rules.into_iter().enumerate() {
            let compiled = self.compile_rule(&rule)?;
            // A rule that names somebody twice still is one rule.
            let subjects: BTreeSet<String> = rule.subjects.into_iter().collect();
            for subject in subjects {
                let next = self.subjects.len();
                let subject = *numbers.entry(subject).or_insert(next);
                if subject == next {
                    self.subjects.push(Subject::default());
                }
                if let Some(subject) = self.subjects.get_mut(subject) {
                    subject.add(number, &compiled, &rule.ranges);
                }
            }
            self.rules.push(compiled);
        }
        Ok(numbers)
    }

    fn compile_rule(&self, rule: &config::Rule) -> Result<CompiledRule, ConfigFault> {
        if let Some((first, last)) = rule.ports.iter().find(|(first, last)| first > last) {
            let (rule, first, last) = (rule.id.clone(), *first, *last);
            return Err(ConfigFault::PortsReversed { rule, first, last });
        }
        let mut ranges = (!rule.ranges.is_empty()).then(RangeMap::default);
        if let Some(ranges) = &mut ranges {
            rule.ranges
                .iter()
                .for_each(|range| *ranges.entry(*range) = ());
        }
        let known = rule
            .network_ids
            .iter()
            .filter_map(|id| self.known_number(id));
        Ok(CompiledRule {
            id: rule.id.clone().into(),
            name: rule.name.clone().into(),
            action: rule.action,
            networks: match rule.network_ids.is_empty() {
                true => NetworkSet::All,
                false => NetworkSet::of(known.collect()),
            },
            ranges,
            protocol: rule.protocol,
            ports: rule.ports.clone().into(),
        })
    }

    fn add_devices(
        &mut self,
        devices: Vec<config::Device>,
        subject_numbers: &HashMap<String, usize>,
        owners: &mut Owners,
    ) -> Result<(), ConfigFault> {
        for device in devices {
            owners.add(device.handle, &device.id, &device.addresses)?;
            self.device_ids.insert(device.id.into(), device.handle);
            self.expiries_unix_ms.extend(device.expires_at_unix_ms);
            let mut subjects: Vec<usize> = device
                .subjects
                .iter()
                .filter_map(|subject| subject_numbers.get(subject).copied())
                .collect();
            subjects.sort_unstable();
            subjects.dedup();
            let compiled = Device {
                addresses: device.addresses.into(),
                expires_at_unix_ms: device.expires_at_unix_ms.unwrap_or(u64::MAX),
                subjects: subjects.into(),
            };
            self.devices.insert(device.handle, compiled);
        }
        self.expiries_unix_ms.sort_unstable();
        Ok(())
    }

    fn add_connectors(
        &mut self,
        connectors: Vec<config::Connector>,
        owners: &mut Owners,
    ) -> Result<(), ConfigFault> {
        for connector in connectors {
            owners.add(connector.handle, &connector.id, &connector.addresses)?;
            let number = self.known_number(&connector.network_id);
            let found = number.and_then(|number| Some((number, self.networks.get_mut(&number)?)));
            let Some((number, network)) = found else {
                let (connector, network) = (connector.id, connector.network_id);
                return Err(ConfigFault::ConnectorWithoutNetwork { connector, network });
            };
            network.connectors.push(connector.handle);
            let compiled = Connector {
                weight_seed: weight_seed(&connector.id),
                id: connector.id.into(),
                network: number,
                is_healthy: connector.is_healthy,
            };
            self.connectors.insert(connector.handle, compiled);
        }
        Ok(())
    }
}

impl Subject {
    fn add(&mut self, number: usize, rule: &CompiledRule, ranges: &[IpNet]) {
        self.rules.add(number, &rule.networks, ranges);
        if rule.action == Action::Allow {
            self.admitted = std::mem::take(&mut self.admitted).union(&rule.networks);
        }
    }
}

/// Who owns which overlay address, while that is being checked.
#[derive(Default)]
struct Owners {
    ids: HashMap<String, PeerHandle>,
    handles: HashMap<PeerHandle, String>,
    addresses: HashMap<IpAddr, PeerHandle>,
}

impl Owners {
    fn add(
        &mut self,
        handle: PeerHandle,
        id: &str,
        addresses: &[IpAddr],
    ) -> Result<(), ConfigFault> {
        if self.ids.insert(id.to_owned(), handle).is_some() {
            return Err(ConfigFault::PeerIdTwice(id.to_owned()));
        }
        if self.handles.insert(handle, id.to_owned()).is_some() {
            return Err(ConfigFault::PeerHandleTwice);
        }
        for address in addresses {
            if is_reserved(*address) {
                return Err(ConfigFault::AddressUnusable {
                    address: *address,
                    peer: id.to_owned(),
                });
            }
            match self.addresses.insert(*address, handle) {
                Some(other) if other != handle => {
                    let first = self.handles.get(&other).cloned().unwrap_or_default();
                    let (address, second) = (*address, id.to_owned());
                    return Err(ConfigFault::AddressTwice {
                        address,
                        first,
                        second,
                    });
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn overlay(self) -> HashMap<IpAddr, PeerHandle> {
        self.addresses
    }
}
