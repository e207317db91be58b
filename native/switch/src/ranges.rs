//! Longest prefix first, over both address families.
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use prefix_trie::PrefixMap;

#[derive(Debug)]
pub(crate) struct RangeMap<T> {
    ipv4: PrefixMap<Ipv4Net, T>,
    ipv6: PrefixMap<Ipv6Net, T>,
}

impl<T> Default for RangeMap<T> {
    fn default() -> Self {
        Self {
            ipv4: PrefixMap::new(),
            ipv6: PrefixMap::new(),
        }
    }
}

impl<T> RangeMap<T> {
    pub(crate) fn longest(&self, address: IpAddr) -> Option<(IpNet, &T)> {
        match address {
            IpAddr::V4(address) => {
                let (range, value) = self.ipv4.get_lpm(&Ipv4Net::from(address))?;
                Some((range.into(), value))
            }
            IpAddr::V6(address) => {
                let (range, value) = self.ipv6.get_lpm(&Ipv6Net::from(address))?;
                Some((range.into(), value))
            }
        }
    }

    /// The values of every range that holds this address, shortest prefix first.
    pub(crate) fn covering(&self, address: IpAddr) -> impl Iterator<Item = &T> {
        let (ipv4, ipv6) = match address {
            IpAddr::V4(address) => (Some(self.ipv4.cover_values(&address.into())), None),
            IpAddr::V6(address) => (None, Some(self.ipv6.cover_values(&address.into()))),
        };
        ipv4.into_iter().flatten().chain(ipv6.into_iter().flatten())
    }
}

impl<T: Default> RangeMap<T> {
    /// The value of exactly this range, made if it is not there. Host bits are ignored.
    pub(crate) fn entry(&mut self, range: IpNet) -> &mut T {
        match range {
            IpNet::V4(range) => self.ipv4.entry(range.trunc()).or_default(),
            IpNet::V6(range) => self.ipv6.entry(range.trunc()).or_default(),
        }
    }
}

/// Addresses that mean something else on every host: never reached through a network, unless one of its ranges names
/// the single address.
pub(crate) fn is_reserved(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_reserved_ipv4(address),
        IpAddr::V6(address) => is_reserved_ipv6(address),
    }
}

fn is_reserved_ipv4(address: Ipv4Addr) -> bool {
    address.octets().first() == Some(&0)
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_broadcast()
}

fn is_reserved_ipv6(address: Ipv6Addr) -> bool {
    // An IPv4 address in IPv6 clothes would be judged by other ranges than the one it reaches.
    address.to_ipv4().is_some() || address.is_multicast() || address.is_unicast_link_local()
}

/// Reserved addresses that no answer can come from: multicast and its like gets no error (RFC 1122, 3.2.2), and a kernel drops
/// whatever seems to come from loopback. Link-local addresses are not among them: whoever tries one, a cloud's metadata
/// service for example, is told.
pub(crate) fn is_no_host(address: IpAddr) -> bool {
    let is_link_local = match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    };
    is_reserved(address) && !is_link_local
}

pub(crate) fn is_single_address(range: IpNet) -> bool {
    range.prefix_len() == range.max_prefix_len()
}
