//! Frames as a TUN gives them, virtio header and packet, sound or lying; and packets on their way in, which the outbox
//! glues: cut again they must be what they were.

use std::os::fd::{AsFd, AsRawFd};

use culvert_tun::{Inbox, Offloads, Outbox, Queue, Room, Taken};

use crate::decoder::Decoder;
use crate::packets;

const ROOM: Room = Room {
    before: 16,
    behind: 32,
};
const LARGEST_FRAME: usize = 65_535;

pub(crate) fn run(data: &[u8]) {
    let mut decoder = Decoder::new(data);
    match decoder.choice(3) {
        0 => cut_a_lie(&mut decoder),
        1 => cut_a_stream(&mut decoder),
        _ => glue_and_cut(&mut decoder),
    }
}

/// Any header before any bytes: no packet longer than what came, and the next frame is read as ever.
fn cut_a_lie(decoder: &mut Decoder) {
    let mut frame = decoder.bytes(10).to_vec();
    frame.resize(10, 0);
    let mut packet = packets::any(decoder);
    let stretch = usize::from(decoder.number());
    if stretch > packet.len() && decoder.flag() {
        packet.resize(stretch.min(LARGEST_FRAME), 0x5a);
    }
    frame.extend(&packet);
    let probe = packets::udp(&mut Decoder::new(&[]), 100);

    let got = read_all(&[frame.clone(), plain(&probe)]);

    let last = got.last().expect("the frame behind a bad one is lost");
    assert_eq!(*last, probe);
    assert!(
        got.iter()
            .all(|packet| packet.len() < frame.len().max(plain(&probe).len()))
    );
    let bytes: usize = got.iter().map(Vec::len).sum();
    assert!(bytes <= frame.len() * frame.len() + probe.len());
}

/// A sound super-packet: its segments lie end to end, and each is right by an independent sum.
fn cut_a_stream(decoder: &mut Decoder) {
    let segment = 1 + usize::from(decoder.number()) % 9000;
    let payload = 1 + usize::from(decoder.number()) % 60_000;
    // Each segment costs its headers; a thousand of them show all there is.
    let payload = payload.min(segment * 1000);
    let whole = packets::tcp_with_data(decoder, payload);
    let at = packets::transport_at(&whole);
    let headers = whole.len() - payload;
    let mut frame = super_header(&whole, headers, segment, at);
    let mut open = whole.clone();
    packets::leave_checksum_open(&mut open);
    frame.extend(&open);

    let got = read_all(&[frame]);

    assert_eq!(got.len(), payload.div_ceil(segment));
    let mut stream: Vec<u8> = Vec::new();
    for packet in &got {
        packets::assert_sound(packet);
        stream.extend(&packet[headers..]);
    }
    assert_eq!(stream, whole[headers..]);
}

/// What is written as super-packets and cut again is what it was, flow by flow.
fn glue_and_cut(decoder: &mut Decoder) {
    let count = decoder.choice(40);
    let mut given: Vec<Vec<u8>> = Vec::new();
    for _ in 0..count {
        let next = match (decoder.choice(4), given.last()) {
            (0, _) | (_, None) => packets::any(decoder),
            (1, Some(last)) => packets::edited(last, decoder),
            (_, Some(last)) => packets::following(last, decoder),
        };
        given.push(next);
    }
    given.retain(|packet| !packet.is_empty());
    let (kernel, ours) = Queue::pair(Offloads {
        tcp: true,
        udp: true,
    })
    .unwrap();
    let mut sent = given.clone();
    let mut outbox = Outbox::new();
    let mut batch = outbox.batch(&ours);
    sent.iter_mut().for_each(|packet| batch.push(packet));
    let report = batch.write();
    assert_eq!((report.written, report.dropped), (given.len(), 0));

    let got = read_queue(&kernel);

    let mut left: Vec<_> = got
        .iter()
        .map(|packet| packets::without_ident(packet))
        .collect();
    for packet in &given {
        let packet = packets::without_ident(packet);
        let place = left.iter().position(|other| *other == packet);
        left.remove(place.expect("a packet was changed on its way"));
    }
    assert!(left.is_empty(), "packets were made up");
    assert_eq!(
        flows(&got),
        flows(&given),
        "the order within a flow changed"
    );
}

/// By addresses and ports: what came, in order.
fn flows(packets: &[Vec<u8>]) -> std::collections::BTreeMap<Vec<u8>, Vec<Vec<u8>>> {
    let mut flows = std::collections::BTreeMap::<_, Vec<_>>::new();
    for packet in packets {
        if let Some(flow) = packets::flow(packet) {
            flows
                .entry(flow)
                .or_default()
                .push(packets::without_ident(packet));
        }
    }
    flows
}

fn super_header(packet: &[u8], headers: usize, segment: usize, transport_at: usize) -> Vec<u8> {
    let kind = if packet[0] >> 4 == 4 { 1 } else { 4 };
    let fields = [headers, segment, transport_at, 16];
    let fields = fields.map(|field| u16::try_from(field).unwrap().to_ne_bytes());
    [&[1, kind], fields.concat().as_slice()].concat()
}

fn plain(packet: &[u8]) -> Vec<u8> {
    [&[0; 10], packet].concat()
}

fn read_all(frames: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let (kernel, ours) = Queue::pair(Offloads::default()).unwrap();
    for frame in frames {
        // SAFETY: frame is readable for its length.
        let sent = unsafe {
            libc::write(
                kernel.as_fd().as_raw_fd(),
                frame.as_ptr().cast(),
                frame.len(),
            )
        };
        assert_eq!(sent, frame.len() as isize);
    }
    read_queue(&ours)
}

fn read_queue(queue: &Queue) -> Vec<Vec<u8>> {
    let (mut inbox, mut packets) = (Inbox::new(ROOM), Vec::new());
    loop {
        inbox.clear();
        let taken = inbox.receive(queue).unwrap();
        packets.extend(inbox.packets().map(|packet| packet.bytes().to_vec()));
        if taken == Taken::Nothing {
            return packets;
        }
    }
}
