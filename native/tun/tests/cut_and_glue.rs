//! Real headers both ways, over the channel double: what is cut and glued again is what it was, and every checksum that
//! comes out is right by an independent sum.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // test builders, outside #[test] functions

mod headers;

use std::os::fd::{AsFd, AsRawFd};

use culvert_tun::{Inbox, Offloads, Outbox, Queue, Room, Taken};
use headers::{Frame, Ip, Stream, assert_sound, datagram, segment};
use proptest::prelude::*;

const ROOM: Room = Room {
    before: 16,
    behind: 32,
};
const ALL: Offloads = Offloads {
    tcp: true,
    udp: true,
};

#[test]
fn a_super_packet_becomes_packets_with_right_lengths_sequence_numbers_and_checksums() {
    for ip in [Ip::V4, Ip::V6] {
        let stream = Stream {
            ip,
            sequence: u32::MAX - 3000,
            flags: ACK | PSH,
            ..Stream::default()
        };

        let packets = cut(&stream.super_packet(1380, 10_000));

        assert_eq!(packets.len(), 8);
        let mut sequence = stream.sequence;
        for (number, packet) in packets.iter().enumerate() {
            assert_sound(packet);
            let parsed = Frame::parse(packet);
            assert_eq!(parsed.sequence, sequence);
            assert_eq!(parsed.flags, if number == 7 { ACK | PSH } else { ACK });
            sequence = sequence.wrapping_add(parsed.payload.len() as u32);
        }
        assert_eq!(Frame::parse(&packets[7]).payload.len(), 10_000 - 7 * 1380);
    }
}

#[test]
fn the_window_reduced_mark_stays_on_the_first_packet_alone() {
    let stream = Stream {
        flags: ACK | CWR | ECE,
        ..Stream::default()
    };

    let packets = cut(&stream.super_packet_with_ecn(1000, 3000));

    let flags: Vec<u8> = packets
        .iter()
        .map(|packet| Frame::parse(packet).flags)
        .collect();
    assert_eq!(flags, [ACK | CWR | ECE, ACK | ECE, ACK | ECE]);
}

#[test]
fn a_udp_super_packet_becomes_whole_datagrams() {
    for ip in [Ip::V4, Ip::V6] {
        let packets = cut(&headers::udp_super_packet(ip, 1200, 5000));

        assert_eq!(packets.len(), 5);
        packets.iter().for_each(|packet| assert_sound(packet));
        assert_eq!(Frame::parse(&packets[4]).payload.len(), 200);
    }
}

#[test]
fn a_checksum_that_the_kernel_left_open_is_finished() {
    for ip in [Ip::V4, Ip::V6] {
        let packets = cut(&Stream {
            ip,
            ..Stream::default()
        }
        .packet_without_checksum(777));

        assert_eq!(packets.len(), 1);
        assert_sound(&packets[0]);
    }
}

#[test]
fn a_frame_larger_than_the_room_that_is_left_goes_on_in_the_next_round() {
    let (kernel, ours) = Queue::pair(ALL).unwrap();
    let frame = Stream::default().super_packet(100, 60_000);
    send_raw(&kernel, &frame);
    let mut inbox = Inbox::new(ROOM);

    let (mut packets, mut rounds) = (Vec::new(), 0);
    loop {
        inbox.clear();
        while inbox.receive(&ours).unwrap() == Taken::Frame {}
        packets.extend(inbox.packets().map(|packet| packet.bytes().to_vec()));
        rounds += 1;
        if inbox.is_empty() {
            break;
        }
    }

    assert_eq!(packets.len(), 600);
    assert!(rounds > 2);
    packets.iter().for_each(|packet| assert_sound(packet));
}

#[test]
fn every_packet_has_the_room_around_it_that_was_asked_for() {
    let (kernel, ours) = Queue::pair(ALL).unwrap();
    send_raw(&kernel, &Stream::default().super_packet(1380, 4000));
    send_raw(&kernel, &headers::plain(&segment(&Stream::default(), 99)));
    let mut inbox = Inbox::new(ROOM);
    while inbox.receive(&ours).unwrap() == Taken::Frame {}

    for packet in inbox.packets() {
        assert_eq!(packet.start, ROOM.before);
        assert_eq!(packet.buffer.len(), ROOM.before + packet.len + ROOM.behind);
    }
    assert_eq!(inbox.len(), 4);
}

#[test]
fn frames_that_lie_about_their_headers_are_counted_and_dropped() {
    let sound = Stream::default().super_packet(1000, 3000);
    for (name, place, value) in [
        ("an unknown segmentation", 1, 3),
        ("a segment of no bytes", 4, 0),
        ("a checksum past the end", 6, 0xff),
        ("a transport header inside the network header", 6, 4),
        ("a super-packet without an open checksum", 0, 0),
    ] {
        let mut frame = sound.clone();
        frame[place] = value;
        if place == 4 {
            frame[5] = 0;
        }
        if value == 0xff {
            frame[7] = 0xff;
        }
        let (kernel, ours) = Queue::pair(ALL).unwrap();
        send_raw(&kernel, &frame);
        let mut inbox = Inbox::new(ROOM);

        inbox.receive(&ours).unwrap();

        assert_eq!((inbox.len(), inbox.malformed()), (0, 1), "{name}");
    }
}

#[test]
fn neighbours_of_one_stream_are_written_at_once() {
    for ip in [Ip::V4, Ip::V6] {
        let stream = Stream {
            ip,
            ..Stream::default()
        };
        let packets = cut(&stream.super_packet(1380, 1380 * 40));

        let (frames, writes) = glue(&packets);

        assert_eq!(writes, 1);
        assert_eq!(frames, [stream.super_packet(1380, 1380 * 40)]);
    }
}

#[test]
fn streams_that_alternate_are_glued_each_for_itself() {
    let one = Stream {
        source_port: 1000,
        ..Stream::default()
    };
    let other = Stream {
        source_port: 2000,
        ..Stream::default()
    };
    let mixed: Vec<Vec<u8>> = cut(&one.super_packet(1000, 5000))
        .into_iter()
        .zip(cut(&other.super_packet(1000, 5000)))
        .flat_map(|(one, other)| [one, other])
        .collect();

    let (frames, _) = glue(&mixed);

    assert_eq!(
        frames,
        [one.super_packet(1000, 5000), other.super_packet(1000, 5000)]
    );
}

#[test]
fn packets_that_must_not_be_glued_are_written_as_they_are() {
    let stream = Stream::default();
    let follower = Stream {
        sequence: 1000,
        id: 1,
        ..stream.clone()
    };
    let first = || segment(&stream, 1000);
    let mut bad_sum = segment(&follower, 1000);
    *bad_sum.last_mut().unwrap() ^= 1;
    for (name, second) in [
        (
            "a gap in the sequence",
            segment(
                &Stream {
                    sequence: 1001,
                    ..follower.clone()
                },
                1000,
            ),
        ),
        ("a longer packet", segment(&follower, 1001)),
        (
            "another acknowledgement",
            segment(
                &Stream {
                    acknowledged: 9,
                    ..follower.clone()
                },
                1000,
            ),
        ),
        (
            "another window",
            segment(
                &Stream {
                    window: 9,
                    ..follower.clone()
                },
                1000,
            ),
        ),
        (
            "another congestion mark",
            segment(
                &Stream {
                    traffic_class: 3,
                    ..follower.clone()
                },
                1000,
            ),
        ),
        (
            "another time to live",
            segment(
                &Stream {
                    hops: 9,
                    ..follower.clone()
                },
                1000,
            ),
        ),
        (
            "other options",
            segment(
                &Stream {
                    timestamp: 9,
                    ..follower.clone()
                },
                1000,
            ),
        ),
        (
            "a reset",
            segment(
                &Stream {
                    flags: ACK | RST,
                    ..follower.clone()
                },
                1000,
            ),
        ),
        ("no data", segment(&follower, 0)),
        ("a wrong checksum", bad_sum),
        ("another protocol", datagram(Ip::V4, 1000)),
        (
            "another identification",
            segment(
                &Stream {
                    id: 77,
                    fragments: true,
                    ..follower.clone()
                },
                1000,
            ),
        ),
    ] {
        let packets = [first(), second];

        let (frames, writes) = glue(&packets);

        assert_eq!(writes, 2, "{name}");
        assert_eq!(
            frames,
            packets.map(|packet| headers::plain(&packet)),
            "{name}"
        );
    }
}

#[test]
fn a_packet_that_stays_alone_is_not_overtaken() {
    let at = |sequence, flags| Stream {
        sequence,
        id: (sequence / 1000) as u16,
        flags,
        ..Stream::default()
    };
    let packets = [
        segment(&at(0, ACK), 1000),
        segment(&at(1000, ACK | URG), 1000),
        segment(&at(1000, ACK), 1000),
    ];

    let (frames, _) = glue(&packets);

    assert_eq!(frames, packets.map(|packet| headers::plain(&packet)));
}

#[test]
fn a_kernel_without_offloads_gets_every_packet_by_itself() {
    let packets = cut(&Stream::default().super_packet(1000, 3000));

    let (frames, writes) = glue_with(&packets, Offloads::default());

    assert_eq!(writes, 3);
    assert_eq!(frames.len(), 3);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn what_is_cut_and_glued_again_is_what_it_was(
        is_v6: bool,
        segment_bytes in 48usize..9000,
        segments in 2usize..40,
        last in 1usize..9000,
        sequence: u32,
        id: u16,
        ends: bool,
    ) {
        let last = last.min(segment_bytes);
        let payload = (segment_bytes * (segments - 1) + last).min(65_000);
        prop_assume!(payload > segment_bytes);
        let ip = if is_v6 { Ip::V6 } else { Ip::V4 };
        let flags = if ends { ACK | PSH } else { ACK };
        let stream = Stream { ip, sequence, id, flags, ..Stream::default() };
        let frame = stream.super_packet(segment_bytes, payload);

        let packets = cut(&frame);
        let (frames, writes) = glue(&packets);

        packets.iter().for_each(|packet| assert_sound(packet));
        prop_assert_eq!(writes, 1);
        prop_assert!(frames == [frame], "it changed on the way");
    }

    #[test]
    fn what_is_glued_and_cut_again_is_what_it_was(
        choices in prop::collection::vec((0u8..4, 0u8..6, 1usize..1400), 1..60)
    ) {
        let packets = traffic(&choices);

        let (frames, _) = glue(&packets);
        let again: Vec<Vec<u8>> = frames.iter().flat_map(|frame| cut(frame)).collect();

        for flow in 0..4 {
            let of_flow = |packets: &[Vec<u8>]| -> Vec<Vec<u8>> {
                packets.iter().filter(|packet| Frame::parse(packet).source_port == 1000 + flow).cloned().collect()
            };
            prop_assert!(of_flow(&again) == of_flow(&packets), "flow {} changed", flow);
        }
        prop_assert_eq!(again.len(), packets.len());
    }

    #[test]
    fn no_bytes_whatever_they_are_bring_the_door_down(
        frames in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 1..20)
    ) {
        let (kernel, ours) = Queue::pair(ALL).unwrap();
        let mut inbox = Inbox::new(ROOM);
        for frame in &frames {
            if !frame.is_empty() {
                send_raw(&kernel, frame);
            }
            inbox.clear();
            while inbox.receive(&ours).unwrap() == Taken::Frame {}
        }

        let (written, _) = glue(&frames);

        prop_assert_eq!(written.len(), frames.iter().filter(|frame| !frame.is_empty()).count());
    }
}

const FIN: u8 = 1;
const RST: u8 = 4;
const PSH: u8 = 8;
const ACK: u8 = 16;
const URG: u8 = 32;
const ECE: u8 = 64;
const CWR: u8 = 128;

/// Streams that go on, stumble, end and mix, as each choice says: flow, what happens, how many bytes.
fn traffic(choices: &[(u8, u8, usize)]) -> Vec<Vec<u8>> {
    let mut streams: Vec<Stream> = (0..4u16)
        .map(|flow| Stream {
            ip: if flow % 2 == 0 { Ip::V4 } else { Ip::V6 },
            source_port: 1000 + flow,
            ..Stream::default()
        })
        .collect();
    choices
        .iter()
        .map(|(flow, what, bytes)| {
            let stream = &mut streams[usize::from(*flow)];
            stream.flags = match what {
                0 => ACK | PSH,
                1 => ACK | FIN,
                _ => ACK,
            };
            if *what == 2 {
                stream.sequence = stream.sequence.wrapping_add(7);
            }
            // Mostly one size, so that there is something to glue.
            let bytes = if *what >= 4 { 1000 } else { *bytes };
            let packet = segment(stream, bytes);
            stream.sequence = stream.sequence.wrapping_add(bytes as u32);
            stream.id = stream.id.wrapping_add(1);
            packet
        })
        .collect()
}

fn cut(frame: &[u8]) -> Vec<Vec<u8>> {
    let (kernel, ours) = Queue::pair(ALL).unwrap();
    send_raw(&kernel, frame);
    let mut inbox = Inbox::new(ROOM);
    let mut packets = Vec::new();
    loop {
        inbox.clear();
        while inbox.receive(&ours).unwrap() == Taken::Frame {}
        packets.extend(inbox.packets().map(|packet| packet.bytes().to_vec()));
        if inbox.is_empty() {
            assert_eq!(inbox.malformed(), 0);
            return packets;
        }
    }
}

fn glue(packets: &[Vec<u8>]) -> (Vec<Vec<u8>>, usize) {
    glue_with(packets, ALL)
}

fn glue_with(packets: &[Vec<u8>], offloads: Offloads) -> (Vec<Vec<u8>>, usize) {
    let (kernel, ours) = Queue::pair(offloads).unwrap();
    let mut packets = packets.to_vec();
    let mut outbox = Outbox::new();
    let mut batch = outbox.batch(&ours);
    packets.iter_mut().for_each(|packet| batch.push(packet));
    let report = batch.write();
    assert!(report.last_error.is_none(), "{report:?}");
    let mut frames = Vec::new();
    while let Some(frame) = receive_raw(&kernel) {
        frames.push(frame);
    }
    (frames, report.writes)
}

fn send_raw(queue: &Queue, frame: &[u8]) {
    // SAFETY: frame is readable for its length.
    let sent = unsafe {
        libc::write(
            queue.as_fd().as_raw_fd(),
            frame.as_ptr().cast(),
            frame.len(),
        )
    };
    assert_eq!(sent, frame.len() as isize);
}

fn receive_raw(queue: &Queue) -> Option<Vec<u8>> {
    let mut frame = vec![0; 70_000];
    // SAFETY: frame is writable for its length.
    let read = unsafe {
        libc::read(
            queue.as_fd().as_raw_fd(),
            frame.as_mut_ptr().cast(),
            frame.len(),
        )
    };
    frame.truncate(usize::try_from(read).ok()?);
    Some(frame)
}
