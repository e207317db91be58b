//! Which packets are the kernel's, and whose its answers are.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use culvert_netstack::{Admission, AdmissionRules, NatConfig, PeerTag};
use culvert_udp::source_towards;

/// More devices, or targets, than a network has; who comes after that is asked for again.
const MOST_KNOWN: usize = 65_536;

#[derive(Default)]
pub(super) struct Judge {
    rules: AdmissionRules,
    /// Whether an address is this host's own, as the kernel said.
    own: HashMap<Ipv4Addr, bool>,
    /// Through which gateway each device was last heard: its answers go back there.
    devices: HashMap<Ipv4Addr, PeerTag>,
}

impl Judge {
    pub(super) fn configure(&mut self, config: &NatConfig) {
        let NatConfig {
            addresses,
            ranges,
            overlay,
            ..
        } = config;
        self.rules = AdmissionRules::new(addresses, ranges, overlay);
        self.devices.clear();
    }

    /// Addresses of this host may have come or gone.
    pub(super) fn forget_own_addresses(&mut self) {
        self.own.clear();
    }

    /// Through which gateway an answer of the kernel's goes; none: it is for no device.
    pub(super) fn gateway_for(&self, device: Ipv4Addr) -> Option<PeerTag> {
        self.devices.get(&device).copied()
    }

    pub(super) fn is_for_kernel(&mut self, peer: PeerTag, packet: &[u8]) -> bool {
        let Some(Addresses {
            source,
            destination,
        }) = Addresses::of_plain(packet)
        else {
            return false;
        };
        let is_allowed = self.rules.may_come_from(source.into())
            && self.rules.destination(destination.into()) == Admission::Allowed
            && !self.is_own(destination);
        if is_allowed {
            remember(&mut self.devices, source, peer);
        }
        is_allowed
    }

    fn is_own(&mut self, address: Ipv4Addr) -> bool {
        if let Some(known) = self.own.get(&address) {
            return *known;
        }
        // The port does not matter: nothing is sent. Who would speak to itself is itself.
        let source = source_towards(SocketAddr::from((address, 9)));
        let is_own = source.is_ok_and(|source| source == IpAddr::V4(address));
        remember(&mut self.own, address, is_own);
        is_own
    }
}

fn remember<V: PartialEq>(known: &mut HashMap<Ipv4Addr, V>, address: Ipv4Addr, value: V) {
    if known.get(&address) == Some(&value) {
        return;
    }
    if known.len() >= MOST_KNOWN {
        known.clear();
    }
    known.insert(address, value);
}

pub(super) struct Addresses {
    source: Ipv4Addr,
    pub(super) destination: Ipv4Addr,
}

impl Addresses {
    const ICMP: u8 = 1;
    const TCP: u8 = 6;
    const UDP: u8 = 17;
    /// Offset and "more fragments".
    const FRAGMENT: [u8; 2] = [0x3f, 0xff];

    /// Of any IPv4 packet.
    pub(super) fn of(packet: &[u8]) -> Option<Self> {
        let header: &[u8; 20] = packet.first_chunk()?;
        let [first, .., a, b, c, d, e, f, g, h] = *header;
        (first >> 4 == 4).then_some(Self {
            source: Ipv4Addr::new(a, b, c, d),
            destination: Ipv4Addr::new(e, f, g, h),
        })
    }

    /// Of an IPv4 packet without options, in one piece, of a protocol that the rules on ports know.
    fn of_plain(packet: &[u8]) -> Option<Self> {
        let header: &[u8; 20] = packet.first_chunk()?;
        let [first, _, _, _, _, _, high, low, _, protocol, ..] = *header;
        let [high_bits, low_bits] = Self::FRAGMENT;
        let is_plain = first == 0x45
            && high & high_bits == 0
            && low & low_bits == 0
            && matches!(protocol, Self::ICMP | Self::TCP | Self::UDP);
        is_plain.then(|| Self::of(packet))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: PeerTag = PeerTag(3);

    #[test]
    fn what_is_for_other_hosts_is_the_kernels_and_its_answers_go_back_the_same_way() {
        let mut judge = judge(&["192.0.2.0/24"]);

        assert!(judge.is_for_kernel(TAG, &packet("100.96.0.7", "192.0.2.9")));

        assert_eq!(
            judge.devices.get(&"100.96.0.7".parse().unwrap()),
            Some(&TAG)
        );
    }

    #[test]
    fn what_is_for_this_host_itself_or_not_to_be_forwarded_is_not_the_kernels() {
        let mut judge = judge(&["0.0.0.0/0"]);
        for (source, destination) in [
            ("100.96.0.7", "127.0.0.1"),
            ("100.96.0.7", "169.254.169.254"),
            ("100.96.0.7", "100.100.100.200"),
            ("100.96.0.7", "0.0.0.0"),
            ("100.96.0.7", "224.0.0.1"),
            ("100.96.0.7", "100.96.0.2"),
            ("100.96.0.7", "100.96.0.9"),
            ("192.0.2.7", "192.0.2.9"),
            ("100.96.0.2", "192.0.2.9"),
        ] {
            assert!(
                !judge.is_for_kernel(TAG, &packet(source, destination)),
                "{source} to {destination}"
            );
        }
        assert!(judge.devices.is_empty());
    }

    #[test]
    fn an_own_address_stays_in_user_space_even_if_a_range_names_it() {
        let mut judge = judge(&["127.0.0.1/32"]);

        assert!(!judge.is_for_kernel(TAG, &packet("100.96.0.7", "127.0.0.1")));
    }

    #[test]
    fn options_fragments_other_protocols_and_ipv6_are_left_to_the_nat() {
        let mut judge = judge(&["192.0.2.0/24"]);
        let plain = packet("100.96.0.7", "192.0.2.9");
        for (at, value) in [(0, 0x46), (6, 0x20), (7, 1), (9, 47), (9, 4), (0, 0x65)] {
            let mut other = plain.clone();
            other[at] = value;

            assert!(!judge.is_for_kernel(TAG, &other), "byte {at} is {value:#x}");
        }
        let mut kept = plain;
        kept[6] = 0x40;
        assert!(judge.is_for_kernel(TAG, &kept), "do not fragment");
        assert!(!judge.is_for_kernel(TAG, &kept[..19]));
    }

    fn judge(ranges: &[&str]) -> Judge {
        let ranges: Vec<_> = ranges.iter().map(|range| range.parse().unwrap()).collect();
        let overlay = ["100.96.0.0/16".parse().unwrap()];
        Judge {
            rules: AdmissionRules::new(&["100.96.0.2".parse().unwrap()], &ranges, &overlay),
            ..Judge::default()
        }
    }

    fn packet(source: &str, destination: &str) -> Vec<u8> {
        let address = |text: &str| text.parse::<Ipv4Addr>().unwrap().octets();
        let mut packet = vec![0x45, 0, 0, 28, 0, 1, 0, 0, 64, 17, 0, 0];
        packet.extend(address(source));
        packet.extend(address(destination));
        packet.extend([0; 8]);
        packet
    }
}
