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

    /// Stands in an array where there is none.
    fn none() -> Self {
        Self::new(&mut [], 0..0)
    }
}

impl Sealer<'_> {
    /// Seals each packet, sixteen together, and hands on what becomes a datagram, in order, with what came beside it.
    pub fn seal_each<'b, T: Default>(
        &mut self,
        mut packets: impl Iterator<Item = (Outgoing<'b>, T)>,
        mut send: impl FnMut(T, &'b [u8]),
    ) {
        loop {
            let mut beside: [T; TOGETHER] = array::from_fn(|_| T::default());
            let mut count = 0;
            let mut together: [Outgoing<'b>; TOGETHER] = array::from_fn(|place| {
                let next = packets.next();
                next.map_or_else(Outgoing::none, |(packet, its)| {
                    if let Some(place) = beside.get_mut(place) {
                        *place = its;
                    }
                    count += 1;
                    packet
                })
            });
            self.seal_batch(together.get_mut(..count).unwrap_or_default());
            for (outgoing, its) in together.into_iter().zip(beside).take(count) {
                let buffer: &'b [u8] = outgoing.buffer;
                if let Some(datagram) = outgoing.sealed.ok().and_then(|range| buffer.get(range)) {
                    send(its, datagram);
                }
            }
            if count < TOGETHER {
                return;
            }
        }
    }

    /// Seals each packet in place. Sixteen at once are as fast as more.
    pub fn seal_batch(&mut self, batch: &mut [Outgoing<'_>]) {
        for together in batch.chunks_mut(TOGETHER) {
            match together.len() {
                1 => self.seal_together::<1>(together),
                _ => self.seal_together::<TOGETHER>(together),
            }
            for outgoing in together {
                match &outgoing.sealed {
                    Ok(range) => self.sealed_bytes += range.len(),
                    Err(reason) => self.tunnel.count_drop(*reason),
                }
            }
        }
    }

    /// At most `MOST`.
    fn seal_together<const MOST: usize>(&self, together: &mut [Outgoing<'_>]) {
        let count = together.len().min(MOST);
        let mut counter = self.session.next_counters(count as u64);
        let mut waiting = together.iter_mut();
        let mut packets: [Packet<'_>; MOST] = array::from_fn(|_| {
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
