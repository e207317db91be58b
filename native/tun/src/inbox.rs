use std::io;

use crate::cut::{Cutter, finish_checksum};
use crate::queue::Queue;
use crate::virtio::{HEADER_BYTES, Header, RawHeader, Segmentation};

const LARGEST_FRAME: usize = 65_535;
/// A packet of up to this many bytes is read to where it stays. A longer frame is copied anyway, when it is cut.
const DIRECT_BYTES: usize = 2048;
/// A default super-packet takes 70 KB once it is cut, and a cut that does not fit goes on in the next round.
const SLAB_BYTES: usize = 192 << 10;

/// Bytes to keep free around each packet.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    pub before: usize,
    pub behind: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// One frame more was read; it may have been many packets.
    Frame,
    /// Nothing waits.
    Nothing,
    /// No room for another frame: use and [`Inbox::clear`] what is there.
    Full,
}

/// One packet and the room around it.
#[derive(Debug)]
pub struct Packet<'a> {
    /// Room before, packet, room behind.
    pub buffer: &'a mut [u8],
    pub start: usize,
    pub len: usize,
    /// Of a super-packet.
    pub is_part: bool,
}

impl Packet<'_> {
    pub fn bytes(&self) -> &[u8] {
        self.buffer
            .get(self.start..self.start + self.len)
            .unwrap_or_default()
    }
}

/// Reusable room for what a queue brings.
#[derive(Debug)]
pub struct Inbox {
    room: Room,
    slab: Vec<u8>,
    used: usize,
    packets: Vec<Place>,
    frame: Vec<u8>,
    /// A frame that is not wholly cut yet.
    pending: Option<Cutter>,
    malformed: u64,
}

/// Of the slab: the whole place, and how long the packet in it is.
#[derive(Clone, Copy, Debug)]
struct Place {
    at: usize,
    len: usize,
    is_part: bool,
}

impl Inbox {
    pub fn new(room: Room) -> Inbox {
        Inbox {
            room,
            slab: vec![0; SLAB_BYTES],
            used: 0,
            packets: Vec::with_capacity(256),
            frame: vec![0; LARGEST_FRAME],
            pending: None,
            malformed: 0,
        }
    }

    /// Forgets the packets, to make room for others.
    pub fn clear(&mut self) {
        self.packets.clear();
        self.used = 0;
    }

    pub fn len(&self) -> usize {
        self.packets.len()
    }

    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Whether packets of a frame that was read wait for the next [`Inbox::receive`].
    pub fn is_cutting(&self) -> bool {
        self.pending.is_some()
    }

    /// Frames so far that were not what their virtio header said.
    pub fn malformed(&self) -> u64 {
        self.malformed
    }

    /// Reads one frame, or goes on with cutting the last.
    pub fn receive(&mut self, queue: &Queue) -> io::Result<Taken> {
        if let Some(cutter) = self.pending.take() {
            self.cut(cutter);
            return Ok(if self.pending.is_some() {
                Taken::Full
            } else {
                Taken::Frame
            });
        }
        if self.packets.len() == self.packets.capacity() {
            return Ok(Taken::Full);
        }
        let at = self.used + self.room.before;
        let Some(direct) = self.slab.get_mut(at..at + DIRECT_BYTES + self.room.behind) else {
            return Ok(Taken::Full);
        };
        let direct = direct.get_mut(..DIRECT_BYTES).unwrap_or_default();
        let rest = self.frame.get_mut(DIRECT_BYTES..).unwrap_or_default();
        let mut raw: RawHeader = [0; HEADER_BYTES];
        let Some(bytes) = queue.read(&mut raw, direct, rest)? else {
            return Ok(Taken::Nothing);
        };
        if self
            .take(&raw, at, bytes.saturating_sub(HEADER_BYTES))
            .is_none()
        {
            self.malformed += 1;
        }
        Ok(if self.pending.is_some() {
            Taken::Full
        } else {
            Taken::Frame
        })
    }

    /// The packets, in the order in which the kernel gave them.
    pub fn packets(&mut self) -> impl Iterator<Item = Packet<'_>> {
        let room = self.room;
        let mut rest = self.slab.as_mut_slice();
        let mut at = 0;
        self.packets.iter().filter_map(move |place| {
            let skipped = place.at - at;
            let whole = skipped + room.before + place.len + room.behind;
            let (taken, behind) = std::mem::take(&mut rest).split_at_mut_checked(whole)?;
            rest = behind;
            at += whole;
            let buffer = taken.get_mut(skipped..)?;
            Some(Packet {
                buffer,
                start: room.before,
                len: place.len,
                is_part: place.is_part,
            })
        })
    }

    fn take(&mut self, raw: &RawHeader, at: usize, bytes: usize) -> Option<()> {
        let header = Header::decode(raw)?;
        if header.segmentation == Segmentation::None && bytes <= DIRECT_BYTES {
            let packet = self.slab.get_mut(at..at + bytes)?;
            if bytes == 0 {
                return None;
            }
            if header.needs_checksum {
                finish_checksum(&header, packet)?;
            }
            self.place(bytes, false);
            return Some(());
        }
        let start = self.slab.get(at..at + bytes.min(DIRECT_BYTES))?;
        self.frame.get_mut(..start.len())?.copy_from_slice(start);
        let frame = self.frame.get_mut(..bytes)?;
        if header.segmentation == Segmentation::None && header.needs_checksum {
            finish_checksum(&header, frame)?;
        }
        let cutter = Cutter::new(&header, frame)?;
        self.cut(cutter);
        Some(())
    }

    /// As far as there is room.
    fn cut(&mut self, mut cutter: Cutter) {
        while let Some(bytes) = cutter.next_bytes() {
            let at = self.used + self.room.before;
            let fits = at + bytes + self.room.behind <= self.slab.len();
            if !fits || self.packets.len() == self.packets.capacity() {
                self.pending = Some(cutter);
                return;
            }
            let packet = self.slab.get_mut(at..at + bytes).unwrap_or_default();
            if cutter.cut(&self.frame, packet).is_none() {
                self.malformed += 1;
                return;
            }
            self.place(bytes, true);
        }
    }

    fn place(&mut self, len: usize, is_part: bool) {
        let at = self.used;
        self.packets.push(Place { at, len, is_part });
        self.used += self.room.before + len + self.room.behind;
    }
}
