//! Lines 26 to 34 as far as they are about data: key slots, routing, inner packets, padding, staging.

use crate::conformance::pair::{LEFT, Pair, RIGHT, Seeded, datagrams, ip_net, ipv4, seconds};
use crate::locks::lock;
use crate::{DropReason, Endpoint, Outbox, PeerUpdate, PublicKey, Sealed};

#[test]
fn line_26_the_responder_sends_nothing_under_a_key_that_the_initiator_has_not_used() {
    let mut pair = Pair::new();
    // LEFT's data is lost, and so is RIGHT's attempt at a session of its own.
    pair.loses = |from, bytes| (from, bytes[0]) == (LEFT, 4) || (from, bytes[0]) == (RIGHT, 1);
    pair.send(LEFT, b"lost on the way");
    pair.forget();

    pair.send(RIGHT, b"too early");
    assert_eq!(pair.count(RIGHT, 4), 0);

    pair.loses = |_, _| false;
    pair.send(LEFT, b"here I am");
    assert!(
        pair.hosts[LEFT]
            .delivered
            .contains(&pair.packet(RIGHT, b"too early"))
    );
}

#[test]
fn line_26_packets_under_the_previous_key_still_arrive_after_a_rekey() {
    let mut pair = Pair::connected();
    let mut outbox = Outbox::new();
    let under_way = [LEFT, RIGHT].map(|side| pair.seal(side, b"slow", &mut outbox).unwrap());
    pair.advance(seconds(121));
    pair.send(LEFT, b"rekey");
    pair.send(LEFT, b"confirm");
    pair.forget();

    pair.deliver(RIGHT, pair.hosts[LEFT].address, &under_way[LEFT]);
    pair.deliver(LEFT, pair.hosts[RIGHT].address, &under_way[RIGHT]);

    assert_eq!(pair.hosts[RIGHT].delivered.len(), 1);
    assert_eq!(pair.hosts[LEFT].delivered.len(), 1);
}

#[test]
fn line_26_after_crossed_handshakes_a_rekey_loses_nothing_that_is_under_way() {
    let mut pair = Pair::new();
    let began = [LEFT, RIGHT].map(|side| {
        let mut outbox = Outbox::new();
        pair.seal(side, b"first", &mut outbox);
        datagrams(&outbox)
    });
    let [left, right] = began;
    let answers = [
        pair.deliver(RIGHT, pair.hosts[LEFT].address, &left[0]),
        pair.deliver(LEFT, pair.hosts[RIGHT].address, &right[0]),
    ];
    let [by_right, by_left] = answers;
    pair.carry(RIGHT, by_right);
    pair.carry(LEFT, by_left);
    // Each end sends through the session that it began, which is the other one's previous.
    pair.advance(seconds(121));
    pair.forget();

    let mut outbox = Outbox::new();
    let under_way = pair.seal(LEFT, b"overtaken", &mut outbox).unwrap();
    let initiation = datagrams(&outbox);
    assert_eq!(initiation[0][0], 1);
    pair.deliver(RIGHT, pair.hosts[LEFT].address, &initiation[0]);
    pair.deliver(RIGHT, pair.hosts[LEFT].address, &under_way);

    assert_eq!(pair.hosts[RIGHT].drops, []);
    assert_eq!(pair.hosts[RIGHT].delivered.len(), 1);
}

#[test]
fn line_31_a_source_that_belongs_to_another_peer_is_dropped_even_inside_a_wider_prefix() {
    let mut pair = Pair::connected();
    let tunnel = &pair.hosts[RIGHT].tunnel;
    tunnel.update_peer(
        pair.now,
        PeerUpdate {
            allowed_ips: vec![ip_net([10, 0, 0, 77])],
            ..PeerUpdate::new(PublicKey([9; 32]))
        },
    );
    pair.configure_wide(RIGHT);
    let mut outbox = Outbox::new();

    for source in [[10, 0, 0, 5], [10, 0, 0, 77], [10, 1, 0, 5]] {
        let packet = ipv4(source, pair.hosts[RIGHT].inner, b"who am I?");
        let peer = pair.hosts[LEFT].tunnel.peers().pop().unwrap();
        assert_eq!(
            peer.public_key(),
            &pair.hosts[RIGHT].tunnel.public_key().unwrap()
        );
        let datagram = pair.seal_raw(LEFT, &packet, &mut outbox).unwrap();
        pair.deliver(RIGHT, pair.hosts[LEFT].address, &datagram);
    }

    assert_eq!(pair.hosts[RIGHT].delivered.len(), 1);
    assert_eq!(pair.hosts[RIGHT].drops, [DropReason::SpoofedSource; 2]);
}

#[test]
fn line_33_only_whole_ip_packets_come_out_of_100_000_crafted_plaintexts() {
    let mut pair = Pair::connected();
    let random = Seeded::new(33);
    let mut outbox = Outbox::new();
    let mut valid = 0;
    for _ in 0..100_000 {
        let mut packet = pair.packet(LEFT, &[0x55; 30]);
        for _ in 0..random.number() % 3 {
            let place = random.number() % 6;
            packet[usize::try_from(place).unwrap()] = random.number() as u8;
        }
        packet.truncate(usize::try_from(random.number() % 60).unwrap().max(1));
        let claimed = usize::from(u16::from_be_bytes([
            *packet.get(2).unwrap_or(&0),
            *packet.get(3).unwrap_or(&0),
        ]));
        let padded = packet.len().next_multiple_of(16);
        let is_valid = packet[0] >> 4 == 4 && padded >= 20 && (20..=padded).contains(&claimed);
        let mut expected = packet.clone();
        expected.resize(padded, 0);
        expected.truncate(claimed);
        let has_our_source = expected.get(12..16) == Some(&[10, 0, 0, 1]);

        let datagram = pair.seal_raw(LEFT, &packet, &mut outbox).unwrap();
        pair.deliver(RIGHT, pair.hosts[LEFT].address, &datagram);

        let delivered = pair.hosts[RIGHT].delivered.pop();
        assert_eq!(delivered, (is_valid && has_our_source).then_some(expected));
        valid += usize::from(delivered.is_some());
    }
    assert!((1000..99_000).contains(&valid), "{valid}");
}

#[test]
fn line_33_ipv6_is_held_to_its_payload_length() {
    let mut pair = Pair::connected();
    pair.configure_wide(RIGHT);
    let mut outbox = Outbox::new();
    let mut packet = vec![0x60, 0, 0, 0, 0, 8, 17, 64];
    packet.extend([0xfd; 16]);
    packet.extend([0xfe; 16]);
    packet.extend([1; 8]);
    let mut too_long = packet.clone();
    too_long[5] = 9;

    for packet in [&packet, &too_long, &packet[..30].to_vec()] {
        let datagram = pair.seal_raw(LEFT, packet, &mut outbox).unwrap();
        pair.deliver(RIGHT, pair.hosts[LEFT].address, &datagram);
    }

    assert_eq!(pair.hosts[RIGHT].delivered, [packet]);
    assert_eq!(pair.hosts[RIGHT].drops, [DropReason::BadInnerPacket; 2]);
}

#[test]
fn line_34_padding_is_zero_and_every_length_arrives_whole() {
    let mut pair = Pair::connected();
    for length in 20..=1420 {
        let payload = vec![0xab; length - 20];
        pair.send(LEFT, &payload);
        let padded = pair.log.pop().unwrap().bytes.len() - 32;

        assert!(padded.is_multiple_of(16) || padded == 1420);
        assert_eq!(
            pair.hosts[RIGHT].delivered.pop(),
            Some(pair.packet(LEFT, &payload))
        );
    }
}

#[test]
fn line_35_any_mtu_works_and_takes_effect_at_once() {
    let mut pair = Pair::connected();
    for (mtu, padded) in [
        (0, 33),
        (1, 33),
        (40, 40),
        (1279, 48),
        (65_535, 48),
        (usize::MAX, 48),
    ] {
        pair.hosts[LEFT].tunnel.set_mtu(mtu);
        pair.send(LEFT, &[0xab; 13]);

        assert_eq!(
            pair.log.pop().unwrap().bytes.len(),
            padded + 32,
            "MTU {mtu}"
        );
        assert_eq!(
            pair.hosts[RIGHT].delivered.pop(),
            Some(pair.packet(LEFT, &[0xab; 13]))
        );
    }
}

#[test]
fn a_buffer_without_room_is_refused_and_left_alone() {
    let pair = Pair::connected();
    let peer = pair.peer(LEFT);
    let tunnel = &pair.hosts[LEFT].tunnel;
    let mut outbox = Outbox::new();
    for (length, inner) in [(100, 15..60), (75, 16..60), (100, 60..200), (0, 0..0)] {
        let mut buffer = vec![7; length];
        let sealed = tunnel.seal(pair.now, &peer, &mut buffer, inner, &mut outbox);

        assert_eq!(sealed, Sealed::Dropped(DropReason::NoRoom));
        assert_eq!(buffer, vec![7; length]);
    }
}

#[test]
fn line_43_of_packets_that_wait_the_newest_128_stay() {
    let mut pair = Pair::new();
    let mut outbox = Outbox::new();
    for number in 0..1000_u32 {
        assert_eq!(pair.seal(LEFT, &number.to_be_bytes(), &mut outbox), None);
    }
    assert_eq!(lock(&pair.peer(LEFT).state).staged.len(), 128);

    pair.flush(LEFT, &outbox);

    let expected: Vec<_> = (872..1000_u32)
        .map(|number| pair.packet(LEFT, &number.to_be_bytes()))
        .collect();
    assert_eq!(pair.hosts[RIGHT].delivered, expected);
}

#[test]
fn a_gro_buffer_gives_the_same_as_its_datagrams_one_by_one() {
    let pair = Pair::connected();
    let mut outbox = Outbox::new();
    let mut buffer = Vec::new();
    let mut expected = Vec::new();
    for number in 0..150_u8 {
        let mut datagram = pair.seal(LEFT, &[number; 100], &mut outbox).unwrap();
        if number % 10 == 3 {
            datagram[40] ^= 1;
        } else {
            expected.push(pair.packet(LEFT, &[number; 100]));
        }
        buffer.extend(datagram);
    }
    buffer.extend(pair.seal(LEFT, b"the short last one", &mut outbox).unwrap());
    expected.push(pair.packet(LEFT, b"the short last one"));
    let right = &pair.hosts[RIGHT];
    let source = Endpoint::from(pair.hosts[LEFT].address);
    let mut places = Vec::new();

    right.tunnel.receive_segments(
        pair.now,
        source,
        &mut buffer,
        160,
        &mut outbox,
        |_, inner| {
            places.push(inner);
        },
    );

    let delivered: Vec<_> = places
        .into_iter()
        .map(|inner| buffer[inner].to_vec())
        .collect();
    assert_eq!(delivered, expected);
    assert_eq!(
        right.tunnel.drop_counts()[DropReason::BadTag as usize].1,
        15
    );
}

#[test]
fn a_gro_buffer_may_mix_handshakes_keepalives_and_data() {
    let mut pair = Pair::connected();
    let mut outbox = Outbox::new();
    let mut buffer = pair.seal(LEFT, &[1; 100], &mut outbox).unwrap();
    pair.jump(pair.now.instant + seconds(121));
    buffer.extend(pair.seal(LEFT, &[2; 100], &mut outbox).unwrap());
    buffer.extend(datagrams(&outbox).pop().unwrap());
    assert_eq!(buffer.len(), 160 + 160 + 148);
    outbox.clear();
    let source = Endpoint::from(pair.hosts[LEFT].address);
    let mut count = 0;

    pair.hosts[RIGHT].tunnel.receive_segments(
        pair.now,
        source,
        &mut buffer,
        160,
        &mut outbox,
        |_, _| count += 1,
    );

    assert_eq!(count, 2);
    assert_eq!(datagrams(&outbox)[0][0], 2);
}

impl Pair {
    /// This side lets everything of the other one in that no more specific prefix gives to somebody else.
    fn configure_wide(&self, side: usize) {
        self.configure(side, |update| PeerUpdate {
            allowed_ips: vec!["10.0.0.0/24".parse().unwrap(), "fd00::/8".parse().unwrap()],
            ..update
        });
    }
}
