//! Each decision by itself, in virtual time; `lossy_network` has whole transfers.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::batch::PeerTag;
use crate::checksum::{internet_checksum, pseudo_header};
use crate::compose::{ACK, Way, seal_transport, set_u16, write_ip_header};
use crate::inner::TCP;

const ROUND_TRIP: Duration = Duration::from_millis(20);
const LEN: u32 = 1000;

#[test]
fn a_hole_with_three_segments_behind_it_is_sent_again_and_smoltcp_hears_of_one_loss() {
    let mut talk = Talk::with_segments(10);

    assert_eq!(talk.acknowledge(1, &[(2, 3)]), Showing::NOT);
    assert_eq!(talk.acknowledge(1, &[(2, 4)]), Showing::NOT);
    assert_eq!(talk.sent_again(), []);
    assert_eq!(talk.acknowledge(1, &[(2, 5)]), Showing::AS_LOSS);
    assert_eq!(talk.sent_again(), [1]);

    // Duplicates that let more out, then one that goes further: the rest of the window is no second loss.
    assert_eq!(talk.acknowledge(1, &[(2, 6)]), Showing::PLAIN);
    assert_eq!(talk.acknowledge(6, &[(7, 8)]), Showing::PLAIN);
    assert_eq!(talk.acknowledge(6, &[(7, 9)]), Showing::NOT);
    assert_eq!(talk.sent_again(), [6]);
    assert_eq!(talk.acknowledge(11, &[]).again, 0);
    assert_eq!(talk.repair.poll_timeout(), None);
}

#[test]
fn a_segment_that_is_only_late_is_not_sent_again_on_a_path_that_reorders() {
    let mut talk = Talk::with_segments(10);
    talk.acknowledge(1, &[(2, 3)]);
    talk.acknowledge(3, &[]);

    talk.acknowledge(3, &[(4, 8)]);
    assert_eq!(talk.sent_again(), []);
    talk.acknowledge(8, &[]);
    assert_eq!(talk.sent_again(), []);

    // A quarter of the round trip is what it is given.
    talk.acknowledge(8, &[(9, 10)]);
    talk.wait(ROUND_TRIP / 4);
    assert_eq!(talk.sent_again(), [8]);
}

#[test]
fn the_last_segment_is_sent_again_twice_when_nothing_arrives() {
    let mut talk = Talk::with_segments(3);
    talk.acknowledge(2, &[]);

    talk.wait(2 * ROUND_TRIP + SHORTEST_PROBE - Duration::from_millis(1));
    assert_eq!(talk.sent_again(), []);
    talk.wait(Duration::from_millis(1));
    assert_eq!(talk.sent_again(), [3]);
    talk.wait(4 * ROUND_TRIP + SHORTEST_PROBE);
    assert_eq!(talk.sent_again(), [3]);

    assert_eq!(talk.repair.poll_timeout(), None);
    talk.wait(Duration::from_secs(60));
    assert_eq!(talk.sent_again(), []);
}

#[test]
fn what_answers_a_probe_shows_the_hole_before_it() {
    let mut talk = Talk::with_segments(4);
    talk.acknowledge(2, &[]);
    talk.wait(2 * ROUND_TRIP + SHORTEST_PROBE);
    assert_eq!(talk.sent_again(), [4]);

    talk.wait(ROUND_TRIP);
    let showing = talk.acknowledge(2, &[(4, 5)]);
    talk.wait(ROUND_TRIP / 4);

    assert_eq!(showing, Showing::AS_LOSS);
    assert_eq!(talk.sent_again(), [2, 3]);
}

#[test]
fn a_repair_that_is_lost_as_well_is_repaired_again() {
    let mut talk = Talk::with_segments(10);
    talk.acknowledge(1, &[(2, 5)]);
    assert_eq!(talk.sent_again(), [1]);
    talk.wait(Duration::from_millis(1));
    talk.send(11);

    talk.wait(ROUND_TRIP);
    talk.acknowledge(1, &[(2, 12)]);

    assert_eq!(talk.sent_again(), [1]);
}

#[test]
fn a_device_without_selective_acknowledgements_is_left_to_smoltcp() {
    let mut talk = Talk::with_segments(10);

    for _ in 0..5 {
        assert_eq!(talk.acknowledge(1, &[]), Showing::PLAIN);
    }

    assert_eq!(talk.sent_again(), []);
}

#[test]
fn acknowledgements_of_what_was_never_sent_and_resets_change_nothing() {
    let mut talk = Talk::with_segments(3);

    assert_eq!(talk.acknowledge(40, &[(50, 60)]), Showing::PLAIN);
    assert_eq!(talk.acknowledge(1, &[(50, 60), (3, 2)]), Showing::NOT);
    let reset = segment(4, 0, 4, &[], 0);
    talk.repair.note_sent(talk.now, &reset);

    assert_eq!(
        (talk.sent_again(), talk.repair.poll_timeout()),
        (vec![], None)
    );
}

#[test]
fn an_acknowledgement_of_two_counts_as_two_where_the_way_is_long() {
    let mut talk = Talk::with_segments(5);

    let of_one = talk.acknowledge(2, &[]);
    let of_two = talk.acknowledge(4, &[]);

    assert_eq!(of_one, Showing::PLAIN);
    assert_eq!(of_two.half, Some(place(3)));
}

proptest! {
    #[test]
    fn a_renewed_copy_has_a_right_checksum(
        acknowledgement in any::<u32>(),
        window in any::<u16>(),
        sequence in any::<u32>(),
        data in 0_usize..1400,
    ) {
        let mut packet = segment(sequence, 7, ACK, &[], data);

        renew(&mut packet, Latest { acknowledgement, window });

        let read = Segment::of(&packet).unwrap();
        prop_assert_eq!((read.acknowledgement, read.window), (acknowledgement, window));
        let start = pseudo_header("10.9.0.10".parse().unwrap(), "100.96.0.7".parse().unwrap(), TCP, packet.len() - 20);
        prop_assert_eq!(internet_checksum(&packet[20..], start), 0);
    }

    /// Whatever a device acknowledges, in whatever order, the counts hold and nothing ends.
    #[test]
    fn no_acknowledgement_upsets_it(
        acks in prop::collection::vec((0_u32..30, 0_u32..30, 0_u32..30, 0_u64..30), 0..60),
    ) {
        let mut talk = Talk::with_segments(12);
        for (at, from, to, wait) in acks {
            talk.acknowledge(at, &[(from, to)]);
            talk.wait(Duration::from_millis(wait));
            for number in talk.sent_again() {
                prop_assert!((1..=12).contains(&number));
            }
        }
    }
}

impl Showing {
    const NOT: Self = Self {
        as_it_is: false,
        again: 0,
        half: None,
    };
    const AS_LOSS: Self = Self {
        as_it_is: true,
        again: 3,
        half: None,
    };
}

/// Segments are numbered from 1; each has [`LEN`] bytes, and the numbers wrap on the way.
struct Talk {
    repair: LossRepair,
    now: Instant,
}

const FIRST: u32 = u32::MAX - 2 * LEN;

impl Talk {
    /// All sent at once, and a round trip ago, in which one more was acknowledged.
    fn with_segments(count: u32) -> Self {
        let mut talk = Self {
            repair: LossRepair::default(),
            now: Instant::now(),
        };
        talk.send(0);
        talk.now += ROUND_TRIP;
        talk.acknowledge(1, &[]);
        for number in 1..=count {
            talk.send(number);
        }
        talk.now += ROUND_TRIP;
        talk
    }

    fn send(&mut self, number: u32) {
        let packet = segment(place(number), 0, ACK, &[], LEN as usize);
        self.repair.note_sent(self.now, &packet);
    }

    fn acknowledge(&mut self, next: u32, arrived: &[(u32, u32)]) -> Showing {
        let packet = segment(0, place(next), ACK, arrived, 0);
        self.repair.note_received(self.now, &packet)
    }

    fn wait(&mut self, time: Duration) {
        self.now += time;
        self.repair.handle_timeout(self.now);
    }

    fn sent_again(&mut self) -> Vec<u32> {
        let mut numbers = Vec::new();
        while let Some(packet) = self.repair.poll_transmit(self.now) {
            let sequence = Segment::of(packet).unwrap().sequence;
            numbers.push(sequence.wrapping_sub(FIRST) / LEN);
        }
        numbers
    }
}

fn place(number: u32) -> u32 {
    FIRST.wrapping_add(number * LEN)
}

fn segment(
    sequence: u32,
    acknowledgement: u32,
    flags: u8,
    arrived: &[(u32, u32)],
    data: usize,
) -> Vec<u8> {
    let options = if arrived.is_empty() {
        0
    } else {
        4 + 8 * arrived.len()
    };
    let mut packet = vec![0; 40 + options + data];
    let way = Way {
        peer: PeerTag(0),
        source: "10.9.0.10".parse().unwrap(),
        destination: "100.96.0.7".parse().unwrap(),
        mtu: 1420,
        ecn: 0,
    };
    write_ip_header(&mut packet, &way, TCP, 64, 0, 0);
    packet[24..28].copy_from_slice(&sequence.to_be_bytes());
    packet[28..32].copy_from_slice(&acknowledgement.to_be_bytes());
    packet[32] = ((20 + options) as u8 / 4) << 4;
    packet[33] = flags;
    set_u16(&mut packet, 34, 500);
    if options > 0 {
        packet[40..44].copy_from_slice(&[1, 1, 5, options as u8 - 2]);
        for (block, (from, to)) in packet[44..].chunks_exact_mut(8).zip(arrived) {
            block[..4].copy_from_slice(&place(*from).to_be_bytes());
            block[4..].copy_from_slice(&place(*to).to_be_bytes());
        }
    }
    seal_transport(&way, TCP, &mut packet[20..], 16);
    packet
}
