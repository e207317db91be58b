use culvert_netstack::{PeerTag, Sorted};

/// As much as a socket holds. One who does not keep up is not led further and further behind, and takes in no more at a
/// time than a few milliseconds' work.
const MOST_BYTES: usize = 1 << 20;
/// Of a packet, however short: what one costs the kernel in a socket.
const LEAST_BYTES: usize = 768;

/// Packets for another thread, in order.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    bytes: Vec<u8>,
    packets: Vec<Placed>,
    /// What counts towards [`MOST_BYTES`].
    charged: usize,
}

#[derive(Debug)]
struct Placed {
    peer: PeerTag,
    len: usize,
    came_in_pieces: bool,
}

impl Waiting {
    /// False: it is full.
    pub(super) fn push(&mut self, peer: PeerTag, sorted: &Sorted<'_>) -> bool {
        let charge = sorted.packet.len().max(LEAST_BYTES);
        if self.charged + charge > MOST_BYTES {
            return false;
        }
        self.charged += charge;
        self.bytes.extend_from_slice(&sorted.packet);
        self.packets.push(Placed {
            peer,
            len: sorted.packet.len(),
            came_in_pieces: sorted.came_in_pieces,
        });
        true
    }

    /// Each with where it came from.
    pub(super) fn packets(&self) -> impl Iterator<Item = (PeerTag, Sorted<'_>)> {
        let mut rest = self.bytes.as_slice();
        self.packets.iter().map(move |placed| {
            let (packet, behind) = rest.split_at_checked(placed.len).unwrap_or_default();
            rest = behind;
            let sorted = Sorted {
                packet: packet.into(),
                came_in_pieces: placed.came_in_pieces,
            };
            (placed.peer, sorted)
        })
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.packets.clear();
        self.charged = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_come_out_as_they_went_in_and_no_more_than_there_is_room_for() {
        let mut waiting = Waiting::default();
        assert!(waiting.push(PeerTag(1), &packet(3, false)));
        assert!(waiting.push(PeerTag(2), &packet(0, false)));
        assert!(waiting.push(PeerTag(1), &packet(60_000, true)));

        let all: Vec<(PeerTag, usize, bool)> = waiting
            .packets()
            .map(|(peer, sorted)| (peer, sorted.packet.len(), sorted.came_in_pieces))
            .collect();

        let (one, two) = (PeerTag(1), PeerTag(2));
        assert_eq!(all, [(one, 3, false), (two, 0, false), (one, 60_000, true)]);
        assert_eq!(room_left(&mut waiting, 60_000), MOST_BYTES / 60_000 - 1);
        waiting.clear();
        assert_eq!(waiting.packets().count(), 0);
        assert_eq!(room_left(&mut waiting, 60_000), MOST_BYTES / 60_000);
    }

    #[test]
    fn of_short_packets_there_are_no_more_than_a_socket_would_hold() {
        let mut waiting = Waiting::default();

        assert_eq!(room_left(&mut waiting, 1), MOST_BYTES / LEAST_BYTES);
    }

    /// How many of this length still find room.
    fn room_left(waiting: &mut Waiting, len: usize) -> usize {
        (0..10_000)
            .filter(|_| waiting.push(PeerTag(1), &packet(len, false)))
            .count()
    }

    fn packet(len: usize, came_in_pieces: bool) -> Sorted<'static> {
        Sorted {
            packet: vec![7; len].into(),
            came_in_pieces,
        }
    }
}
