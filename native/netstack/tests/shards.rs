//! Flows in several shards do together what they do in one: the same packets in give the same packets out, in the same order
//! within a flow, under the same limits.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that is wrong should say so at once"
)]

mod lab;

use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Write};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use culvert_netstack::{Batch, Entrance, Nat, NatDrop, NatLimits};
use lab::packets::{echo, fix_header_sum, tcp, tcp_with, udp};
use lab::pieces::cut;
use lab::servers::{echo_server, serve_many};
use lab::{GATEWAY, SERVER, SERVER_V6, config, in_a_private_network};
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

const RANGES: &[&str] = &["10.9.0.0/16", "fd12::/64"];
const LIMITS: NatLimits = NatLimits {
    flows: 8192,
    flows_per_device: 8192,
};
const PIECE: usize = 1368;

#[test]
fn all_packets_of_a_flow_come_to_one_shard_whole_or_in_pieces_and_flows_spread_evenly() {
    let mut entrance = Entrance::new(&config(RANGES), 4);
    let now = Instant::now();
    let mut flows = [0; 4];
    for port in 1000..3000 {
        let target = [SERVER, SERVER_V6][usize::from(port % 2)];
        let mut shard_of = |packet: &[u8]| {
            let (shard, sorted) = entrance.sort(now, packet)?;
            Some((shard, sorted.packet.len(), sorted.came_in_pieces))
        };
        let (small, large) = (
            udp(target, port, 53, 64, b"?"),
            udp(target, port, 53, 64, &[7; 3000]),
        );
        let (shard, ..) = shard_of(&small).unwrap();
        flows[shard] += 1;

        assert_eq!(shard_of(&large), Some((shard, large.len(), false)));
        let mut pieces = cut(&large, PIECE);
        pieces.reverse();
        let last = pieces.pop().unwrap();
        assert!(pieces.iter().all(|piece| shard_of(piece).is_none()));
        assert_eq!(shard_of(&last), Some((shard, large.len(), true)));
    }
    assert!(
        flows.iter().all(|flows| (400..600).contains(flows)),
        "{flows:?}"
    );
}

#[test]
fn whatever_comes_has_a_shard_or_none() {
    let entrance = std::cell::RefCell::new(Entrance::new(&config(RANGES), 3));
    let mut runner = TestRunner::new(ProptestConfig::with_cases(3000));
    let noise = prop::collection::vec(any::<u8>(), 0..120);
    let good = udp(SERVER, 4000, 53, 64, &[7; 60]);

    runner
        .run(&(any::<bool>(), noise), |(is_all_noise, noise)| {
            let mut packet = noise;
            if !is_all_noise {
                // A sound header, so that it is not all over with the first byte.
                let head = good.iter().take(12);
                packet.splice(..packet.len().min(12), head.copied());
            }
            let sorted = entrance.borrow_mut().sort(Instant::now(), &packet);
            prop_assert!(sorted.is_none_or(|(shard, _)| shard < 3));
            Ok(())
        })
        .unwrap();
}

#[test]
fn any_number_of_shards_gives_the_same_packets_in_the_same_order_within_a_flow() {
    in_a_private_network(|| {
        let site = Site::new();
        let mut runner = TestRunner::new(ProptestConfig::with_cases(40));
        let said =
            prop::collection::vec((prop::sample::select(KINDS), 0..4u16, any::<bool>()), 1..40);

        runner
            .run(&said, |said| {
                let outcomes =
                    [1, 2, 4].map(|count| Shards::new(count, LIMITS).carry(&site, &said));
                prop_assert_eq!(&outcomes[1], &outcomes[0]);
                prop_assert_eq!(&outcomes[2], &outcomes[0]);
                Ok(())
            })
            .unwrap();
    });
}

#[test]
fn the_limits_are_for_all_shards_together_and_what_one_lets_go_another_may_have() {
    in_a_private_network(|| {
        let limits = NatLimits {
            flows: 100,
            flows_per_device: 8,
        };
        let mut shards = Shards::new(4, limits);
        let port = echo_server(SERVER);
        for device_port in 1000..1020 {
            shards.send(&udp(SERVER, device_port, port, 64, b"?"));
        }
        let refused = |shards: &Shards| {
            let refused = shards
                .nats
                .iter()
                .map(|nat| nat.drops().of(NatDrop::DeviceFull));
            refused.sum::<u64>()
        };
        assert_eq!((shards.flows(), refused(&shards)), (8, 12));

        shards.until("all have been quiet for long", |shards| {
            shards.ahead += Duration::from_secs(3600);
            shards.flows() == 0
        });
        for device_port in 2000..2020 {
            shards.send(&udp(SERVER, device_port, port, 64, b"?"));
        }

        assert_eq!((shards.flows(), refused(&shards)), (8, 24));
    });
}

#[test]
fn bytes_of_many_connections_at_once_arrive_in_order_in_whichever_shard() {
    in_a_private_network(|| {
        let port = serve_many(SERVER, |mut peer| {
            let mut data = [0; 2048];
            while let Ok(len @ 1..) = peer.read(&mut data) {
                peer.write_all(&data[..len]).unwrap();
            }
        });
        let mut shards = Shards::new(3, LIMITS);
        let mut dialogues: HashMap<u16, Dialogue> = HashMap::new();
        for device_port in 1000..1060 {
            shards.send(&tcp(SERVER, device_port, port, SYN, 1000, 0));
            dialogues.insert(device_port, Dialogue::default());
        }

        shards.until("all answers", |shards| {
            for packet in shards.take_out() {
                let (device_port, segment) = Segment::of(&packet);
                let dialogue = dialogues.get_mut(&device_port).unwrap();
                if let Some(answer) = dialogue.hear(&segment, device_port, port) {
                    shards.send(&answer);
                }
            }
            let is_over = |dialogue: &Dialogue| dialogue.heard.len() == usize::from(MESSAGES);
            dialogues.values().all(is_over)
        });

        let expected: Vec<u8> = (0..MESSAGES).collect();
        assert!(
            dialogues
                .values()
                .all(|dialogue| dialogue.heard == expected)
        );
        assert!(shards.nats.iter().all(|nat| nat.flows() > 5));
    });
}

const MESSAGES: u8 = 20;
const SYN: u8 = 2;
const RST: u8 = 4;
const PSH: u8 = 8;
const ACK: u8 = 16;

/// A device that says one byte after the other, each when the one before has come back.
#[derive(Default)]
struct Dialogue {
    heard: Vec<u8>,
    expects: u32,
}

struct Segment {
    sequence: u32,
    flags: u8,
    data: Vec<u8>,
}

impl Segment {
    fn of(packet: &[u8]) -> (u16, Self) {
        let segment = &packet[20..];
        let head = usize::from(segment[12] >> 4) * 4;
        let read = Self {
            sequence: u32::from_be_bytes(*segment[4..].first_chunk().unwrap()),
            flags: segment[13],
            data: segment[head..].to_vec(),
        };
        (u16::from_be_bytes([segment[2], segment[3]]), read)
    }
}

impl Dialogue {
    /// The answer to it, if it wants one.
    fn hear(&mut self, segment: &Segment, from: u16, to: u16) -> Option<Vec<u8>> {
        assert_eq!(segment.flags & RST, 0, "a reset");
        if segment.flags & SYN != 0 {
            self.expects = segment.sequence.wrapping_add(1);
        } else if segment.data.is_empty() {
            return None;
        } else if segment.sequence == self.expects {
            self.expects = self.expects.wrapping_add(segment.data.len() as u32);
            self.heard.extend(&segment.data);
        }
        let next = self.heard.len() as u8;
        let said: &[u8] = if next < MESSAGES { &[next] } else { &[] };
        let sequence = 1001 + u32::from(next);
        let flags = ACK | PSH;
        Some(tcp_with(
            SERVER,
            from,
            to,
            flags,
            sequence,
            self.expects,
            said,
        ))
    }
}

/// What a device may say, each with exactly one outcome.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Datagram,
    DatagramInPieces,
    Ping,
    /// Of a connection that is not known: a reset.
    Segment,
    Outside,
    HopLimit,
    Malformed,
}

const KINDS: &[Kind] = &[
    Kind::Datagram,
    Kind::DatagramInPieces,
    Kind::Ping,
    Kind::Segment,
    Kind::Outside,
    Kind::HopLimit,
    Kind::Malformed,
];

/// Where all of it goes.
struct Site {
    v4: u16,
    v6: u16,
}

impl Site {
    fn new() -> Self {
        Self {
            v4: echo_server(SERVER),
            v6: echo_server(SERVER_V6),
        }
    }

    fn packets(
        &self,
        number: u16,
        (kind, flow, is_v6): (Kind, u16, bool),
    ) -> (Vec<Vec<u8>>, usize) {
        let (server, port) = if is_v6 {
            (SERVER_V6, self.v6)
        } else {
            (SERVER, self.v4)
        };
        let (from, word) = (4000 + flow, number.to_be_bytes());
        let one = |packet| (vec![packet], 1);
        match kind {
            Kind::Datagram => one(udp(server, from, port, 64, &word)),
            Kind::DatagramInPieces => {
                let large = udp(server, from, port, 64, &word.repeat(1200));
                (cut(&large, PIECE), 2)
            }
            Kind::Ping => one(echo(server, from, number, 64, &word)),
            Kind::Segment => one(tcp(server, from, port, ACK, u32::from(number), 77)),
            Kind::Outside => one(udp("10.10.0.1", from, 53, 64, &word)),
            Kind::HopLimit => one(udp(SERVER, from, 53, 1, &word)),
            Kind::Malformed => {
                let mut options = udp(SERVER, from, 53, 64, &word);
                options[0] = 0x46;
                (vec![options], 0)
            }
        }
    }
}

struct Shards {
    entrance: Entrance,
    nats: Vec<Nat>,
    out: Batch,
    ahead: Duration,
}

/// As a device tells flows apart: who speaks, of what protocol, of which ports.
type FlowSeen = (IpAddr, u8, [u8; 4]);
type Outcome = BTreeMap<FlowSeen, Vec<Vec<u8>>>;

impl Shards {
    fn new(count: usize, limits: NatLimits) -> Self {
        let config = config(RANGES);
        Self {
            entrance: Entrance::new(&config, count),
            nats: Nat::shards(&config, limits, Instant::now(), count).unwrap(),
            out: Batch::default(),
            ahead: Duration::ZERO,
        }
    }

    fn carry(&mut self, site: &Site, said: &[(Kind, u16, bool)]) -> Outcome {
        let mut expected = 0;
        for (number, what) in said.iter().enumerate() {
            let (packets, answers) = site.packets(number as u16, *what);
            packets.iter().for_each(|packet| self.send(packet));
            expected += answers;
        }
        let mut got = Vec::new();
        self.until("all answers", |shards| {
            got.extend(shards.take_out());
            got.len() == expected
        });
        let (mut outcome, mut flow) = (Outcome::new(), None);
        for mut packet in got {
            // Later pieces show no ports; they follow their first at once.
            flow = flow_of(&packet).or(flow);
            forget_identification(&mut packet);
            outcome.entry(flow.unwrap()).or_default().push(packet);
        }
        outcome
    }

    fn send(&mut self, packet: &[u8]) {
        let now = Instant::now() + self.ahead;
        let Some((shard, sorted)) = self.entrance.sort(now, packet) else {
            return;
        };
        let nat = &mut self.nats[shard];
        nat.handle_sorted(now, GATEWAY, &sorted, &mut self.out);
        nat.flush(now, &mut self.out);
    }

    fn take_out(&mut self) -> Vec<Vec<u8>> {
        let packets = self
            .out
            .packets()
            .map(|(_, packet)| packet.to_vec())
            .collect();
        self.out.clear();
        packets
    }

    fn until(&mut self, what: &str, mut is_true: impl FnMut(&mut Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(60);
        while !is_true(self) {
            assert!(Instant::now() < deadline, "never happened: {what}");
            std::thread::sleep(Duration::from_micros(200));
            let now = Instant::now() + self.ahead;
            self.entrance.handle_timeout(now);
            for nat in &mut self.nats {
                nat.handle_ready(now, &mut self.out);
            }
        }
    }

    fn flows(&self) -> usize {
        self.nats.iter().map(Nat::flows).sum()
    }
}

/// Shards count for themselves.
fn forget_identification(packet: &mut [u8]) {
    if packet[0] >> 4 == 4 {
        packet[4..6].fill(0);
        fix_header_sum(packet);
    } else if packet[6] == 44 {
        packet[44..48].fill(0);
    }
}

/// None: a later piece.
fn flow_of(packet: &[u8]) -> Option<FlowSeen> {
    let v6 = packet[0] >> 4 == 6;
    let (head, protocol, offset) = match (v6, packet[6]) {
        (false, _) => (
            20,
            packet[9],
            u16::from_be_bytes([packet[6] & 0x1f, packet[7]]),
        ),
        (true, 44) => (
            48,
            packet[40],
            u16::from_be_bytes([packet[42], packet[43]]) & !7,
        ),
        (true, protocol) => (40, protocol, 0),
    };
    let from: IpAddr = if v6 {
        <[u8; 16]>::try_from(&packet[8..24]).unwrap().into()
    } else {
        <[u8; 4]>::try_from(&packet[12..16]).unwrap().into()
    };
    let ports = match protocol {
        1 | 58 => [0, 0, packet[head + 4], packet[head + 5]],
        _ => *packet[head..].first_chunk().unwrap(),
    };
    (offset == 0).then_some((from, protocol, ports))
}
