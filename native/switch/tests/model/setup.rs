//! A configuration in few words, and what it says in many.
use culvert_switch::config::*;

use super::steps::{FIRST_CONNECTOR, NETWORKS, RANGES};
use crate::world::configuration::{ip, network};

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

impl Setup {
    pub fn to_config(&self, unix_ms: u64) -> Config {
        let mut config = Config::default();
        let devices = (0..)
            .zip(&self.devices)
            .filter(|(_, (is_there, ..))| *is_there);
        config.devices = devices
            .map(|(number, (_, groups, expiry))| {
                device(
                    number,
                    groups,
                    expiry.map(|seconds| unix_ms + seconds * 1000),
                )
            })
            .collect();
        let networks = NETWORKS
            .iter()
            .zip(&self.networks)
            .filter(|(_, (is_there, _))| *is_there);
        config.networks = networks
            .map(|(id, (_, ranges))| {
                network(
                    id,
                    &ranges
                        .iter()
                        .map(|range| RANGES[*range])
                        .collect::<Vec<_>>(),
                )
            })
            .collect();
        let connectors = (0..)
            .zip(&self.connectors)
            .filter(|(_, (is_there, ..))| *is_there);
        config.connectors = connectors
            .map(|(number, (_, network, is_healthy))| {
                connector(number, NETWORKS[*network], *is_healthy)
            })
            .filter(|connector| {
                config
                    .networks
                    .iter()
                    .any(|network| network.id == connector.network_id)
            })
            .collect();
        let rules = self.rules.iter().enumerate();
        config.rules = rules.map(|(number, rule)| rule.to_rule(number)).collect();
        config
    }
}

impl RuleSetup {
    fn to_rule(&self, number: usize) -> Rule {
        let networks = self
            .networks
            .iter()
            .map(|network| NETWORKS[*network].into());
        let ranges = self
            .ranges
            .iter()
            .map(|range| RANGES[*range].parse().unwrap());
        Rule {
            id: format!("r{number}"),
            name: format!("rule {number}"),
            action: match self.is_allow {
                true => Action::Allow,
                false => Action::Block,
            },
            subjects: self.subjects.iter().map(|group| subject(*group)).collect(),
            network_ids: networks.collect(),
            ranges: ranges.collect(),
            protocol: PROTOCOLS[usize::from(self.protocol)],
            ports: self.ports.clone(),
        }
    }
}

const PROTOCOLS: [RuleProtocol; 4] = [
    RuleProtocol::Any,
    RuleProtocol::Tcp,
    RuleProtocol::Udp,
    RuleProtocol::Icmp,
];

fn subject(group: u8) -> String {
    match group {
        4 => "everyone".to_owned(),
        group => format!("group:{group}"),
    }
}

fn device(number: u32, groups: &[u8], expires_at_unix_ms: Option<u64>) -> Device {
    let groups = groups.iter().map(|group| format!("group:{group}"));
    Device {
        handle: PeerHandle(number),
        id: format!("d{number}"),
        addresses: vec![
            ip(&format!("100.96.0.{number}")),
            ip(&format!("fd00::{number}")),
        ],
        subjects: std::iter::once("everyone".to_owned())
            .chain(groups)
            .collect(),
        expires_at_unix_ms,
    }
}

fn connector(number: u32, network_id: &str, is_healthy: bool) -> Connector {
    Connector {
        handle: PeerHandle(FIRST_CONNECTOR + number),
        id: format!("c{number}"),
        addresses: vec![ip(&format!("100.96.1.{number}"))],
        network_id: network_id.to_owned(),
        is_healthy,
    }
}
