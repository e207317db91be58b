//! Peers out of their text: each with a key of its own, for the tunnel and for the switch.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use culvert_core::PublicKey;
use culvert_switch::config::{self as switch, PeerHandle};

use super::text::PeerText;
use super::{ConfiguredPeer, PeerKind, bad_key};
use crate::control::Refusal;
use crate::key_text;

/// Reads one after the other.
pub(super) struct Peers<'a, H> {
    own_key: PublicKey,
    /// By peer id.
    last_endpoints: &'a HashMap<String, SocketAddr>,
    handle_of: H,
    /// By key, so that none of ten thousand has to be held against all the others.
    ids: HashMap<PublicKey, String>,
}

impl<'a, H: FnMut(PublicKey) -> Option<PeerHandle>> Peers<'a, H> {
    pub(super) fn new(
        own_key: PublicKey,
        last_endpoints: &'a HashMap<String, SocketAddr>,
        handle_of: H,
    ) -> Self {
        Self {
            own_key,
            last_endpoints,
            handle_of,
            ids: HashMap::new(),
        }
    }

    pub(super) fn read(&mut self, text: &PeerText) -> Result<ConfiguredPeer, Refusal> {
        let (id, key, addresses, kind) = text.shared();
        let public_key = self.key_of_its_own(id, key)?;
        let handle = (self.handle_of)(public_key).ok_or_else(|| {
            let sentence =
                "this engine has numbered four billion peers and can take no other: restart it";
            Refusal::new("numbers-used-up", sentence)
        })?;
        Ok(ConfiguredPeer {
            handle,
            id: id.to_owned(),
            public_key,
            addresses: addresses.to_vec(),
            kind,
            last_endpoint: self.last_endpoints.get(id).copied(),
        })
    }

    /// Nobody else's, and not the gateway's.
    fn key_of_its_own(&mut self, id: &str, key: &str) -> Result<PublicKey, Refusal> {
        let public_key = key_text::decode(key).map(PublicKey);
        let public_key = public_key.ok_or_else(|| bad_key(&format!("the publicKey of {id:?}")))?;
        if public_key == self.own_key {
            let sentence = format!("{id:?} has the gateway's own public key; give it its own");
            return Err(Refusal::bad_config(sentence));
        }
        match self.ids.insert(public_key, id.to_owned()) {
            None => Ok(public_key),
            Some(twin) => Err(Refusal::bad_config(format!(
                "{twin:?} and {id:?} have the same public key; give each its own"
            ))),
        }
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

    pub(super) fn add_to(self, handle: PeerHandle, config: &mut switch::Config) {
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
