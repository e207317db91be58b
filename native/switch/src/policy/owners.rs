//! Whose is what: no two peers share an id, a handle or an overlay address.
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use crate::config::{ConfigFault, PeerHandle};
use crate::ranges::is_reserved;

/// Who owns which overlay address, while that is being checked.
#[derive(Default)]
pub(super) struct Owners {
    ids: HashSet<String>,
    handles: HashMap<PeerHandle, String>,
    addresses: HashMap<IpAddr, PeerHandle>,
}

impl Owners {
    pub(super) fn add(
        &mut self,
        handle: PeerHandle,
        id: &str,
        addresses: &[IpAddr],
    ) -> Result<(), ConfigFault> {
        if !self.ids.insert(id.to_owned()) {
            return Err(ConfigFault::PeerIdTwice(id.to_owned()));
        }
        if self.handles.insert(handle, id.to_owned()).is_some() {
            return Err(ConfigFault::PeerHandleTwice);
        }
        addresses
            .iter()
            .try_for_each(|address| self.add_address(handle, id, *address))
    }

    fn add_address(
        &mut self,
        handle: PeerHandle,
        id: &str,
        address: IpAddr,
    ) -> Result<(), ConfigFault> {
        if is_reserved(address) {
            let peer = id.to_owned();
            return Err(ConfigFault::AddressUnusable { address, peer });
        }
        match self.addresses.insert(address, handle) {
            Some(other) if other != handle => Err(ConfigFault::AddressTwice {
                address,
                first: self.handles.get(&other).cloned().unwrap_or_default(),
                second: id.to_owned(),
            }),
            _ => Ok(()),
        }
    }

    pub(super) fn into_overlay(self) -> HashMap<IpAddr, PeerHandle> {
        self.addresses
    }
}
