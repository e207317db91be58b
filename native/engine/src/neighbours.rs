//! Datagrams of one sender that came one behind the other, in however many messages the kernel gave them: opened
//! together they cost less than one by one.

use std::array;
use std::net::SocketAddr;
use std::slice::ChunksMut;

use culvert_udp::{Ecn, Message, Source};

/// As many as the tunnel opens in one go, and as one GRO receive holds.
pub(crate) const MOST: usize = 64;

/// At most [`MOST`] datagrams, in the order of their arrival.
pub(crate) struct Neighbours<'b> {
    pub(crate) origin: Origin,
    datagrams: [&'b mut [u8]; MOST],
    count: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) from: SocketAddr,
    /// The local address that it was sent to.
    pub(crate) source: Option<Source>,
    pub(crate) ecn: Ecn,
}

impl<'b> Neighbours<'b> {
    /// All that a receive brought, in groups.
    pub(crate) fn among<I: Iterator<Item = Message<'b>>>(messages: I) -> Groups<'b, I> {
        Groups {
            messages,
            begun: None,
        }
    }

    pub(crate) fn datagrams(&mut self) -> &mut [&'b mut [u8]] {
        self.datagrams.get_mut(..self.count).unwrap_or_default()
    }

    fn none_yet(origin: Origin) -> Self {
        Self {
            origin,
            datagrams: array::from_fn(|_| Default::default()),
            count: 0,
        }
    }

    fn join(&mut self, datagrams: &mut ChunksMut<'b, u8>) {
        let room = self.datagrams.iter_mut().skip(self.count);
        // The room comes first: a datagram that is taken has to have a place.
        for (place, datagram) in room.zip(datagrams) {
            *place = datagram;
            self.count += 1;
        }
    }
}

pub(crate) struct Groups<'b, I> {
    messages: I,
    /// A message of which not all is in a group yet.
    begun: Option<(Origin, ChunksMut<'b, u8>)>,
}

impl<'b, I: Iterator<Item = Message<'b>>> Iterator for Groups<'b, I> {
    type Item = Neighbours<'b>;

    fn next(&mut self) -> Option<Neighbours<'b>> {
        let mut group: Option<Neighbours<'b>> = None;
        while let Some((origin, mut datagrams)) = self.begun.take().or_else(|| {
            let message = self.messages.next()?;
            Some(parts(message))
        }) {
            let group = group.get_or_insert_with(|| Neighbours::none_yet(origin));
            if group.origin == origin {
                group.join(&mut datagrams);
            }
            if datagrams.len() > 0 {
                self.begun = Some((origin, datagrams));
                break;
            }
        }
        group
    }
}

fn parts(message: Message<'_>) -> (Origin, ChunksMut<'_, u8>) {
    let origin = Origin {
        from: message.from,
        source: message.source,
        ecn: message.ecn,
    };
    let stride = message.segment_bytes.max(1);
    (origin, message.bytes.chunks_mut(stride))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_of_one_sender_come_together_and_everything_stays_in_order() {
        let mut rooms: Vec<Vec<u8>> = [(1, 3), (1, 1), (2, 1), (1, 70), (1, 61), (3, 0), (3, 2)]
            .iter()
            .flat_map(|(sender, count)| [vec![*sender], vec![7; *count]])
            .collect();
        let mut number = 0;
        for room in rooms.iter_mut().skip(1).step_by(2) {
            room.fill_with(|| {
                number += 1;
                number
            });
        }
        let messages = rooms.chunks_exact_mut(2).map(|pair| {
            let [sender, bytes] = pair else { panic!() };
            message(sender[0], bytes)
        });

        let groups: Vec<(u16, Vec<u8>)> = Neighbours::among(messages)
            .map(|mut group| {
                let sender = group.origin.from.port();
                let bytes = group.datagrams().iter().map(|datagram| datagram[0]);
                (sender, bytes.collect())
            })
            .collect();

        let expected = [
            (1, 1..=4),
            (2, 5..=5),
            (1, 6..=69),
            (1, 70..=133),
            (1, 134..=136),
            (3, 137..=138),
        ];
        assert_eq!(
            groups,
            expected.map(|(sender, numbers)| (sender, numbers.collect()))
        );
    }

    fn message(sender: u8, bytes: &mut [u8]) -> Message<'_> {
        Message {
            from: ([192, 0, 2, 1], u16::from(sender)).into(),
            source: None,
            ecn: Ecn::NotCapable,
            segment_bytes: 1,
            bytes,
        }
    }
}
