use std::io;
use std::time::Instant;

use crate::bulk_flows::BulkFlows;
use crate::inbox::{Inbox, Taken};
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

/// Whose turn it is to be read: that of sparse flows, unless they have just had one that was too short for them. So neither
/// queue keeps the other waiting for ever.
#[derive(Debug, Default)]
pub struct Turns {
    is_bulk_due: bool,
}

impl Turns {
    /// Reads until the inbox is full or has `most` packets. True when nothing waits in either queue.
    pub fn fill(&mut self, inbox: &mut Inbox, queues: &Queues, most: usize) -> io::Result<bool> {
        let is_drained = match &queues.sparse {
            Some(sparse) if !self.is_bulk_due => fill_from(sparse, inbox, most)?,
            Some(_) => false,
            None => true,
        };
        self.is_bulk_due = !self.is_bulk_due && !is_drained;
        Ok(fill_from(&queues.bulk, inbox, most)? && is_drained)
    }
}

/// True when nothing waits in this queue.
fn fill_from(queue: &Queue, inbox: &mut Inbox, most: usize) -> io::Result<bool> {
    while inbox.len() < most {
        match inbox.receive(queue)? {
            Taken::Frame => {}
            Taken::Nothing => return Ok(true),
            Taken::Full => return Ok(false),
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::inbox::Room;
    use crate::outbox::Outbox;
    use crate::queue::Offloads;

    const MOST: usize = 32;
    const SPARSE: u8 = 1;
    const BULK: u8 = 2;

    #[test]
    #[cfg_attr(miri, ignore = "Miri knows no socket pair that keeps packets apart")]
    fn sparse_flows_are_read_first() {
        let ends = Ends::with(3, 3);

        assert_eq!(ends.batches(2), [[[SPARSE; 3], [BULK; 3]].concat(), vec![]]);
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri knows no socket pair that keeps packets apart")]
    fn neither_queue_keeps_the_other_waiting_for_ever() {
        let ends = Ends::with(2 * MOST + 1, MOST + 1);

        assert_eq!(
            ends.batches(4),
            [
                vec![SPARSE; MOST],
                vec![BULK; MOST],
                vec![SPARSE; MOST],
                vec![BULK],
            ]
        );
    }

    /// What the kernel would be is the other end of each.
    struct Ends {
        queues: Queues,
        _kernel: [Queue; 2],
    }

    impl Ends {
        fn with(sparse: usize, bulk: usize) -> Ends {
            let pair = || Queue::pair(Offloads::default()).unwrap();
            let ((near_sparse, far_sparse), (near_bulk, far_bulk)) = (pair(), pair());
            write(&far_sparse, SPARSE, sparse);
            write(&far_bulk, BULK, bulk);
            Ends {
                queues: Queues::new(near_bulk, Some(near_sparse)),
                _kernel: [far_sparse, far_bulk],
            }
        }

        /// The first byte of each packet of so many batches.
        fn batches(&self, count: usize) -> Vec<Vec<u8>> {
            let (before, behind) = (0, 0);
            let mut inbox = Inbox::new(Room { before, behind });
            let mut turns = Turns::default();
            let batch = || {
                inbox.clear();
                turns.fill(&mut inbox, &self.queues, MOST).unwrap();
                inbox.packets().map(|packet| packet.bytes()[0]).collect()
            };
            std::iter::repeat_with(batch).take(count).collect()
        }
    }

    fn write(queue: &Queue, first_byte: u8, count: usize) {
        for _ in 0..count {
            let mut packet = [first_byte; 40];
            let mut outbox = Outbox::new();
            let mut batch = outbox.batch(queue);
            batch.push(&mut packet);
            assert_eq!(batch.write().written, 1);
        }
    }
}
