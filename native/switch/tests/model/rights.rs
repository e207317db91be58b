//! Who may reach what: ranges by brute force, rules one by one.
use std::net::IpAddr;

use culvert_switch::config::*;
use culvert_switch::explain::{Answer, Question};
use culvert_switch::packet::Protocol;

use super::{Model, Sent};

impl Model {
    /// The network that takes the packet, or why none does.
    pub(super) fn may_send(&self, sent: &Sent) -> Result<String, &'static str> {
        let mut devices = self.config.devices.iter();
        let device = devices.find(|device| device.handle == sent.from);
        let device = device.ok_or("unknown-peer")?;
        if self.device(sent.from).is_none() {
            return Err("expired");
        }
        if !device.addresses.contains(&sent.source) {
            return Err("spoofed-source");
        }
        if self.is_overlay(sent.target) {
            return Err("device-to-device");
        }
        let network = self.network_of(device, sent.target).ok_or("no-route")?;
        match self.first_rule(
            device,
            &network,
            sent.target,
            sent.kind.protocol(),
            sent.port,
        ) {
            Some(rule) if rule.action == Action::Allow => Ok(network),
            _ => Err("denied"),
        }
    }

    pub(super) fn explain(&self, question: &Question) -> Option<(Answer, Option<String>)> {
        let mut devices = self.config.devices.iter();
        let device = devices.find(|device| device.id == question.device_id)?;
        let device = self.device(device.handle)?;
        let target = question.destination;
        let network = self.network_of(device, target);
        let Some(network) = network.filter(|_| !self.is_overlay(target)) else {
            return Some((Answer::NoNetwork, None));
        };
        let port = question.port.unwrap();
        let rule = self.first_rule(device, &network, target, question.protocol, port);
        let answer = match rule.map(|rule| rule.action) {
            None => Answer::NoRule,
            Some(Action::Block) => Answer::Blocked,
            Some(Action::Allow) if self.candidates(&network).is_empty() => Answer::NoConnector,
            Some(Action::Allow) => Answer::Allowed,
        };
        Some((answer, rule.map(|rule| rule.id.clone())))
    }

    /// That of the longest range; of several, the first that lets the device in at all.
    pub(super) fn network_of(&self, device: &Device, target: IpAddr) -> Option<String> {
        let mut best: Vec<(&Network, u8)> = vec![];
        for network in &self.config.networks {
            let ranges = network.ranges.iter();
            for range in ranges.filter(|range| range.contains(&target)) {
                let length = range.prefix_len();
                match best.first() {
                    Some((_, longest)) if *longest > length => {}
                    Some((_, longest)) if *longest == length => best.push((network, length)),
                    _ => best = vec![(network, length)],
                }
            }
        }
        let admitting = best
            .iter()
            .find(|(network, _)| self.admits(network, device));
        let (network, _) = admitting.or(best.first())?;
        Some(network.id.clone())
    }

    fn admits(&self, network: &Network, device: &Device) -> bool {
        self.config.rules.iter().any(|rule| {
            rule.action == Action::Allow && names(rule, device) && covers(rule, &network.id)
        })
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
            names(rule, device)
                && covers(rule, network)
                && fits_range(rule, target)
                && fits_protocol(rule, protocol)
                && fits_port(rule, protocol, port)
        })
    }

    /// While its time lasts.
    pub(super) fn device(&self, handle: PeerHandle) -> Option<&Device> {
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
}

fn names(rule: &Rule, device: &Device) -> bool {
    rule.subjects
        .iter()
        .any(|subject| device.subjects.contains(subject))
}

fn covers(rule: &Rule, network: &str) -> bool {
    rule.network_ids.is_empty() || rule.network_ids.iter().any(|id| id == network)
}

fn fits_range(rule: &Rule, target: IpAddr) -> bool {
    rule.ranges.is_empty() || rule.ranges.iter().any(|range| range.contains(&target))
}

fn fits_protocol(rule: &Rule, protocol: Protocol) -> bool {
    match rule.protocol {
        RuleProtocol::Any => true,
        RuleProtocol::Tcp => protocol == Protocol::Tcp,
        RuleProtocol::Udp => protocol == Protocol::Udp,
        RuleProtocol::Icmp => protocol == Protocol::Icmp,
    }
}

fn fits_port(rule: &Rule, protocol: Protocol, port: u16) -> bool {
    if rule.ports.is_empty() || rule.protocol == RuleProtocol::Icmp {
        return true;
    }
    let mut ports = rule.ports.iter();
    protocol != Protocol::Icmp && ports.any(|(first, last)| (*first..=*last).contains(&port))
}
