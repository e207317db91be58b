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

    /// The one for sparse flows, if that is where this packet is to be written, so that what its flow sends next waits there.
    pub(crate) fn sparse_for(&self, packet: &[u8], now: Instant) -> Option<&Queue> {
        let sparse = self.sparse.as_ref();
        sparse.filter(|_| !self.flows.has(packet, now))
    }
}

/// What to read. To ask a queue that is empty costs a system call, so whoever knows more than nothing asks for that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ask {
    pub bulk: bool,
    pub sparse: bool,
    /// At most so many of each.
    pub frames: usize,
}

impl Ask {
    /// Whatever waits.
    pub const ALL: Ask = Ask {
        bulk: true,
        sparse: true,
        frames: usize::MAX,
    };

    pub fn is_for_nothing(&self) -> bool {
        !(self.bulk || self.sparse) || self.frames == 0
    }

    /// What either is for.
    #[must_use]
    pub fn and(self, other: Ask) -> Ask {
        if self.is_for_nothing() {
            return other;
        }
        if other.is_for_nothing() {
            return self;
        }
        Ask {
            bulk: self.bulk || other.bulk,
            sparse: self.sparse || other.sparse,
            frames: self.frames.saturating_add(other.frames),
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
    /// Reads until the inbox is full or has `most` packets. True when all that was asked for is there; false when more may be
    /// waiting, in either queue.
    pub fn fill(
        &mut self,
        inbox: &mut Inbox,
        queues: &Queues,
        ask: Ask,
        most: usize,
    ) -> io::Result<bool> {
        let sparse = queues.sparse.as_ref().filter(|_| ask.sparse);
        let is_done = match sparse {
            Some(sparse) if !self.is_bulk_due => fill_from(sparse, inbox, ask.frames, most)?,
            Some(_) => false,
            None => true,
        };
        self.is_bulk_due = !self.is_bulk_due && !is_done;
        if !ask.bulk {
            return Ok(is_done);
        }
        Ok(fill_from(&queues.bulk, inbox, ask.frames, most)? && is_done)
    }
}

/// True when so many frames were read, or nothing waits any more.
fn fill_from(queue: &Queue, inbox: &mut Inbox, frames: usize, most: usize) -> io::Result<bool> {
    let mut left = frames;
    while inbox.len() < most {
        if left == 0 {
            return Ok(true);
        }
        left -= 1;
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

    #[test]
    #[cfg_attr(miri, ignore = "Miri knows no socket pair that keeps packets apart")]
    fn what_was_not_asked_for_stays_where_it_is() {
        let ends = Ends::with(3, 3);
        let two_of_bulk = Ask {
            bulk: true,
            frames: 2,
            ..Ask::default()
        };
        let one_of_each = Ask {
            frames: 1,
            ..Ask::ALL
        };

        assert_eq!(ends.batch(two_of_bulk), (vec![BULK; 2], true));
        assert_eq!(ends.batch(one_of_each), (vec![SPARSE, BULK], true));
        assert_eq!(ends.batch(one_of_each), (vec![SPARSE], true));
        assert_eq!(ends.batch(Ask::ALL), (vec![SPARSE], true));
        assert_eq!(ends.batch(Ask::ALL), (vec![], true));
    }

    #[test]
    fn two_asks_become_one_and_what_names_no_queue_adds_nothing() {
        let one_of_bulk = Ask {
            bulk: true,
            frames: 1,
            ..Ask::default()
        };
        let two_of_sparse = Ask {
            sparse: true,
            frames: 2,
            ..Ask::default()
        };
        let three_of_both = Ask {
            frames: 3,
            ..Ask::ALL
        };
        let of_nothing = Ask {
            frames: usize::MAX,
            ..Ask::default()
        };

        assert_eq!(one_of_bulk.and(two_of_sparse), three_of_both);
        assert_eq!(one_of_bulk.and(of_nothing), one_of_bulk);
        assert_eq!(of_nothing.and(two_of_sparse), two_of_sparse);
        assert!(of_nothing.is_for_nothing() && !one_of_bulk.is_for_nothing());
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri knows no socket pair that keeps packets apart")]
    fn a_full_batch_does_not_say_that_it_was_all() {
        let ends = Ends::with(MOST, 1);
        let all_that_fits = Ask {
            frames: MOST,
            ..Ask::ALL
        };

        assert_eq!(ends.batch(all_that_fits), (vec![SPARSE; MOST], false));
    }

    #[test]
    #[cfg_attr(miri, ignore = "Miri knows no socket pair that keeps packets apart")]
    fn an_answer_is_asked_for_where_its_flow_was_written() {
        let (ends, now) = (Ends::with(0, 0), Instant::now());
        let mut packets = [[SPARSE; 40], [BULK; 40], [BULK; 40]];
        ends.queues.note_bulk(&packets[1], now);
        let mut outbox = Outbox::new();
        let mut answers_to = |packets: &mut [[u8; 40]]| {
            let mut batch = outbox.batch_by_flow(&ends.queues, now);
            packets.iter_mut().for_each(|packet| batch.push(packet));
            batch.write().answers()
        };

        let to_sparse = answers_to(&mut packets[..1]);
        let to_bulk = answers_to(&mut packets[1..]);
        let to_both = answers_to(&mut packets);

        let asked = |ask: Ask| (ask.sparse, ask.bulk, ask.frames);
        assert_eq!(asked(to_sparse), (true, false, 1));
        assert_eq!(asked(to_bulk), (false, true, 2));
        assert_eq!(asked(to_both), (true, true, 3));
        assert!(answers_to(&mut []).is_for_nothing());
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
            let mut turns = Turns::default();
            let batch = || self.batch_of(&mut turns, Ask::ALL).0;
            std::iter::repeat_with(batch).take(count).collect()
        }

        /// The same of one, and whether that was all.
        fn batch(&self, ask: Ask) -> (Vec<u8>, bool) {
            self.batch_of(&mut Turns::default(), ask)
        }

        fn batch_of(&self, turns: &mut Turns, ask: Ask) -> (Vec<u8>, bool) {
            let (before, behind) = (0, 0);
            let mut inbox = Inbox::new(Room { before, behind });
            let is_all = turns.fill(&mut inbox, &self.queues, ask, MOST).unwrap();
            let packets = inbox.packets().map(|packet| packet.bytes()[0]).collect();
            (packets, is_all)
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
