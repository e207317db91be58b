//! The connector's NAT between arbitrary inner packets and real sockets of a host whose servers accept, write, read,
//! close and vanish whenever they like.

use std::time::Instant;

use culvert_netstack::{Batch, Nat, NatConfig, NatLimits, PeerTag};

use crate::decoder::Decoder;
use crate::private_site::{Out, Site, Translator, config_at_first};

const MOST_STEPS: usize = 200;
const KINDS_OF_STEPS: usize = 10;

pub(crate) fn run(data: &[u8]) {
    let mut decoder = Decoder::new(data);
    let mut site = Site::new(Together::new);
    for _ in 0..MOST_STEPS {
        if decoder.is_empty() {
            break;
        }
        let kind = decoder.choice(KINDS_OF_STEPS);
        site.step(kind, &mut decoder);
        site.settle(&mut decoder);
    }
    site.end();
}

/// All flows in one NAT.
struct Together {
    nat: Nat,
    batch: Batch,
}

impl Together {
    fn new() -> Together {
        Together {
            nat: Nat::new(&config_at_first(), Self::LIMITS, Instant::now()).unwrap(),
            batch: Batch::default(),
        }
    }
}

impl Translator for Together {
    const LIMITS: NatLimits = NatLimits {
        flows: 16,
        flows_per_device: 8,
    };

    fn receive(&mut self, now: Instant, packets: &[(PeerTag, Vec<u8>)]) {
        for (peer, packet) in packets {
            self.nat.handle_packet(now, *peer, packet, &mut self.batch);
        }
    }

    fn settle(&mut self, now: Instant, _: &mut Decoder) {
        self.nat.flush(now, &mut self.batch);
        self.nat.handle_ready(now, &mut self.batch);
    }

    fn configure(&mut self, now: Instant, config: &NatConfig) {
        self.nat.configure(now, config, &mut self.batch);
    }

    fn cut_all(&mut self, now: Instant) {
        self.nat.cut_all(now, &mut self.batch);
    }

    fn take_out(&mut self) -> Vec<Out> {
        let packets = self.batch.packets();
        let out = packets.map(|(peer, packet)| Out {
            shard: Some(0),
            peer,
            packet: packet.to_vec(),
        });
        let out = out.collect();
        self.batch.clear();
        out
    }

    fn flows(&self) -> usize {
        self.nat.flows()
    }
}
