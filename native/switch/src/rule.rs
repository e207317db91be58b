//! One rule, compiled: ids are numbers, ranges a trie.
use crate::config::{Action, RuleProtocol};
use crate::policy::NetworkNumber;
use crate::ranges::RangeMap;
use crate::tuple::Protocol;
use std::net::IpAddr;

#[derive(Debug)]
pub(crate) struct CompiledRule {
    pub(crate) id: Box<str>,
    pub(crate) name: Box<str>,
    pub(crate) action: Action,
    pub(crate) networks: NetworkSet,
    /// `None`: every address.
    pub(crate) ranges: Option<RangeMap<()>>,
    pub(crate) protocol: RuleProtocol,
    /// Empty: every port.
    pub(crate) ports: Box<[(u16, u16)]>,
}

#[derive(Debug, Clone, Default)]
pub(crate) enum NetworkSet {
    All,
    /// Sorted. A rule whose networks are all gone covers none, not every one.
    #[default]
    None,
    Some(Box<[NetworkNumber]>),
}

impl NetworkSet {
    pub(crate) fn contains(&self, network: NetworkNumber) -> bool {
        match self {
            NetworkSet::All => true,
            NetworkSet::None => false,
            NetworkSet::Some(numbers) => numbers.binary_search(&network).is_ok(),
        }
    }

    #[must_use]
    pub(crate) fn union(self, other: &NetworkSet) -> NetworkSet {
        match (self, other) {
            (NetworkSet::All, _) | (_, NetworkSet::All) => NetworkSet::All,
            (set, NetworkSet::None) => set,
            (NetworkSet::None, set) => set.clone(),
            (NetworkSet::Some(mine), NetworkSet::Some(theirs)) => {
                NetworkSet::of(mine.iter().chain(theirs).copied().collect())
            }
        }
    }

    pub(crate) fn of(mut numbers: Vec<NetworkNumber>) -> NetworkSet {
        numbers.sort_unstable();
        numbers.dedup();
        if numbers.is_empty() {
            NetworkSet::None
        } else {
            NetworkSet::Some(numbers.into())
        }
    }
}

/// What is asked about a destination.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Question {
    pub(crate) destination: IpAddr,
    pub(crate) protocol: Protocol,
    pub(crate) port: Port,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Port {
    Exactly(u16),
    /// Is there any port at all? Then an allow rule for some ports is an answer, a block rule for some is not.
    Any,
}

impl CompiledRule {
    pub(crate) fn covers(&self, network: NetworkNumber, question: Question) -> bool {
        self.networks.contains(network)
            && self.covers_protocol(question.protocol)
            && self.covers_port(question)
            && self.covers_address(question.destination)
    }

    fn covers_protocol(&self, protocol: Protocol) -> bool {
        match self.protocol {
            RuleProtocol::Any => true,
            RuleProtocol::Tcp => protocol == Protocol::Tcp,
            RuleProtocol::Udp => protocol == Protocol::Udp,
            RuleProtocol::Icmp => protocol == Protocol::Icmp,
        }
    }

    fn covers_port(&self, question: Question) -> bool {
        if self.ports.is_empty() || self.protocol == RuleProtocol::Icmp {
            return true;
        }
        match (question.protocol, question.port) {
            (Protocol::Icmp, _) => false,
            (_, Port::Any) => self.action == Action::Allow,
            (_, Port::Exactly(port)) => self
                .ports
                .iter()
                .any(|(first, last)| (*first..=*last).contains(&port)),
        }
    }

    fn covers_address(&self, address: IpAddr) -> bool {
        self.ranges
            .as_ref()
            .is_none_or(|ranges| ranges.longest(address).is_some())
    }
}
