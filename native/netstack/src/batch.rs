//! Inner packets on their way back into the tunnel, one after the other in one buffer, each with the room around it that
//! sealing in place needs. The buffer grows to its high-water mark and stays: a batch allocates nothing after start.

/// Which gateway peer the flow came from, so that its replies go back the same way. The number is the caller's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PeerTag(pub u32);

/// Bytes free before each packet: the header of a WireGuard data message.
pub const HEADROOM: usize = 16;
/// Bytes free after each packet: padding to 16 and the tag.
pub const TAILROOM: usize = 32;

#[derive(Debug, Default)]
pub struct Batch {
    bytes: Vec<u8>,
    used: usize,
    placed: Vec<Placed>,
}

#[derive(Clone, Copy, Debug)]
struct Placed {
    peer: PeerTag,
    start: usize,
    len: usize,
}

/// One packet with its room: `buffer[HEADROOM..HEADROOM + len]` is the packet.
#[derive(Debug)]
pub struct Slot<'a> {
    pub peer: PeerTag,
    pub buffer: &'a mut [u8],
    pub len: usize,
}

impl Batch {
    pub fn len(&self) -> usize {
        self.placed.len()
    }

    pub fn is_empty(&self) -> bool {
        self.placed.is_empty()
    }

    pub fn clear(&mut self) {
        self.used = 0;
        self.placed.clear();
    }

    pub fn packets(&self) -> impl Iterator<Item = (PeerTag, &[u8])> {
        self.placed.iter().filter_map(|placed| {
            let start = placed.start + HEADROOM;
            Some((placed.peer, self.bytes.get(start..start + placed.len)?))
        })
    }

    /// Every packet with its room, to be sealed in place and kept until the batch is cleared.
    pub fn slots_mut(&mut self) -> impl Iterator<Item = Slot<'_>> {
        let mut rest = self.bytes.as_mut_slice();
        let mut at = 0;
        self.placed.iter().filter_map(move |placed| {
            let (_, from) = std::mem::take(&mut rest).split_at_mut_checked(placed.start - at)?;
            let (buffer, behind) = from.split_at_mut_checked(HEADROOM + placed.len + TAILROOM)?;
            at = placed.start + buffer.len();
            rest = behind;
            Some(Slot {
                peer: placed.peer,
                buffer,
                len: placed.len,
            })
        })
    }

    /// Adds a packet of exactly `len` bytes. `write` finds old bytes in it and must set all of them.
    pub(crate) fn push<R>(
        &mut self,
        peer: PeerTag,
        len: usize,
        write: impl FnOnce(&mut [u8]) -> R,
    ) -> R {
        let result = write(self.room(len));
        self.keep(peer, len);
        result
    }

    /// Room for a packet of at most `len` bytes; nothing is added before [`Batch::keep`].
    pub(crate) fn room(&mut self, len: usize) -> &mut [u8] {
        let end = self.used + HEADROOM + len + TAILROOM;
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        let start = self.used + HEADROOM;
        self.bytes.get_mut(start..start + len).unwrap_or_default()
    }

    /// Adds the packet that was written to the first `len` bytes of the last [`Batch::room`].
    pub(crate) fn keep(&mut self, peer: PeerTag, len: usize) {
        self.placed.push(Placed {
            peer,
            start: self.used,
            len,
        });
        // The next packet starts on a word of its own.
        self.used += (HEADROOM + len + TAILROOM).next_multiple_of(16);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_packet_has_room_for_sealing_around_it() {
        let mut batch = Batch::default();
        batch.push(PeerTag(1), 5, |packet| packet.fill(1));
        batch.push(PeerTag(2), 7, |packet| packet.fill(2));

        let shapes: Vec<(PeerTag, usize, usize)> = batch
            .slots_mut()
            .map(|slot| {
                slot.buffer[..HEADROOM].fill(9);
                slot.buffer[HEADROOM + slot.len..].fill(9);
                (slot.peer, slot.len, slot.buffer.len())
            })
            .collect();

        let room = HEADROOM + TAILROOM;
        assert_eq!(
            shapes,
            [(PeerTag(1), 5, 5 + room), (PeerTag(2), 7, 7 + room)]
        );
        let packets: Vec<(PeerTag, &[u8])> = batch.packets().collect();
        assert_eq!(
            packets,
            [(PeerTag(1), &[1u8; 5][..]), (PeerTag(2), &[2u8; 7][..])]
        );
    }

    #[test]
    fn a_cleared_batch_is_empty_and_keeps_its_memory() {
        let mut batch = Batch::default();
        batch.push(PeerTag(1), 1400, |packet| packet.fill(1));
        let held = batch.bytes.len();

        batch.clear();

        assert!(batch.is_empty() && batch.packets().next().is_none() && batch.bytes.len() == held);
    }
}
