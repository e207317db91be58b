//! `GatewayEngineConfig` of `native/client/protocol.ts`, read and turned into what switch and tunnel take.

mod peers;
mod policy;
mod text;

use std::net::{IpAddr, SocketAddr};

use culvert_core::{PrivateKey, PublicKey};
use culvert_switch::config::{self as switch, PeerHandle};

use self::peers::Peers;
use self::policy::{read_network, read_rule};
use self::text::Text;
use crate::control::Refusal;
use crate::key_text;

/// The smallest that IPv6 works over. The largest is what an IPv4 packet can be.
const MTU_RANGE: std::ops::RangeInclusive<u32> = 1280..=65_535;

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
    handle_of: impl FnMut(PublicKey) -> Option<PeerHandle>,
) -> Result<GatewayConfig, Refusal> {
    let text: Text<'_> = serde_json::from_str(json)
        .map_err(|fault| Refusal::bad_config(format!("not a gateway's configuration: {fault}")))?;
    let private_key = key_text::decode_private(text.private_key);
    let private_key = private_key.ok_or_else(|| bad_key("privateKey"))?;
    let mtu = read_mtu(text.mtu)?;
    let mut switch = switch::Config {
        mtu,
        ..switch::Config::default()
    };
    let own_key = private_key.public_key();
    let mut reading = Peers::new(own_key, &text.last_endpoints, handle_of);
    let mut peers = Vec::with_capacity(text.peers.len());
    for text in text.peers {
        let peer = reading.read(&text)?;
        text.add_to(peer.handle, &mut switch);
        peers.push(peer);
    }
    let networks = text.networks.into_iter().map(read_network);
    switch.networks = networks.collect::<Result<_, _>>()?;
    let rules = text.rules.into_iter().map(read_rule);
    switch.rules = rules.collect::<Result<_, _>>()?;
    Ok(GatewayConfig {
        private_key,
        listen_port: text.listen_port,
        mtu,
        peers,
        switch,
    })
}

fn read_mtu(mtu: u32) -> Result<u16, Refusal> {
    let fits = u16::try_from(mtu).ok().filter(|_| MTU_RANGE.contains(&mtu));
    fits.ok_or_else(|| Refusal::bad_config(format!("mtu is {mtu}; it has to be 1280 to 65535")))
}

fn bad_key(whose: &str) -> Refusal {
    Refusal::bad_config(format!(
        "{whose} is no WireGuard key: 32 bytes in standard base64"
    ))
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::time::{Duration, Instant};

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

    #[test]
    fn two_peers_with_one_key_are_told_by_name() {
        let mut config = example();
        config["peers"][1]["publicKey"] = config["peers"][0]["publicKey"].clone();

        let message = read_json(&config).err().unwrap().message;

        assert!(message.starts_with("\"d\" and \"c\" have"), "{message}");
    }

    /// A fraction of a second with an index. Each held against all before, these take some ten seconds.
    #[test]
    fn a_hundred_thousand_peers_are_not_each_held_against_all_others() {
        let mut config = example();
        config["peers"] = (0..100_000).map(numbered_device).collect();
        let text = config.to_string();
        let begun = Instant::now();

        let config = read(&text, |_| Some(PeerHandle(1))).ok().unwrap();

        let took = begun.elapsed();
        assert_eq!(config.peers.len(), 100_000);
        assert!(took < Duration::from_secs(4), "{took:?}");
    }

    fn numbered_device(number: u32) -> Value {
        let mut key = [9; 32];
        key[..4].copy_from_slice(&number.to_be_bytes());
        json!({
            "kind": "device", "id": format!("d{number}"), "publicKey": key_text::encode(&key),
            "addresses": [Ipv4Addr::from(0x6440_0000 + number)], "subjects": ["everyone"], "expiresAt": null,
        })
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
