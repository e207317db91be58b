//! Packets of one stream are written at once where the kernel can cut them again, and only there.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)] // test builders, outside #[test] functions

mod channel;
mod headers;

use channel::{cut, glue, glue_with};
use culvert_tun::Offloads;
use headers::{ACK, Ip, RST, Stream, URG, datagram, segment};

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
