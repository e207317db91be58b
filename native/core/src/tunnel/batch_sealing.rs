//! Many packets to one peer at once: together they are encrypted faster than one by one.

use std::array;
use std::ops::Range;

use culvert_aead::{Packet, TOGETHER};

use crate::DropReason;
use crate::tunnel::Sealer;

/// An inner packet in its buffer, with [`crate::HEADROOM`] bytes before and [`crate::TAILROOM`] behind it.
#[derive(Debug)]
pub struct Outgoing<'b> {
    pub buffer: &'b mut [u8],
    pub inner: Range<usize>,
    /// After sealing: where the datagram lies in the buffer, or why there is none.
    pub sealed: Result<Range<usize>, DropReason>,
}

impl<'b> Outgoing<'b> {
    pub fn new(buffer: &'b mut [u8], inner: Range<usize>) -> Self {
        Self {
            buffer,
            inner,
            sealed: Err(DropReason::NoRoom),
        }
    }
}

impl Sealer<'_> {
    /// Seals each packet in place. Sixteen at once are as fast as more.
    pub fn seal_batch(&mut self, batch: &mut [Outgoing<'_>]) {
        for together in batch.chunks_mut(TOGETHER) {
            self.seal_together(together);
            for outgoing in together {
                match &outgoing.sealed {
                    Ok(range) => self.sealed_bytes += range.len(),
                    Err(reason) => self.tunnel.count_drop(*reason),
                }
            }
        }
    }

    fn seal_together(&self, together: &mut [Outgoing<'_>]) {
        let count = together.len().min(TOGETHER);
        let mut counter = self.session.next_counters(count as u64);
        let mut waiting = together.iter_mut();
        let mut packets: [Packet<'_>; TOGETHER] = array::from_fn(|_| {
            let packet = waiting.next().and_then(|outgoing| {
                let packet = self.packet(outgoing, counter);
                counter += 1;
                packet
            });
            packet.unwrap_or_else(Packet::empty)
        });
        self.session
            .seal_all(packets.get_mut(..count).unwrap_or_default());
        let are_sealed = packets.map(|packet| packet.is_done);
        for (outgoing, is_sealed) in together.iter_mut().zip(are_sealed) {
            if outgoing.sealed.is_ok() && !is_sealed {
                outgoing.sealed = Err(DropReason::NoRoom);
            }
        }
    }

    fn packet<'o>(&self, outgoing: &'o mut Outgoing<'_>, counter: u64) -> Option<Packet<'o>> {
        let Outgoing {
            buffer,
            inner,
            sealed,
        } = outgoing;
        let packet = self
            .prepared(buffer, inner.clone())
            .and_then(|(range, datagram)| {
                let packet = self.session.packet(datagram, counter)?;
                Ok((range, packet))
            });
        match packet {
            Ok((range, packet)) => {
                *sealed = Ok(range);
                Some(packet)
            }
            Err(reason) => {
                *sealed = Err(reason);
                None
            }
        }
    }
}
