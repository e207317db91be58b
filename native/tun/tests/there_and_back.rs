//! What is cut and glued again, or glued and cut, is what it was.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // test builders, outside #[test] functions

mod channel;
mod headers;

use channel::{ALL, ROOM, cut, glue, send_raw};
use culvert_tun::{Inbox, Queue, Taken};
use headers::{ACK, FIN, Frame, Ip, PSH, Stream, assert_sound, segment};
use proptest::prelude::*;

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
