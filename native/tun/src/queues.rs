use std::time::Instant;

use crate::bulk_flows::BulkFlows;
use crate::queue::Queue;

/// What an interface is read from, and which of it to write to.
#[derive(Debug)]
pub struct Queues {
    pub bulk: Queue,
    /// For packets of flows that send little; to be read first.
    pub sparse: Option<Queue>,
    flows: BulkFlows,
}

impl Queues {
    pub(crate) fn new(bulk: Queue, sparse: Option<Queue>) -> Queues {
        Queues {
            bulk,
            sparse,
            flows: BulkFlows::starting(Instant::now()),
        }
    }

    /// A super-packet of this packet's flow was read: it can wait behind others.
    pub fn note_bulk(&self, packet: &[u8], now: Instant) {
        if self.sparse.is_some() {
            self.flows.note(packet, now);
        }
    }

    /// Where a packet is written, so that what its flow sends next waits where it should.
    pub(crate) fn of(&self, packet: &[u8], now: Instant) -> &Queue {
        match &self.sparse {
            Some(sparse) if !self.flows.has(packet, now) => sparse,
            _ => &self.bulk,
        }
    }
}
