//! Lines 30 and 31 at length: a million operations on the table of allowed-ips, and a million packets that claim a source,
//! against a list that is searched from end to end.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::IpNet;

use crate::conformance::pair::{LEFT, Pair, RIGHT, Seeded};
use crate::{
    DropReason, Endpoint, HEADROOM, Outbox, PeerUpdate, PublicKey, Received, Sealed, TAILROOM,
};

const OPERATIONS: u32 = 1_000_000;
const PACKETS: u32 = 1_000_000;
const STRANGERS: u64 = 6;

#[test]
fn line_30_routing_agrees_with_a_list_of_prefixes() {
    let pair = Pair::new();
    let tunnel = &pair.hosts[LEFT].tunnel;
    tunnel.remove_all_peers();
    let random = Seeded::new(30);
    let mut list = List::default();
    let mut longest_list = 0;
    for _ in 0..OPERATIONS {
        let key = stranger(random.number() % STRANGERS);
        if random.number().is_multiple_of(64) {
            tunnel.remove_peer(&key);
            list.0.retain(|(_, owner)| *owner != key);
        } else {
            tunnel.update_peer(pair.now, list.change(&random, key));
        }
        longest_list = longest_list.max(list.0.len());

        let address = prefix(&random).addr();
        let found = tunnel.route(address).map(|peer| *peer.public_key());
        assert_eq!(found, list.owner(address), "{address}");
    }

    assert!(longest_list > 100, "only {longest_list} prefixes at once");
    for peer in tunnel.peers() {
        let shown = peer.status().allowed_ips;
        let expected = list.of(peer.public_key());
        assert_eq!(shown.len(), expected.len());
        for prefix in shown {
            assert!(expected.contains(&Block::of(prefix.addr(), prefix.prefix_len())));
        }
    }
}

/// Requirement T17: what counts is who owns the longest prefix of the source, not whether any prefix of the sender's has it.
#[test]
fn line_31_of_a_million_packets_those_come_in_whose_source_is_their_senders() {
    let pair = Pair::connected();
    let [sender, receiver] = [LEFT, RIGHT].map(|side| &pair.hosts[side]);
    let sender_key = sender.tunnel.public_key().unwrap();
    let to = pair.peer(LEFT);
    let random = Seeded::new(31);
    let mut list = List::default();
    receiver.tunnel.update_peer(
        pair.now,
        PeerUpdate {
            replace_allowed_ips: true,
            ..PeerUpdate::new(sender_key)
        },
    );
    let mut outbox = Outbox::new();
    let mut counts = [0; 2];
    for number in 0..PACKETS {
        if number.is_multiple_of(8) {
            let owner = match random.number() % 2 {
                0 => sender_key,
                _ => stranger(random.number() % STRANGERS),
            };
            receiver
                .tunnel
                .update_peer(pair.now, list.change(&random, owner));
        }
        let source = prefix(&random).addr();
        let mut datagram = vec![0; HEADROOM];
        datagram.extend(packet_from(source));
        let inner = HEADROOM..datagram.len();
        datagram.extend([0; TAILROOM]);
        let sealed = sender
            .tunnel
            .seal(pair.now, &to, &mut datagram, inner, &mut outbox);
        let Sealed::Datagram { range, .. } = sealed else {
            panic!("{sealed:?}");
        };

        let from = Endpoint::from(sender.address);
        let received = receiver
            .tunnel
            .receive(pair.now, from, &mut datagram[range], &mut outbox);

        let is_senders = list.owner(source) == Some(sender_key);
        match received {
            Received::Packet { .. } => assert!(is_senders, "{source} came in"),
            other => {
                assert_eq!(other, Received::Dropped(DropReason::SpoofedSource));
                assert!(!is_senders, "{source} was held to be spoofed");
            }
        }
        counts[usize::from(is_senders)] += 1;
    }

    assert!(counts.iter().all(|count| *count > 100_000), "{counts:?}");
}

/// The model: each prefix once, with its owner.
#[derive(Default)]
struct List(Vec<(Block, PublicKey)>);

/// A prefix as whether it is of IPv4, its first bits, and how many they are.
#[derive(Clone, Copy, PartialEq)]
struct Block(bool, u128, u8);

impl List {
    /// Draws a prefix that this peer gets, or gives away if it has it, and notes it.
    fn change(&mut self, random: &Seeded, key: PublicKey) -> PeerUpdate {
        let drawn = prefix(random);
        let block = Block::of(drawn.addr(), drawn.prefix_len());
        let known = self.0.iter().position(|(known, _)| *known == block);
        let mut update = PeerUpdate::new(key);
        if random.number().is_multiple_of(4) {
            if let Some(place) = known.filter(|place| self.0[*place].1 == key) {
                self.0.swap_remove(place);
            }
            update.removed_allowed_ips.push(drawn);
        } else {
            match known {
                Some(place) => self.0[place].1 = key,
                None => self.0.push((block, key)),
            }
            update.allowed_ips.push(drawn);
        }
        update
    }

    fn owner(&self, address: IpAddr) -> Option<PublicKey> {
        let holds = |block: &Block| *block == Block::of(address, block.2);
        let matching = self.0.iter().filter(|(block, _)| holds(block));
        matching
            .max_by_key(|(Block(_, _, length), _)| *length)
            .map(|(_, owner)| *owner)
    }

    fn of(&self, key: &PublicKey) -> Vec<Block> {
        let owned = self.0.iter().filter(|(_, owner)| owner == key);
        owned.map(|(block, _)| *block).collect()
    }
}

impl Block {
    fn of(address: IpAddr, length: u8) -> Block {
        let bits = match address {
            IpAddr::V4(address) => u128::from(address.to_bits()) << 96,
            IpAddr::V6(address) => address.to_bits(),
        };
        let others = 128 - u32::from(length);
        let first = bits.checked_shr(others).unwrap_or(0);
        Block(address.is_ipv4(), first, length)
    }
}

fn stranger(number: u64) -> PublicKey {
    PublicKey([0x50 + u8::try_from(number).unwrap(); 32])
}

/// Few addresses and every length, so that prefixes meet, nest and are hit. Host bits are left in.
fn prefix(random: &Seeded) -> IpNet {
    let bits = random.number();
    let [few, a, b, length, ..] = (bits >> 8).to_le_bytes();
    if bits.is_multiple_of(2) {
        let address = Ipv4Addr::new(10, few % 4, a % 4, b % 4);
        IpNet::new(IpAddr::V4(address), length % 33).unwrap()
    } else {
        let address = Ipv6Addr::new(0xfd00, u16::from(few % 4), 0, 0, 0, 0, 0, u16::from(a % 4));
        IpNet::new(IpAddr::V6(address), length % 129).unwrap()
    }
}

/// The shortest IP packet that has this source.
fn packet_from(source: IpAddr) -> Vec<u8> {
    match source {
        IpAddr::V4(address) => {
            let mut packet = vec![0x45, 0, 0, 20, 0, 0, 0, 0, 64, 59, 0, 0];
            packet.extend(address.octets());
            packet.extend([10, 9, 9, 9]);
            packet
        }
        IpAddr::V6(address) => {
            let mut packet = vec![0x60, 0, 0, 0, 0, 0, 59, 64];
            packet.extend(address.octets());
            packet.extend([0xfd; 16]);
            packet
        }
    }
}
