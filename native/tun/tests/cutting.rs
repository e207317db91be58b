//! Frames of many segments become packets: real headers, and every checksum that comes out is right by an independent sum.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // test builders, outside #[test] functions

mod channel;
mod headers;

use channel::{ALL, ROOM, cut, send_raw};
use culvert_tun::{Inbox, Queue, Taken};
use headers::{ACK, CWR, ECE, Frame, Ip, PSH, Stream, assert_sound, segment};

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
