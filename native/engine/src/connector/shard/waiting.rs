use culvert_netstack::{PeerTag, Sorted};

/// As much as a socket may hold: a thread that has no processor for a while loses nothing, and one that does not keep up
/// is not led further and further behind.
const MOST_BYTES: usize = 4 << 20;

/// Packets for another thread, in order.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    bytes: Vec<u8>,
    packets: Vec<Placed>,
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
        if self.bytes.len() + sorted.packet.len() > MOST_BYTES {
            return false;
        }
        self.bytes.extend_from_slice(&sorted.packet);
        self.packets.push(Placed {
            peer,
            len: sorted.packet.len(),
            came_in_pieces: sorted.came_in_pieces,
        });
        true
    }

    pub(super) fn is_empty(&self) -> bool {
        self.packets.is_empty()
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
        let taken = (0..1000)
            .filter(|_| waiting.push(one, &packet(60_000, false)))
            .count();
        assert_eq!(taken, MOST_BYTES / 60_000 - 1);
        waiting.clear();
        assert!(waiting.is_empty() && waiting.push(one, &packet(60_000, false)));
    }

    fn packet(len: usize, came_in_pieces: bool) -> Sorted<'static> {
        Sorted {
            packet: vec![7; len].into(),
            came_in_pieces,
        }
    }
}
