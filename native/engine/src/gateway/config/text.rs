//! `GatewayEngineConfig` of `native/client/protocol.ts` as it is written.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use serde::Deserialize;
use serde_json::value::RawValue;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Text<'a> {
    #[serde(borrow)]
    pub(super) private_key: &'a RawValue,
    pub(super) listen_port: u16,
    pub(super) mtu: u32,
    pub(super) peers: Vec<PeerText>,
    pub(super) networks: Vec<NetworkText>,
    pub(super) rules: Vec<RuleText>,
    /// By peer id.
    #[serde(default)]
    pub(super) last_endpoints: HashMap<String, SocketAddr>,
}

#[derive(Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "lowercase",
    rename_all_fields = "camelCase"
)]
pub(super) enum PeerText {
    Device {
        id: String,
        public_key: String,
        addresses: Vec<IpAddr>,
        subjects: Vec<String>,
        expires_at: Option<u64>,
    },
    Connector {
        id: String,
        public_key: String,
        addresses: Vec<IpAddr>,
        network_id: String,
        healthy: bool,
    },
}

#[derive(Deserialize)]
pub(super) struct NetworkText {
    pub(super) id: String,
    pub(super) ranges: Vec<IpNet>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RuleText {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) action: ActionText,
    pub(super) subjects: Vec<String>,
    pub(super) network_ids: Vec<String>,
    pub(super) ranges: Vec<IpNet>,
    pub(super) protocol: ProtocolText,
    pub(super) ports: Vec<(u16, u16)>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(super) enum ActionText {
    Allow,
    Block,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
pub(super) enum ProtocolText {
    Any,
    Tcp,
    Udp,
    Icmp,
}
