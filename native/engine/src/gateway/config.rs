//! `GatewayEngineConfig` of `native/client/protocol.ts`, read and turned into what switch and tunnel take.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use culvert_core::{PrivateKey, PublicKey};
use culvert_switch::config::{self as switch, PeerHandle};
use ipnet::IpNet;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::control::Refusal;
use crate::key_text;

/// The smallest that IPv6 works over. The largest is what an IPv4 packet can be.
const MTU_RANGE: std::ops::RangeInclusive<u32> = 1280..=65_535;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Text<'a> {
    #[serde(borrow)]
    private_key: &'a RawValue,
    listen_port: u16,
    mtu: u32,
    peers: Vec<PeerText>,
    networks: Vec<NetworkText>,
    rules: Vec<RuleText>,
    /// By peer id.
    #[serde(default)]
    last_endpoints: HashMap<String, SocketAddr>,
}

#[derive(Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "lowercase",
    rename_all_fields = "camelCase"
)]
enum PeerText {
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
struct NetworkText {
    id: String,
    ranges: Vec<IpNet>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RuleText {
    id: String,
    name: String,
    action: ActionText,
    subjects: Vec<String>,
    network_ids: Vec<String>,
    ranges: Vec<IpNet>,
    protocol: ProtocolText,
    ports: Vec<(u16, u16)>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum ActionText {
    Allow,
    Block,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum ProtocolText {
    Any,
    Tcp,
    Udp,
    Icmp,
}

/// A configuration that is whole and well-formed; whether it holds together the switch says.
pub(super) struct GatewayConfig {
    pub(super) private_key: PrivateKey,
    pub(super) listen_port: u16,
    pub(super) mtu: u16,
    pub(super) peers: Vec<ConfiguredPeer>,
    pub(super) switch: switch::Config,
}

#[derive(Debug, Clone)]
pub(super) struct ConfiguredPeer {
    pub(super) handle: PeerHandle,
    pub(super) id: String,
    pub(super) public_key: PublicKey,
    pub(super) addresses: Vec<IpAddr>,
    pub(super) kind: PeerKind,
    /// Where an engine before this one last heard it.
    pub(super) last_endpoint: Option<SocketAddr>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PeerKind {
    Device { expires_at_unix_ms: Option<u64> },
    Connector { is_healthy: bool },
}

/// `handle_of` gives every public key its number; none when it has no other.
pub(super) fn read(
    json: &str,
    mut handle_of: impl FnMut(PublicKey) -> Option<PeerHandle>,
) -> Result<GatewayConfig, Refusal> {
    let text: Text<'_> = serde_json::from_str(json)
        .map_err(|fault| Refusal::bad_config(format!("not a gateway's configuration: {fault}")))?;
    let private_key = key_text::decode_private(text.private_key);
    let private_key = private_key.ok_or_else(|| bad_key("privateKey"))?;
    let mtu = u16::try_from(text.mtu)
        .ok()
        .filter(|_| MTU_RANGE.contains(&text.mtu));
    let mtu = mtu.ok_or_else(|| {
        Refusal::bad_config(format!("mtu is {}; it has to be 1280 to 65535", text.mtu))
    })?;
    let mut config = GatewayConfig {
        private_key,
        listen_port: text.listen_port,
        mtu,
        peers: Vec::with_capacity(text.peers.len()),
        switch: switch::Config {
            mtu,
            ..switch::Config::default()
        },
    };
    let own_key = config.private_key.public_key();
    for peer in text.peers {
        config.add_peer(peer, own_key, &text.last_endpoints, &mut handle_of)?;
    }
    config.switch.networks = text
        .networks
        .into_iter()
        .map(read_network)
        .collect::<Result<_, _>>()?;
    config.switch.rules = text
        .rules
        .into_iter()
        .map(read_rule)
        .collect::<Result<_, _>>()?;
    Ok(config)
}

impl GatewayConfig {
    fn add_peer(
        &mut self,
        text: PeerText,
        own_key: PublicKey,
        last_endpoints: &HashMap<String, SocketAddr>,
        handle_of: &mut impl FnMut(PublicKey) -> Option<PeerHandle>,
    ) -> Result<(), Refusal> {
        let (id, key, addresses, kind) = text.shared();
        let public_key = key_text::decode(key).map(PublicKey);
        let public_key = public_key.ok_or_else(|| bad_key(&format!("the publicKey of {id:?}")))?;
        if public_key == own_key {
            let sentence = format!("{id:?} has the gateway's own public key; give it its own");
            return Err(Refusal::bad_config(sentence));
        }
        if let Some(twin) = self.peers.iter().find(|peer| peer.public_key == public_key) {
            let sentence = format!("{:?} and {id:?} have the same public key", twin.id);
            return Err(Refusal::bad_config(sentence));
        }
        let handle = handle_of(public_key).ok_or_else(|| {
            let sentence =
                "this engine has numbered four billion peers and can take no other: restart it";
            Refusal::new("numbers-used-up", sentence)
        })?;
        let last_endpoint = last_endpoints.get(id).copied();
        let (id, addresses) = (id.to_owned(), addresses.to_vec());
        self.peers.push(ConfiguredPeer {
            handle,
            id,
            public_key,
            addresses,
            kind,
            last_endpoint,
        });
        text.add_to(handle, &mut self.switch);
        Ok(())
    }
}

impl PeerText {
    fn shared(&self) -> (&str, &str, &[IpAddr], PeerKind) {
        match self {
            PeerText::Device {
                id,
                public_key,
                addresses,
                expires_at,
                ..
            } => {
                let kind = PeerKind::Device {
                    expires_at_unix_ms: *expires_at,
                };
                (id, public_key, addresses, kind)
            }
            PeerText::Connector {
                id,
                public_key,
                addresses,
                healthy,
                ..
            } => (
                id,
                public_key,
                addresses,
                PeerKind::Connector {
                    is_healthy: *healthy,
                },
            ),
        }
    }

    fn add_to(self, handle: PeerHandle, config: &mut switch::Config) {
        match self {
            PeerText::Device {
                id,
                addresses,
                subjects,
                expires_at,
                ..
            } => {
                config.devices.push(switch::Device {
                    handle,
                    id,
                    addresses,
                    subjects,
                    expires_at_unix_ms: expires_at,
                });
            }
            PeerText::Connector {
                id,
                addresses,
                network_id,
                healthy,
                ..
            } => {
                config.connectors.push(switch::Connector {
                    handle,
                    id,
                    addresses,
                    network_id,
                    is_healthy: healthy,
                });
            }
        }
    }
}

fn read_network(text: NetworkText) -> Result<switch::Network, Refusal> {
    check_ranges(&text.ranges, &format!("network {:?}", text.id))?;
    Ok(switch::Network {
        id: text.id,
        ranges: text.ranges,
    })
}

fn read_rule(text: RuleText) -> Result<switch::Rule, Refusal> {
    check_ranges(&text.ranges, &format!("rule {:?}", text.id))?;
    Ok(switch::Rule {
        id: text.id,
        name: text.name,
        action: match text.action {
            ActionText::Allow => switch::Action::Allow,
            ActionText::Block => switch::Action::Block,
        },
        subjects: text.subjects,
        network_ids: text.network_ids,
        ranges: text.ranges,
        protocol: match text.protocol {
            ProtocolText::Any => switch::RuleProtocol::Any,
            ProtocolText::Tcp => switch::RuleProtocol::Tcp,
            ProtocolText::Udp => switch::RuleProtocol::Udp,
            ProtocolText::Icmp => switch::RuleProtocol::Icmp,
        },
        ports: text.ports,
    })
}

/// `10.1.2.3/8` is a slip of somebody's, and which way is not ours to guess.
fn check_ranges(ranges: &[IpNet], owner: &str) -> Result<(), Refusal> {
    match ranges.iter().find(|range| range.trunc() != **range) {
        None => Ok(()),
        Some(range) => Err(Refusal::bad_config(format!(
            "{owner} has the range {range}, with bits behind its prefix; write {}",
            range.trunc()
        ))),
    }
}

fn bad_key(whose: &str) -> Refusal {
    Refusal::bad_config(format!(
        "{whose} is no WireGuard key: 32 bytes in standard base64"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn a_whole_configuration_is_read() {
        let config = read_json(&example()).unwrap();

        assert_eq!((config.listen_port, config.mtu), (51820, 1420));
        assert_eq!(config.peers.len(), 2);
        assert_eq!(config.switch.devices[0].expires_at_unix_ms, Some(5));
        assert_eq!(config.switch.connectors[0].network_id, "n");
        assert_eq!(config.switch.rules[0].ports, [(22, 22)]);
    }

    #[test]
    fn what_is_wrong_is_told_by_name() {
        for (path, value, sentence) in [
            ("/privateKey", json!("x"), "privateKey is no WireGuard key"),
            ("/listenPort", json!(70000), "not a gateway's configuration"),
            ("/mtu", json!(576), "mtu is 576"),
            (
                "/peers/0/publicKey",
                json!("AAAA"),
                "the publicKey of \"d\" is no",
            ),
            ("/peers/0/kind", json!("router"), "unknown variant `router`"),
            (
                "/peers/0/addresses/0",
                json!("100.96.0.7/32"),
                "invalid IP address",
            ),
            (
                "/networks/0/ranges/0",
                json!("10.1.2.3/8"),
                "write 10.0.0.0/8",
            ),
            (
                "/networks/0/ranges/0",
                json!("10.0.0.0/33"),
                "invalid IP address",
            ),
            ("/rules/0/action", json!("maybe"), "unknown variant `maybe`"),
            ("/rules/0/ports/0/0", json!(70000), "70000"),
        ] {
            let mut config = example();
            *config.pointer_mut(path).unwrap() = value;

            let message = read_json(&config).err().unwrap().message;

            assert!(message.contains(sentence), "{path}: {message}");
        }
    }

    #[test]
    fn the_gateways_own_key_is_no_peers() {
        let mut config = example();
        let own = PrivateKey::from_bytes([7; 32]).public_key();
        config["peers"][0]["publicKey"] = json!(key_text::encode(own.as_bytes()));

        assert!(
            read_json(&config)
                .err()
                .unwrap()
                .message
                .contains("gateway's own public key")
        );
    }

    fn read_json(config: &Value) -> Result<GatewayConfig, Refusal> {
        read(&config.to_string(), |_| Some(PeerHandle(1)))
    }

    fn example() -> Value {
        json!({
            "privateKey": key_text::encode(&[7; 32]),
            "listenPort": 51820,
            "mtu": 1420,
            "peers": [
                { "kind": "device", "id": "d", "publicKey": key_text::encode(&[1; 32]),
                  "addresses": ["100.96.0.7", "fd00::7"], "subjects": ["everyone"], "expiresAt": 5 },
                { "kind": "connector", "id": "c", "publicKey": key_text::encode(&[2; 32]),
                  "addresses": ["100.96.0.8"], "networkId": "n", "healthy": true },
            ],
            "networks": [{ "id": "n", "ranges": ["10.0.0.0/8"] }],
            "rules": [{ "id": "r", "name": "SSH", "action": "allow", "subjects": ["everyone"],
                        "networkIds": [], "ranges": [], "protocol": "tcp", "ports": [[22, 22]] }],
        })
    }
}
