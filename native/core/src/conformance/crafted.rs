//! Datagrams made by hand, each with what is to become of it. Afterwards the honest one that it was made of is taken.

use std::net::SocketAddr;

use crate::DropReason::{
    self, BadCookie, BadHandshake, BadInnerPacket, BadMac1, BadTag, CounterExhausted, Malformed,
    SpoofedSource, UnknownIndex,
};
use crate::Outbox;
use crate::conformance::hostile::message_of;
use crate::conformance::pair::{LEFT, Pair, RIGHT};
use crate::cookie::{mac1_key, stamp};

const STRANGER: ([u8; 4], u16) = ([203, 0, 113, 9], 4000);

#[derive(Clone, Copy, Debug)]
enum Edit {
    Cut(usize),
    Grow(usize),
    Set(usize, u8),
    Flip(usize),
    /// From the first place to the second.
    Fill(usize, usize, u8),
    /// By somebody who knows the receiver's public key, and so can make a right mac1.
    FlipUnderMac(usize),
    FillUnderMac(usize, usize, u8),
}

use Edit::{Cut, Fill, FillUnderMac, Flip, FlipUnderMac, Grow, Set};

/// Type, index, ephemeral key, static key and its tag, timestamp and its tag, mac1, mac2.
const INITIATIONS: [(Edit, DropReason); 33] = [
    (Cut(0), Malformed),
    (Cut(1), Malformed),
    (Cut(4), Malformed),
    (Cut(116), Malformed),
    (Cut(147), Malformed),
    (Grow(1), Malformed),
    (Grow(16), Malformed),
    (Grow(65_359), Malformed),
    (Set(0, 0), Malformed),
    (Set(0, 2), Malformed),
    (Set(0, 3), Malformed),
    (Set(0, 4), UnknownIndex),
    (Set(0, 5), Malformed),
    (Set(0, 255), Malformed),
    (Set(1, 1), Malformed),
    (Set(2, 1), Malformed),
    (Set(3, 255), Malformed),
    (Flip(4), BadMac1),
    (Flip(7), BadMac1),
    (Flip(8), BadMac1),
    (Flip(40), BadMac1),
    (Flip(88), BadMac1),
    (Flip(115), BadMac1),
    (Flip(116), BadMac1),
    (Flip(131), BadMac1),
    (Fill(116, 132, 0), BadMac1),
    (Fill(4, 148, 0xff), BadMac1),
    (FlipUnderMac(8), BadHandshake),
    (FlipUnderMac(40), BadHandshake),
    (FlipUnderMac(87), BadHandshake),
    (FlipUnderMac(88), BadHandshake),
    (FlipUnderMac(115), BadHandshake),
    (FillUnderMac(8, 40, 0), BadHandshake),
];

/// Type, two indices, ephemeral key, an empty field's tag, mac1, mac2.
const RESPONSES: [(Edit, DropReason); 24] = [
    (Cut(0), Malformed),
    (Cut(12), Malformed),
    (Cut(60), Malformed),
    (Cut(91), Malformed),
    (Grow(1), Malformed),
    (Grow(56), Malformed),
    (Set(0, 0), Malformed),
    (Set(0, 1), Malformed),
    (Set(0, 3), Malformed),
    (Set(0, 4), UnknownIndex),
    (Set(0, 128), Malformed),
    (Set(1, 1), Malformed),
    (Set(2, 2), Malformed),
    (Set(3, 1), Malformed),
    (Flip(4), BadMac1),
    (Flip(8), BadMac1),
    (Flip(12), BadMac1),
    (Flip(59), BadMac1),
    (Flip(60), BadMac1),
    (FlipUnderMac(8), UnknownIndex),
    (FlipUnderMac(11), UnknownIndex),
    (FlipUnderMac(12), BadHandshake),
    (FlipUnderMac(44), BadHandshake),
    (FillUnderMac(12, 44, 0), BadHandshake),
];

/// Type, index, counter, 32 bytes, tag. With type 3 it has a cookie reply's length.
const DATA: [(Edit, DropReason); 26] = [
    (Cut(0), Malformed),
    (Cut(15), Malformed),
    (Cut(16), Malformed),
    (Cut(31), Malformed),
    (Cut(32), BadTag),
    (Cut(48), BadTag),
    (Cut(63), BadTag),
    (Grow(1), BadTag),
    (Grow(16), BadTag),
    (Grow(65_443), BadTag),
    (Set(0, 0), Malformed),
    (Set(0, 1), Malformed),
    (Set(0, 2), Malformed),
    (Set(0, 3), BadCookie),
    (Set(0, 5), Malformed),
    (Set(1, 1), Malformed),
    (Set(3, 1), Malformed),
    (Flip(4), UnknownIndex),
    (Flip(7), UnknownIndex),
    (Flip(8), BadTag),
    (Flip(14), BadTag),
    (Fill(8, 16, 0xff), CounterExhausted),
    (Flip(16), BadTag),
    (Flip(47), BadTag),
    (Flip(48), BadTag),
    (Fill(16, 64, 0), BadTag),
];

const KEEPALIVES: [(Edit, DropReason); 9] = [
    (Cut(31), Malformed),
    (Grow(1), BadTag),
    (Grow(16), BadTag),
    (Set(0, 1), Malformed),
    (Set(2, 1), Malformed),
    (Flip(5), UnknownIndex),
    (Flip(9), BadTag),
    (Flip(16), BadTag),
    (Flip(31), BadTag),
];

/// What an honest peer's key may seal around: an IPv4 packet of 48 bytes, or what an edit makes of it.
const INNER: [(Edit, Result<usize, DropReason>); 28] = [
    (Cut(48), Ok(48)),
    (Grow(16), Ok(48)),
    (Grow(1000), Ok(48)),
    (Set(3, 47), Ok(47)),
    (Set(3, 20), Ok(20)),
    (Set(3, 19), Err(BadInnerPacket)),
    (Set(3, 0), Err(BadInnerPacket)),
    (Set(3, 49), Err(BadInnerPacket)),
    (Set(2, 1), Err(BadInnerPacket)),
    (Fill(2, 4, 0xff), Err(BadInnerPacket)),
    (Cut(1), Err(BadInnerPacket)),
    (Cut(16), Err(BadInnerPacket)),
    (Cut(19), Err(BadInnerPacket)),
    (Cut(20), Err(BadInnerPacket)),
    (Cut(32), Err(BadInnerPacket)),
    (Set(0, 0x00), Err(BadInnerPacket)),
    (Set(0, 0x15), Err(BadInnerPacket)),
    (Set(0, 0x35), Err(BadInnerPacket)),
    (Set(0, 0x55), Err(BadInnerPacket)),
    (Set(0, 0x75), Err(BadInnerPacket)),
    (Set(0, 0xf5), Err(BadInnerPacket)),
    (Fill(0, 48, 0xff), Err(BadInnerPacket)),
    (Fill(0, 48, 0), Err(BadInnerPacket)),
    (Set(15, 2), Err(SpoofedSource)),
    (Set(12, 11), Err(SpoofedSource)),
    (Fill(12, 16, 0), Err(SpoofedSource)),
    (Fill(12, 16, 0xff), Err(SpoofedSource)),
    (Fill(12, 16, 127), Err(SpoofedSource)),
];

#[test]
fn crafted_datagrams_are_dropped_for_their_reason_and_the_honest_one_is_taken_after_each() {
    let tables: [(&str, &[(Edit, DropReason)]); 4] = [
        ("initiation", &INITIATIONS),
        ("response", &RESPONSES),
        ("data", &DATA),
        ("keepalive", &KEEPALIVES),
    ];
    for (kind, table) in tables {
        for (edit, reason) in table {
            let mut pair = Pair::new();
            let (to, honest) = message_of(&mut pair, kind);
            pair.forget();

            let crafted = edited(*edit, &honest, &pair, to);
            let answers = pair.deliver(to, SocketAddr::from(STRANGER), &crafted);

            assert_eq!(pair.hosts[to].drops, [*reason], "{kind} {edit:?}");
            assert!(answers.is_empty(), "{kind} {edit:?}");
            pair.deliver(to, pair.hosts[1 - to].address, &honest);
            assert_eq!(pair.hosts[to].drops, [*reason], "after {kind} {edit:?}");
        }
    }
}

#[test]
fn crafted_inner_packets_are_cut_to_their_length_or_dropped_for_their_reason() {
    let mut pair = Pair::connected();
    for (edit, expected) in INNER {
        let honest = pair.packet(LEFT, &[0x55; 28]);
        let crafted = edited(edit, &honest, &pair, RIGHT);
        pair.forget();

        let datagram = pair.seal_raw(LEFT, &crafted, &mut Outbox::new()).unwrap();
        pair.deliver(RIGHT, pair.hosts[LEFT].address, &datagram);

        let right = &pair.hosts[RIGHT];
        let (delivered, dropped) = match expected {
            Ok(length) => (vec![crafted[..length].to_vec()], vec![]),
            Err(reason) => (vec![], vec![reason]),
        };
        assert_eq!(right.delivered, delivered, "{edit:?}");
        assert_eq!(right.drops, dropped, "{edit:?}");
    }
    pair.send(LEFT, b"hello");
    assert_eq!(
        pair.hosts[RIGHT].delivered.len(),
        1,
        "an honest one after all of them"
    );
}

fn edited(edit: Edit, honest: &[u8], pair: &Pair, to: usize) -> Vec<u8> {
    let mut bytes = honest.to_vec();
    match edit {
        Cut(length) => bytes.truncate(length),
        Grow(by) => bytes.resize(honest.len() + by, 0),
        Set(place, byte) => bytes[place] = byte,
        Flip(place) | FlipUnderMac(place) => bytes[place] ^= 0x10,
        Fill(from, end, byte) | FillUnderMac(from, end, byte) => bytes[from..end].fill(byte),
    }
    if matches!(edit, FlipUnderMac(_) | FillUnderMac(..)) {
        let receiver = pair.hosts[to].tunnel.public_key().unwrap();
        stamp(&mut bytes, &mac1_key(&receiver), None);
    }
    bytes
}
