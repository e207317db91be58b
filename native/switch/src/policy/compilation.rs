//! From a configuration to a [`Policy`], or to what is wrong with it.
use std::collections::{BTreeSet, HashMap, HashSet};

use ipnet::IpNet;

use super::owners::Owners;
use super::{Connector, Device, Network, NetworkNumber, Policy, Subject};
use crate::config::{self, Action, Config, ConfigFault};
use crate::ranges::RangeMap;
use crate::rendezvous::weight_seed;
use crate::rule::{CompiledRule, NetworkSet};

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
        policy.overlay = owners.into_overlay();
        policy.bound_numbers();
        Ok(policy)
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
                let place = *numbers.entry(subject).or_insert(self.subjects.len());
                if place == self.subjects.len() {
                    self.subjects.push(Subject::default());
                }
                if let Some(subject) = self.subjects.get_mut(place) {
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
        Ok(CompiledRule {
            id: rule.id.clone().into(),
            name: rule.name.clone().into(),
            action: rule.action,
            networks: self.networks_of(rule),
            ranges: ranges_of(rule),
            protocol: rule.protocol,
            ports: rule.ports.clone().into(),
        })
    }

    fn networks_of(&self, rule: &config::Rule) -> NetworkSet {
        if rule.network_ids.is_empty() {
            return NetworkSet::All;
        }
        let known = rule
            .network_ids
            .iter()
            .filter_map(|id| self.known_number(id));
        NetworkSet::of(known.collect())
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
            let named = device.subjects.iter();
            let subjects: BTreeSet<usize> = named
                .filter_map(|subject| subject_numbers.get(subject).copied())
                .collect();
            let compiled = Device {
                addresses: device.addresses.into(),
                expires_at_unix_ms: device.expires_at_unix_ms.unwrap_or(u64::MAX),
                subjects: subjects.into_iter().collect(),
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

    /// Numbers of networks that are in no configuration any more are forgotten, when they are many.
    fn bound_numbers(&mut self) {
        let ids: HashSet<&str> = self.networks.values().map(|known| &*known.id).collect();
        self.network_numbers
            .bound(ids.len(), |id| ids.contains(&**id));
    }
}

/// `None`: any address.
fn ranges_of(rule: &config::Rule) -> Option<RangeMap<()>> {
    let mut ranges = (!rule.ranges.is_empty()).then(RangeMap::default)?;
    for range in &rule.ranges {
        *ranges.entry(*range) = ();
    }
    Some(ranges)
}

impl Subject {
    fn add(&mut self, number: usize, rule: &CompiledRule, ranges: &[IpNet]) {
        self.rules.add(number, &rule.networks, ranges);
        if rule.action == Action::Allow {
            self.admitted = std::mem::take(&mut self.admitted).union(&rule.networks);
        }
    }
}
