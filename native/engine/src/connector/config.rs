//! `ConnectorEngineConfig` of the control socket, checked as a whole before anything of it is applied.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr};

use culvert_core::{PrivateKey, PublicKey};
use culvert_netstack::NatConfig;
use ipnet::IpNet;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::control::Refusal;
use crate::key_text;

#[derive(Debug)]
pub(crate) struct ConnectorConfig {
    pub(crate) private_key: PrivateKey,
    pub(crate) nat: NatConfig,
    pub(crate) gateways: Vec<GatewayConfig>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GatewayConfig {
    pub(crate) id: String,
    pub(crate) public_key: PublicKey,
    /// In order of preference; at least one.
    pub(crate) endpoints: Vec<SocketAddr>,
    pub(crate) keepalive_seconds: u16,
}

/// A gateway does not know where its connectors are: one that never speaks first is never found, so "off" means this.
const KEEPALIVE_WHEN_OFF: u16 = 25;
/// IPv6's least. The most is what a datagram can carry with the tunnel's own headers around it.
const MTU: std::ops::RangeInclusive<usize> = 1280..=65_000;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a> {
    #[serde(borrow)]
    private_key: &'a RawValue,
    mtu: usize,
    addresses: Vec<IpAddr>,
    ranges: Vec<IpNet>,
    overlay: Vec<IpNet>,
    peers: Vec<WrittenPeer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WrittenPeer {
    id: String,
    public_key: String,
    endpoints: Vec<String>,
    keepalive_seconds: u16,
}

pub(crate) fn read(config: &RawValue) -> Result<ConnectorConfig, Refusal> {
    let written: Written<'_> = serde_json::from_str(config.get())
        .map_err(|fault| Refusal::bad_config(fault.to_string()))?;
    let private_key = key_text::decode_private(written.private_key);
    let private_key =
        private_key.ok_or_else(|| Refusal::bad_config("privateKey is not 32 bytes in base64"))?;
    if !MTU.contains(&written.mtu) {
        let message = format!("mtu is {}: it is a number from 1280 to 65000", written.mtu);
        return Err(Refusal::bad_config(message));
    }
    check_prefixes("ranges", &written.ranges)?;
    check_prefixes("overlay", &written.overlay)?;
    let gateways = read_gateways(written.peers)?;
    let own_key = private_key.public_key();
    if let Some(twin) = gateways
        .iter()
        .find(|gateway| gateway.public_key == own_key)
    {
        let message = format!("peer {:?}: has this connector's own public key", twin.id);
        return Err(Refusal::bad_config(message));
    }
    Ok(ConnectorConfig {
        private_key,
        gateways,
        nat: NatConfig {
            mtu: written.mtu,
            addresses: written.addresses,
            ranges: written.ranges,
            overlay: written.overlay,
        },
    })
}

/// A prefix with host bits is a typing error whose meaning nobody should guess.
fn check_prefixes(field: &str, prefixes: &[IpNet]) -> Result<(), Refusal> {
    match prefixes.iter().find(|prefix| prefix.trunc() != **prefix) {
        None => Ok(()),
        Some(prefix) => {
            let meant = prefix.trunc();
            Err(Refusal::bad_config(format!(
                "{field} has {prefix}: write {meant}"
            )))
        }
    }
}

fn read_gateways(written: Vec<WrittenPeer>) -> Result<Vec<GatewayConfig>, Refusal> {
    let (mut ids, mut keys) = (HashSet::new(), HashSet::new());
    let mut gateways = Vec::with_capacity(written.len());
    for peer in written {
        let of_peer = |what: &str| Refusal::bad_config(format!("peer {:?}: {what}", peer.id));
        let key = key_text::decode(&peer.public_key)
            .ok_or_else(|| of_peer("publicKey is not 32 bytes in base64"))?;
        let endpoints = peer.endpoints.iter().map(|endpoint| endpoint.parse());
        let endpoints: Vec<SocketAddr> = endpoints
            .collect::<Result<_, _>>()
            .map_err(|_| of_peer("an endpoint is not ADDRESS:PORT (IPv6 in brackets)"))?;
        if endpoints.is_empty() {
            return Err(of_peer("has no endpoint"));
        }
        if !ids.insert(peer.id.clone()) {
            return Err(of_peer("is there twice"));
        }
        if !keys.insert(key) {
            return Err(of_peer("has the public key of another peer"));
        }
        gateways.push(GatewayConfig {
            public_key: PublicKey(key),
            endpoints,
            keepalive_seconds: match peer.keepalive_seconds {
                0 => KEEPALIVE_WHEN_OFF,
                seconds => seconds,
            },
            id: peer.id,
        });
    }
    Ok(gateways)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key_text::encode as encode_key;
    use serde_json::{Value, json};

    #[test]
    fn a_configuration_is_read_whole() {
        let config = read(&raw(example())).unwrap();

        assert_eq!(
            config.nat.ranges,
            ["192.168.0.0/24".parse::<IpNet>().unwrap()]
        );
        assert_eq!(config.nat.mtu, 1420);
        let gateway = &config.gateways[0];
        let endpoints = ["192.0.2.1:51820", "[2001:db8::1]:51820"];
        assert_eq!(
            gateway.endpoints,
            endpoints.map(|endpoint| endpoint.parse().unwrap())
        );
        assert_eq!(
            (gateway.id.as_str(), gateway.keepalive_seconds),
            ("gw1", 25)
        );
    }

    #[test]
    fn each_wrong_part_is_named() {
        let twice = json!([example()["peers"][0], example()["peers"][0]]);
        let own_key = PrivateKey::from_bytes([7; 32]).public_key();
        let mut ourselves = example()["peers"].clone();
        ourselves[0]["publicKey"] = json!(encode_key(own_key.as_bytes()));
        for (field, value, sentence) in [
            (
                "privateKey",
                json!("AAAA"),
                "privateKey is not 32 bytes in base64",
            ),
            (
                "mtu",
                json!(900),
                "mtu is 900: it is a number from 1280 to 65000",
            ),
            (
                "ranges",
                json!(["10.0.0.1/8"]),
                "ranges has 10.0.0.1/8: write 10.0.0.0/8",
            ),
            (
                "overlay",
                json!(["fd00::1/64"]),
                "overlay has fd00::1/64: write fd00::/64",
            ),
            ("peers", twice, "peer \"gw1\": is there twice"),
            (
                "peers",
                ourselves,
                "peer \"gw1\": has this connector's own public key",
            ),
            (
                "peers",
                with_endpoints(json!([])),
                "peer \"gw1\": has no endpoint",
            ),
            (
                "peers",
                with_endpoints(json!(["192.0.2.1:51820", "gateway.example:51820"])),
                "peer \"gw1\": an endpoint is not ADDRESS:PORT (IPv6 in brackets)",
            ),
        ] {
            let mut config = example();
            config[field] = value;

            assert_eq!(
                read(&raw(config)).unwrap_err(),
                Refusal::bad_config(sentence)
            );
        }
    }

    #[test]
    fn what_is_no_prefix_is_refused() {
        for text in ["10.0.0.0/33", "256.1.1.1/8", "10.1/16", "10.0.0.0", ""] {
            let mut config = example();
            config["ranges"] = json!([text]);

            assert_eq!(read(&raw(config)).unwrap_err().code, "bad-config", "{text}");
        }
    }

    fn with_endpoints(endpoints: Value) -> Value {
        let mut peer = example()["peers"][0].clone();
        peer["endpoints"] = endpoints;
        json!([peer])
    }

    fn example() -> Value {
        json!({
            "privateKey": encode_key(&[7; 32]), "mtu": 1420,
            "addresses": ["100.96.0.2"], "ranges": ["192.168.0.0/24"], "overlay": ["100.96.0.0/16"],
            "peers": [{
                "id": "gw1", "publicKey": encode_key(&[9; 32]),
                "endpoints": ["192.0.2.1:51820", "[2001:db8::1]:51820"], "keepaliveSeconds": 0,
            }],
        })
    }

    fn raw(value: Value) -> Box<RawValue> {
        RawValue::from_string(value.to_string()).unwrap()
    }
}
