//! Which packets may leave the tunnel here: only from the overlay, only into the ranges, and never to what only this
//! host itself could reach (its loopback services, its cloud's metadata) unless a range names exactly that address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    Allowed,
    /// The connector's own overlay address: answered here, forwarded nowhere.
    Ourselves,
    OutsideRanges,
    /// Inside a range, but of a kind that only a range of one address opens.
    OnlyIfNamed,
    /// No single host has this address, so naming it would not help either.
    NotAHost,
}

#[derive(Debug, Default)]
pub struct AdmissionRules {
    addresses: Vec<IpAddr>,
    ranges: Vec<IpNet>,
    overlay: Vec<IpNet>,
}

impl AdmissionRules {
    pub fn new(addresses: &[IpAddr], ranges: &[IpNet], overlay: &[IpNet]) -> Self {
        Self {
            addresses: addresses.to_vec(),
            ranges: ranges.to_vec(),
            overlay: overlay.to_vec(),
        }
    }

    pub fn may_come_from(&self, source: IpAddr) -> bool {
        covers(&self.overlay, source) && !self.addresses.contains(&source)
    }

    pub fn destination(&self, address: IpAddr) -> Admission {
        if self.addresses.contains(&address) {
            return Admission::Ourselves;
        }
        if !covers(&self.ranges, address) || covers(&self.overlay, address) {
            return Admission::OutsideRanges;
        }
        if is_not_a_host(address) {
            return Admission::NotAHost;
        }
        if is_private_to_this_host(address) && !self.names(address) {
            return Admission::OnlyIfNamed;
        }
        Admission::Allowed
    }

    /// Where messages of the connector itself come from: "time exceeded" here, "prohibited" here.
    pub(crate) fn own_address(&self, like: IpAddr) -> Option<IpAddr> {
        self.addresses
            .iter()
            .copied()
            .find(|own| own.is_ipv4() == like.is_ipv4())
    }

    fn names(&self, address: IpAddr) -> bool {
        self.ranges
            .iter()
            .any(|range| range.prefix_len() == range.max_prefix_len() && range.addr() == address)
    }
}

fn covers(nets: &[IpNet], address: IpAddr) -> bool {
    nets.iter().any(|net| net.contains(&address))
}

/// The kernel takes `0.0.0.0` and `::` for loopback, and a v4-mapped address for the v4 one: a second spelling of a
/// destination is a way around every rule written in the first.
fn is_not_a_host(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.octets()[0] == 0 || v4.is_multicast() || v4.octets()[0] >= 240,
        IpAddr::V6(v6) => v6.is_unspecified() || v6.is_multicast() || is_v4_in_disguise(v6),
    }
}

/// `::a.b.c.d` (but not `::1`) and `::ffff:a.b.c.d`.
fn is_v4_in_disguise(address: Ipv6Addr) -> bool {
    let [a, b, c, d, e, f, ..] = address.segments();
    [a, b, c, d, e] == [0; 5] && (f == 0xffff || f == 0) && !address.is_loopback()
}

fn is_private_to_this_host(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => is_private_to_this_host_v4(v4),
        IpAddr::V6(v6) => {
            v6.is_loopback()
                || v6.is_unicast_link_local()
                || METADATA_V6.contains(&v6)
                || translated_v4(v6).is_some_and(|v4| {
                    is_private_to_this_host_v4(v4) || is_not_a_host(IpAddr::V4(v4))
                })
        }
    }
}

fn is_private_to_this_host_v4(address: Ipv4Addr) -> bool {
    address.is_loopback() || address.is_link_local() || METADATA_V4.contains(&address)
}

/// Amazon and Google over IPv6; everybody's 169.254.169.254 is link-local already.
const METADATA_V6: [Ipv6Addr; 2] = [
    Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254),
];

/// Alibaba, Oracle and Azure answer outside 169.254.0.0/16 (too).
const METADATA_V4: [Ipv4Addr; 3] = [
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(192, 0, 0, 192),
    Ipv4Addr::new(168, 63, 129, 16),
];

/// What NAT64 (64:ff9b::/96) and 6to4 (2002::/16) would turn the address into on the way.
fn translated_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let [a, b, c, d, e, f, g, h] = address.segments();
    let join = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match (a, [b, c, d, e, f]) {
        (0x64, [0xff9b, 0, 0, 0, 0]) => Some(join(g, h)),
        (0x2002, _) => Some(join(b, c)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_of_one_address_opens_exactly_that_address() {
        let rules = rules(&[
            "127.0.0.1/32",
            "169.254.169.254/32",
            "fe80::1/128",
            "10.0.0.0/8",
        ]);

        for target in ["127.0.0.1", "169.254.169.254", "fe80::1"] {
            assert_eq!(
                rules.destination(ip(target)),
                Admission::Allowed,
                "{target}"
            );
        }
        for target in ["127.0.0.2", "169.254.169.253", "fe80::2"] {
            assert_eq!(
                rules.destination(ip(target)),
                Admission::OutsideRanges,
                "{target}"
            );
        }
    }

    #[test]
    fn naming_what_is_no_host_opens_nothing() {
        for target in [
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "::",
            "ff02::1",
            "::ffff:10.0.0.1",
        ] {
            let length = if ip(target).is_ipv4() { 32 } else { 128 };
            let rules = rules(&[&format!("{target}/{length}")]);

            assert_eq!(
                rules.destination(ip(target)),
                Admission::NotAHost,
                "{target}"
            );
        }
    }

    #[test]
    fn ordinary_private_hosts_are_targets_and_the_overlay_is_not() {
        let rules = rules(&["0.0.0.0/0", "fd12::/64"]);

        assert_eq!(rules.destination(ip("192.168.0.10")), Admission::Allowed);
        assert_eq!(rules.destination(ip("fd12::10")), Admission::Allowed);
        assert_eq!(
            rules.destination(ip("100.96.0.9")),
            Admission::OutsideRanges
        );
        assert_eq!(rules.destination(ip("100.96.0.2")), Admission::Ourselves);
    }

    #[test]
    fn only_the_overlay_may_speak_and_never_with_the_connectors_own_address() {
        let rules = rules(&["192.168.0.0/24"]);

        assert!(rules.may_come_from(ip("100.96.0.7")));
        assert!(!rules.may_come_from(ip("100.96.0.2")));
        assert!(!rules.may_come_from(ip("192.168.0.7")));
    }

    fn rules(ranges: &[&str]) -> AdmissionRules {
        let nets: Vec<IpNet> = ranges.iter().map(|range| range.parse().unwrap()).collect();
        AdmissionRules::new(
            &[ip("100.96.0.2")],
            &nets,
            &["100.96.0.0/16".parse().unwrap()],
        )
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }
}
