//! Forwarding by this host's kernel: packets that are for other hosts go into a TUN interface, behind which routing and
//! masquerade are the kernel's (set up by whoever starts the engine, for it has no rights any more). The user-space NAT
//! keeps what is for this host itself, IPv6, and whatever has to be refused, so that nothing of the tunnel ever reaches
//! the kernel's own doors, and a rule judges the same packets in both modes.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd};

use culvert_core::{HEADROOM, TAILROOM};
use culvert_netstack::{Admission, AdmissionRules, NatConfig, PeerTag, Slot};
use culvert_tun::{Batch, Inbox, Outbox, Queue, Room, Taken, Tun, TunFault, TunOptions};
use culvert_udp::source_towards;

const DEFAULT_MTU: u16 = 1420;
/// Packets that are sealed and sent together.
const BATCH_PACKETS: usize = 64;
/// More devices, or targets, than a site has; who comes after that is asked for again.
const MOST_KNOWN: usize = 65_536;

pub(crate) struct KernelDoor {
    tun: Tun,
    queue: Queue,
    inbox: Inbox,
    writing: Outbox,
    judge: Judge,
    /// Packets that the interface would not take, or that came out of it for nobody.
    dropped: u64,
}

/// Which packets are the kernel's, and whose its answers are.
#[derive(Default)]
struct Judge {
    rules: AdmissionRules,
    /// Whether an address is this host's own, as the kernel said.
    own: HashMap<Ipv4Addr, bool>,
    /// Through which gateway each device was last heard: its answers go back there.
    devices: HashMap<Ipv4Addr, PeerTag>,
}

impl KernelDoor {
    /// Needs CAP_NET_ADMIN, this once. The interface goes with the engine.
    pub(crate) fn open(name: &str) -> Result<Self, TunFault> {
        let (tun, queues) = Tun::create(&TunOptions {
            name: name.to_owned(),
            mtu: DEFAULT_MTU,
            sparse_first: false,
        })?;
        Ok(Self {
            tun,
            queue: queues.bulk,
            inbox: Inbox::new(Room {
                before: HEADROOM,
                behind: TAILROOM,
            }),
            writing: Outbox::new(),
            judge: Judge::default(),
            dropped: 0,
        })
    }

    pub(crate) fn name(&self) -> &str {
        self.tun.name()
    }

    pub(super) fn poll_fd(&self) -> BorrowedFd<'_> {
        self.queue.as_fd()
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    pub(super) fn configure(&mut self, config: &NatConfig) {
        let NatConfig {
            addresses,
            ranges,
            overlay,
            ..
        } = config;
        self.judge.rules = AdmissionRules::new(addresses, ranges, overlay);
        self.judge.devices.clear();
    }

    /// Addresses of this host may have come or gone.
    pub(super) fn forget_own_addresses(&mut self) {
        self.judge.own.clear();
    }

    /// Begins a batch of packets on their way in.
    pub(super) fn enter<'b>(&mut self) -> Entry<'_, 'b> {
        Entry {
            judge: &mut self.judge,
            batch: self.writing.batch(&self.queue),
            dropped: &mut self.dropped,
        }
    }

    /// Takes what waits, at most one batch. False: nothing waits.
    pub(super) fn read(&mut self) -> io::Result<bool> {
        self.inbox.clear();
        while self.inbox.len() < BATCH_PACKETS {
            if self.inbox.receive(&self.queue)? != Taken::Frame {
                break;
            }
        }
        Ok(!self.inbox.is_empty())
    }

    /// What the last read brought for devices, with the room that sealing needs.
    pub(super) fn answers(&mut self) -> impl Iterator<Item = Slot<'_>> {
        let Self {
            inbox,
            judge,
            dropped,
            ..
        } = self;
        inbox.packets().filter_map(|packet| {
            // The kernel announces itself over IPv6 on each interface, to nobody here.
            let device = Addresses::of(packet.bytes())?.destination;
            let Some(peer) = judge.devices.get(&device) else {
                *dropped += 1;
                return None;
            };
            Some(Slot {
                peer: *peer,
                len: packet.len,
                buffer: packet.buffer,
            })
        })
    }
}

/// Packets on their way into the kernel.
pub(super) struct Entry<'a, 'b> {
    judge: &'a mut Judge,
    batch: Batch<'a, 'b>,
    dropped: &'a mut u64,
}

impl<'b> Entry<'_, 'b> {
    /// Gives the packet back if it is not the kernel's.
    pub(super) fn push(&mut self, peer: PeerTag, packet: &'b mut [u8]) -> Option<&'b mut [u8]> {
        if !self.judge.is_for_kernel(peer, packet) {
            return Some(packet);
        }
        self.batch.push(packet);
        None
    }

    pub(super) fn write(self) {
        *self.dropped += self.batch.write().dropped as u64;
    }
}

impl Judge {
    fn is_for_kernel(&mut self, peer: PeerTag, packet: &[u8]) -> bool {
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

struct Addresses {
    source: Ipv4Addr,
    destination: Ipv4Addr,
}

impl Addresses {
    const ICMP: u8 = 1;
    const TCP: u8 = 6;
    const UDP: u8 = 17;
    /// Offset and "more fragments".
    const FRAGMENT: [u8; 2] = [0x3f, 0xff];

    fn of(packet: &[u8]) -> Option<Self> {
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
