use std::io;
use std::marker::PhantomData;
use std::slice;
use std::time::Instant;

use crate::glue::Glue;
use crate::queue::{Offloads, Queue};
use crate::queues::{Ask, Queues};

const MAX_ITEMS: usize = 256;
const MAX_PIECES: usize = 1024;
/// How far back a flow's super-packet is looked for: more flows than this in one batch gain little from glue.
const FLOWS_IN_SIGHT: usize = 32;
const NO_PIECE: usize = usize::MAX;

/// What became of the packets handed to a batch.
#[derive(Debug, Default)]
pub struct WriteReport {
    pub written: usize,
    pub dropped: usize,
    /// System calls made: how well the glue held.
    pub writes: usize,
    /// Of these, to the queue for sparse flows.
    pub sparse_writes: usize,
    pub last_error: Option<io::Error>,
}

impl WriteReport {
    /// What the kernel may have answered in the very calls: an echo, an acknowledgement. It waits where its flow was written.
    pub fn answers(&self) -> Ask {
        Ask {
            bulk: self.writes > self.sparse_writes,
            sparse: self.sparse_writes > 0,
            frames: self.writes,
        }
    }
}

/// A super-packet in the making: its first packet, and the chain of payloads behind it.
#[derive(Clone, Copy, Debug)]
struct Item {
    glue: Glue,
    first: *mut u8,
    first_bytes: usize,
    first_piece: usize,
    last_piece: usize,
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    vector: libc::iovec,
    next: usize,
}

/// Reusable room for writing. Each writing thread has its own.
#[derive(Debug)]
pub struct Outbox {
    items: Vec<Item>,
    pieces: Vec<Piece>,
    vectors: Vec<libc::iovec>,
}

// SAFETY: the pointers live only while a Batch borrows the outbox and the packets; between batches nothing reads them,
// so that the outbox may move to another thread.
unsafe impl Send for Outbox {}

impl Default for Outbox {
    fn default() -> Outbox {
        Outbox {
            items: Vec::with_capacity(MAX_ITEMS),
            pieces: Vec::with_capacity(MAX_PIECES),
            vectors: Vec::with_capacity(MAX_PIECES),
        }
    }
}

impl Outbox {
    pub fn new() -> Outbox {
        Outbox::default()
    }

    /// Begins a batch; it is written at [`Batch::write`], or before when it is full.
    pub fn batch<'a, 'b>(&'a mut self, queue: &'a Queue) -> Batch<'a, 'b> {
        self.begin(Way::Only(queue), queue.offloads())
    }

    /// Likewise, each flow's packets through the queue where what it sends shall wait.
    pub fn batch_by_flow<'a, 'b>(&'a mut self, queues: &'a Queues, now: Instant) -> Batch<'a, 'b> {
        self.begin(Way::ByFlow(queues, now), queues.bulk.offloads())
    }

    fn begin<'a, 'b>(&'a mut self, way: Way<'a>, offloads: Offloads) -> Batch<'a, 'b> {
        self.items.clear();
        self.pieces.clear();
        Batch {
            outbox: self,
            way,
            offloads,
            report: WriteReport::default(),
            packets: PhantomData,
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Way<'a> {
    Only(&'a Queue),
    ByFlow(&'a Queues, Instant),
}

impl<'a> Way<'a> {
    /// And whether it is the one for sparse flows.
    fn queue_of(self, packet: &[u8]) -> (&'a Queue, bool) {
        match self {
            Way::Only(queue) => (queue, false),
            Way::ByFlow(queues, now) => match queues.sparse_for(packet, now) {
                Some(sparse) => (sparse, true),
                None => (&queues.bulk, false),
            },
        }
    }
}

/// Packets on their way in. They are borrowed, and the first of each super-packet changed, until the batch is written.
#[derive(Debug)]
pub struct Batch<'a, 'b> {
    outbox: &'a mut Outbox,
    way: Way<'a>,
    offloads: Offloads,
    report: WriteReport,
    packets: PhantomData<&'b mut [u8]>,
}

impl<'b> Batch<'_, 'b> {
    /// A whole IP packet. The order within a flow is kept.
    pub fn push(&mut self, packet: &'b mut [u8]) {
        if packet.is_empty() {
            return;
        }
        let outbox = &*self.outbox;
        if outbox.items.len() == MAX_ITEMS || outbox.pieces.len() == MAX_PIECES {
            self.flush();
        }
        let glue = Glue::new(packet, self.offloads);
        if let Some((index, payload_at)) = self.find(&glue, packet) {
            return self.join(index, packet.get(payload_at..).unwrap_or_default());
        }
        let (first, first_bytes) = (packet.as_mut_ptr(), packet.len());
        let (first_piece, last_piece) = (NO_PIECE, NO_PIECE);
        self.outbox.items.push(Item {
            glue,
            first,
            first_bytes,
            first_piece,
            last_piece,
        });
    }

    /// Writes everything and tells what became of it, early writes included.
    pub fn write(mut self) -> WriteReport {
        self.flush();
        std::mem::take(&mut self.report)
    }

    /// The super-packet that has taken this packet in, and where the packet's payload starts.
    fn find(&mut self, glue: &Glue, packet: &[u8]) -> Option<(usize, usize)> {
        let mut in_sight = self
            .outbox
            .items
            .iter_mut()
            .enumerate()
            .rev()
            .take(FLOWS_IN_SIGHT);
        let (index, item) =
            in_sight.find(|(_, item)| item.glue.is_open && item.glue.tag == glue.tag)?;
        // SAFETY: first points to first_bytes bytes of a packet that this batch has borrowed exclusively.
        let first = unsafe { slice::from_raw_parts(item.first, item.first_bytes) };
        let payload_at = item.glue.join(first, glue, packet);
        // What comes later must not overtake a packet that stays alone by joining what came before it.
        item.glue.is_open &= payload_at.is_some();
        Some((index, payload_at?))
    }

    fn join(&mut self, index: usize, payload: &'b [u8]) {
        let at = self.outbox.pieces.len();
        let Some(item) = self.outbox.items.get_mut(index) else {
            return;
        };
        match self.outbox.pieces.get_mut(item.last_piece) {
            Some(last) => last.next = at,
            None => item.first_piece = at,
        }
        item.last_piece = at;
        self.outbox.pieces.push(Piece {
            vector: vector(payload),
            next: NO_PIECE,
        });
    }

    fn flush(&mut self) {
        let Outbox {
            items,
            pieces,
            vectors,
        } = &mut *self.outbox;
        for item in items.drain(..) {
            // SAFETY: first points to first_bytes bytes of a packet that this batch has borrowed exclusively, and the
            // payloads in the pieces belong to other packets.
            let first = unsafe { slice::from_raw_parts_mut(item.first, item.first_bytes) };
            let header = item.glue.finish(first).encode();
            let (queue, is_sparse) = self.way.queue_of(first);
            vectors.clear();
            vectors.push(vector(&header));
            vectors.push(vector(first));
            let mut at = item.first_piece;
            while let Some(piece) = pieces.get(at) {
                vectors.push(piece.vector);
                at = piece.next;
            }
            // SAFETY: the header lives on this stack frame, the packets until the batch ends.
            let outcome = unsafe { queue.write(vectors) };
            self.report.sparse_writes += usize::from(is_sparse);
            count(&mut self.report, usize::from(item.glue.segments), outcome);
        }
        pieces.clear();
    }
}

fn count(report: &mut WriteReport, packets: usize, outcome: io::Result<()>) {
    report.writes += 1;
    match outcome {
        Ok(()) => report.written += packets,
        Err(cause) => {
            report.dropped += packets;
            report.last_error = Some(cause);
        }
    }
}

fn vector(bytes: &[u8]) -> libc::iovec {
    libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    }
}
