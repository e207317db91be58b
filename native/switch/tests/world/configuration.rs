//! Configurations, and who is in them.
use std::net::IpAddr;

use culvert_switch::config::*;

pub const LAPTOP: PeerHandle = PeerHandle(1);
pub const PHONE: PeerHandle = PeerHandle(2);
pub const TOKYO_A: PeerHandle = PeerHandle(11);
pub const TOKYO_B: PeerHandle = PeerHandle(12);
pub const OSAKA: PeerHandle = PeerHandle(13);

/// An address of the laptop's, and one behind Tokyo's connectors.
pub const DEVICE: &str = "100.96.0.7";
pub const TARGET: &str = "192.168.0.10";

pub fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Two devices, Tokyo with two connectors, Osaka with one; everybody may reach everything in both.
pub fn config() -> Config {
    Config {
        mtu: 1420,
        devices: vec![
            device(LAPTOP, "laptop", &["100.96.0.7", "fd00::7"]),
            device(PHONE, "phone", &["100.96.0.8", "fd00::8"]),
        ],
        connectors: vec![
            connector(TOKYO_A, "tokyo-a", "100.96.1.1", "tokyo"),
            connector(TOKYO_B, "tokyo-b", "100.96.1.2", "tokyo"),
            connector(OSAKA, "osaka-a", "100.96.1.3", "osaka"),
        ],
        networks: vec![
            network("tokyo", &["192.168.0.0/24", "10.0.0.0/8", "fd10::/32"]),
            network("osaka", &["192.168.0.128/25", "10.0.0.0/8", "fd20::/32"]),
        ],
        rules: vec![allow("all", &["everyone"])],
    }
}

pub fn device(handle: PeerHandle, id: &str, addresses: &[&str]) -> Device {
    Device {
        handle,
        id: id.into(),
        addresses: addresses.iter().map(|text| ip(text)).collect(),
        subjects: vec!["everyone".into(), format!("device:{id}")],
        expires_at_unix_ms: None,
    }
}

pub fn connector(handle: PeerHandle, id: &str, address: &str, network: &str) -> Connector {
    Connector {
        handle,
        id: id.into(),
        addresses: vec![ip(address)],
        network_id: network.into(),
        is_healthy: true,
    }
}

pub fn network(id: &str, ranges: &[&str]) -> Network {
    Network {
        id: id.into(),
        ranges: ranges.iter().map(|text| text.parse().unwrap()).collect(),
    }
}

pub fn allow(id: &str, subjects: &[&str]) -> Rule {
    Rule {
        id: id.into(),
        name: id.into(),
        action: Action::Allow,
        subjects: subjects.iter().map(|text| text.to_string()).collect(),
        network_ids: vec![],
        ranges: vec![],
        protocol: RuleProtocol::Any,
        ports: vec![],
    }
}

pub fn block(id: &str, subjects: &[&str]) -> Rule {
    Rule {
        action: Action::Block,
        ..allow(id, subjects)
    }
}
