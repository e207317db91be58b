//! As `netstack`, with the flows in shards, each with its turn when the input says so: meanwhile packets wait in its room, as they do
//! while a shard's thread is busy. Datagrams come in pieces, in any order, twice, or not all; devices move from gateway to gateway.

use std::time::Instant;

use culvert_engine::fuzzing::ShardDesk;
use culvert_netstack::{Batch, NatConfig, NatLimits, PeerTag};

use crate::decoder::Decoder;
use crate::pieces;
use crate::private_site::{Out, Site, Translator, config_at_first, dial};

const MOST_STEPS: usize = 200;
const KINDS_OF_STEPS: usize = 14;
const MOST_SHARDS: usize = 4;
/// At one time nothing is due for ever: each turn carries on what is left, and there is only so much.
const MOST_TURNS: usize = 200;

pub(crate) fn run(data: &[u8]) {
    let mut decoder = Decoder::new(data);
    let count = 2 + decoder.choice(MOST_SHARDS - 1);
    let mut site = Site::new(|| Shards::new(count));
    for _ in 0..MOST_STEPS {
        if decoder.is_empty() {
            break;
        }
        match decoder.choice(KINDS_OF_STEPS) {
            10 | 11 => site.receive(pieces::any(&mut decoder)),
            12 => {
                let packet = dial(&mut decoder);
                let times = 1 + usize::from(decoder.byte());
                site.receive(vec![packet; times]);
            }
            13 => site.move_devices(),
            kind => site.step(kind, &mut decoder),
        }
        site.settle(&mut decoder);
    }
    let now = site.now();
    site.translator.come_to_rest(now);
    site.end();
}

struct Shards {
    desk: ShardDesk,
    /// What each of them has for the gateways.
    out: Vec<Batch>,
    /// Of all of them, on an order.
    out_of_all: Batch,
    /// Bytes that may wait, by the least that a packet counts.
    waiting: Vec<usize>,
}

impl Shards {
    fn new(count: usize) -> Shards {
        Shards {
            desk: ShardDesk::new(&config_at_first(), Self::LIMITS, Instant::now(), count).unwrap(),
            out: (0..count).map(|_| Batch::default()).collect(),
            out_of_all: Batch::default(),
            waiting: vec![0; count],
        }
    }

    fn take_turn(&mut self, now: Instant, number: usize) {
        self.desk.take_turn(number, now, &mut self.out[number]);
        self.waiting[number] = 0;
    }

    fn come_to_rest(&mut self, now: Instant) {
        for _ in 0..MOST_TURNS {
            (0..self.out.len()).for_each(|number| self.take_turn(now, number));
            if self.desk.poll_timeout().is_none_or(|due| due > now) {
                return;
            }
        }
        panic!("after {MOST_TURNS} turns something is due at once");
    }
}

/// What a shard has room for, and what a packet takes of it at least (`engine/src/connector/shard/waiting.rs`).
const ROOM: usize = 1 << 20;
const LEAST_BYTES: usize = 768;
const LARGEST_DATAGRAM: usize = 65_535;

impl Translator for Shards {
    /// So few that an input comes to them: they are for all shards together.
    const LIMITS: NatLimits = NatLimits {
        flows: 6,
        flows_per_device: 4,
    };

    fn receive(&mut self, now: Instant, packets: &[(PeerTag, Vec<u8>)]) {
        let came = packets.iter().map(|(peer, packet)| (*peer, &packet[..]));
        let lost = self.desk.receive(now, came, &mut self.out[0]);
        // They may all have gone to the same one, and with them what came in pieces before.
        let bytes = packets.iter().map(|(_, packet)| packet.len());
        let charge: usize = bytes.map(|bytes| bytes.max(LEAST_BYTES)).sum();
        self.waiting.iter_mut().for_each(|bytes| *bytes += charge);
        let may_be_full = self
            .waiting
            .iter()
            .any(|bytes| *bytes + LARGEST_DATAGRAM > ROOM);
        assert!(lost == 0 || may_be_full, "{lost} found no room");
        assert!(lost <= packets.len() as u64);
    }

    fn settle(&mut self, now: Instant, decoder: &mut Decoder) {
        let whose = decoder.byte();
        for number in 0..self.out.len() {
            if whose & (1 << number) != 0 {
                self.take_turn(now, number);
            }
        }
    }

    fn configure(&mut self, now: Instant, config: &NatConfig) {
        self.desk.configure(now, config, &mut self.out_of_all);
    }

    fn cut_all(&mut self, now: Instant) {
        self.desk.cut_all(now, &mut self.out_of_all);
    }

    fn take_out(&mut self) -> Vec<Out> {
        let shards = self.out.iter().enumerate();
        let own = shards.map(|(number, batch)| (Some(number), batch));
        let mut all = Vec::new();
        for (shard, batch) in own.chain([(None, &self.out_of_all)]) {
            all.extend(batch.packets().map(|(peer, packet)| Out {
                shard,
                peer,
                packet: packet.to_vec(),
            }));
        }
        let count = self.out.len();
        for out in &all {
            pieces::assert_numbered_by_its_shard(&out.packet, out.shard, count);
        }
        self.out.iter_mut().for_each(Batch::clear);
        self.out_of_all.clear();
        all
    }

    fn flows(&self) -> usize {
        self.desk.flows()
    }
}
