//! Lines 3, 4, 12, 13, 37, 48: bytes that nobody who has a key has sent.

use std::net::SocketAddr;

use crate::conformance::pair::{LEFT, Pair, RIGHT, Seeded, seconds};
use crate::cookie::{mac1_key, stamp};
use crate::key::agreements;
use crate::locks::lock;
use crate::{DropReason, Endpoint, Outbox, Peer, PrivateKey, PublicKey};

const STRANGER: ([u8; 4], u16) = ([203, 0, 113, 9], 4000);

#[test]
fn line_3_only_exact_types_and_lengths_get_past_the_first_check() {
    let mut pair = Pair::connected();
    for length in (0..=2048).chain([65_535]) {
        let mut datagram = vec![0; length];
        for kind in 0..=255_u8 {
            if let Some(first) = datagram.first_mut() {
                *first = kind;
            }
            let mut outbox = Outbox::new();
            let right = &pair.hosts[RIGHT].tunnel;
            let received = right.receive(pair.now, stranger(), &mut datagram, &mut outbox);

            let is_message = match kind {
                1 => length == 148,
                2 => length == 92,
                3 => length == 64,
                4 => length >= 32,
                _ => false,
            };
            let crate::Received::Dropped(reason) = received else {
                panic!("{kind} of {length} bytes: {received:?}");
            };
            assert_eq!(
                reason != DropReason::Malformed,
                is_message,
                "{kind} of {length}"
            );
            assert!(outbox.is_empty());
        }
    }
    for place in 1..4 {
        for honest in honest_messages() {
            let mut datagram = honest;
            datagram[place] = 1;
            pair.forget();
            pair.deliver(RIGHT, STRANGER.into(), &datagram);
            assert_eq!(pair.hosts[RIGHT].drops, [DropReason::Malformed]);
        }
    }
}

#[test]
fn line_4_a_bad_mac1_costs_no_diffie_hellman_and_no_answer() {
    let mut pair = Pair::connected();
    let random = Seeded::new(4);
    let handshakes: Vec<_> = honest_messages()
        .into_iter()
        .filter(|message| matches!(message[0], 1 | 2))
        .collect();
    let before = agreements::done();

    for round in 0..100_000 {
        let mut datagram = handshakes[round % handshakes.len()].clone();
        let place = usize::try_from(random.number()).unwrap() % (datagram.len() - 20) + 4;
        datagram[place] ^= 1 << (round % 8);
        let answers = pair.deliver(RIGHT, STRANGER.into(), &datagram);
        assert!(answers.is_empty());
    }

    assert_eq!(agreements::done(), before);
    assert_eq!(pair.hosts[RIGHT].drops, [DropReason::BadMac1; 100_000]);
}

#[test]
fn line_12_the_peer_is_followed_on_every_authenticated_message_and_on_nothing_else() {
    let kinds = ["initiation", "response", "data", "keepalive"];
    for kind in kinds {
        let mut pair = Pair::new();
        let (to, honest) = message_of(&mut pair, kind);
        let home = pair.peer(to).endpoint().unwrap();

        for forged in [
            flip(&honest, honest.len() - 20),
            flip(&honest, honest.len().saturating_sub(40)),
        ] {
            pair.deliver(to, STRANGER.into(), &forged);
            assert_eq!(pair.peer(to).endpoint(), Some(home), "forged {kind}");
        }
        pair.deliver(to, STRANGER.into(), &honest);
        assert_eq!(pair.peer(to).endpoint(), Some(stranger()), "{kind}");

        pair.deliver(to, home.remote, &honest);
        assert_eq!(
            pair.peer(to).endpoint(),
            Some(stranger()),
            "replayed {kind}"
        );
    }
}

#[test]
fn line_12_a_cookie_reply_moves_nobody() {
    let mut pair = Pair::new();
    pair.hosts[RIGHT].tunnel.set_under_load(true);
    let mut outbox = Outbox::new();
    pair.seal(LEFT, b"hello", &mut outbox);
    let initiation = outbox.iter().next().unwrap().1.to_vec();
    let home = pair.peer(LEFT).endpoint();

    let reply = pair
        .deliver(RIGHT, pair.hosts[LEFT].address, &initiation)
        .remove(0);
    pair.deliver(LEFT, STRANGER.into(), &reply);

    assert_eq!(pair.hosts[LEFT].drops, []);
    assert_eq!(pair.peer(LEFT).endpoint(), home);
}

#[test]
fn line_13_a_million_forged_datagrams_change_nothing() {
    let mut pair = Pair::connected();
    pair.advance(seconds(3));
    let random = Seeded::new(13);
    let honest = honest_messages();
    let mut outbox = Outbox::new();
    let live = pair.seal(LEFT, &[9; 200], &mut outbox).unwrap();
    let before = picture(&pair);

    for round in 0..1_000_000 {
        let mut datagram = match round % 4 {
            0 => live.clone(),
            1 => vec![0; usize::try_from(random.number() % 300).unwrap()],
            _ => honest[round % honest.len()].clone(),
        };
        for _ in 0..=random.number() % 3 {
            let length = datagram.len().max(1);
            let place = usize::try_from(random.number()).unwrap() % length;
            if let Some(byte) = datagram.get_mut(place) {
                *byte ^= 1 << (random.number() % 8);
            }
        }
        if datagram == live {
            continue;
        }
        let answers = pair.deliver(RIGHT, STRANGER.into(), &datagram);
        assert!(answers.is_empty());
    }

    assert_eq!(picture(&pair), before);
    assert!(pair.hosts[RIGHT].delivered.is_empty());
    pair.deliver(RIGHT, pair.hosts[LEFT].address, &live);
    assert_eq!(pair.hosts[RIGHT].delivered.len(), 1);
}

#[test]
fn line_11_low_order_points_get_no_packet() {
    let points: [[u8; 32]; 7] = [
        [0; 32],
        with_first(1),
        unhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
        unhex("5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157"),
        unhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
        unhex("edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
        unhex("eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    ];
    for point in points {
        let pair = Pair::new();
        let tunnel = &pair.hosts[LEFT].tunnel;
        let update = crate::PeerUpdate {
            endpoint: Some(stranger()),
            keepalive_seconds: Some(1),
            ..crate::PeerUpdate::new(PublicKey(point))
        };
        let peer = tunnel.update_peer(pair.now, update).unwrap();
        let mut outbox = Outbox::new();
        let mut buffer = [0; 200];

        tunnel.seal(pair.now, &peer, &mut buffer, 16..100, &mut outbox);
        tunnel.handle_timeout(pair.now, &mut outbox);

        assert!(outbox.is_empty(), "{point:x?}");
    }
}

#[test]
fn line_11_an_initiation_with_a_low_order_ephemeral_key_is_no_handshake() {
    let mut pair = Pair::new();
    let mut datagram = honest_messages()[0].clone();
    datagram[8..40].fill(0);
    let right = pair.hosts[RIGHT].tunnel.public_key().unwrap();
    stamp(&mut datagram, &mac1_key(&right), None);

    let answers = pair.deliver(RIGHT, STRANGER.into(), &datagram);

    assert!(answers.is_empty());
    assert_eq!(pair.hosts[RIGHT].drops, [DropReason::BadHandshake]);
}

#[test]
fn line_48_who_is_not_configured_gets_no_answer() {
    let mut pair = Pair::new();
    let other = Pair::new();
    let stranger_key = PrivateKey::from_bytes([0x77; 32]);
    other.hosts[LEFT]
        .tunnel
        .set_private_key(other.now, Some(stranger_key));
    let mut outbox = Outbox::new();
    other.seal(LEFT, b"let me in", &mut outbox);
    let initiation = outbox.iter().next().unwrap().1.to_vec();

    let answers = pair.deliver(RIGHT, STRANGER.into(), &initiation);

    assert!(answers.is_empty());
    assert_eq!(pair.hosts[RIGHT].drops, [DropReason::UnknownPeer]);
}

/// One of each kind, made by LEFT for RIGHT in a world just like the tests', but replayed by now.
fn honest_messages() -> Vec<Vec<u8>> {
    let mut pair = Pair::new();
    pair.send(LEFT, b"hello");
    pair.send(RIGHT, b"hello");
    pair.log.into_iter().map(|sent| sent.bytes).collect()
}

/// A message of this kind, not delivered yet, to the side that it is for.
pub(super) fn message_of(pair: &mut Pair, kind: &str) -> (usize, Vec<u8>) {
    let mut outbox = Outbox::new();
    pair.seal(LEFT, b"hello", &mut outbox);
    let initiation = outbox.iter().next().unwrap().1.to_vec();
    if kind == "initiation" {
        return (RIGHT, initiation);
    }
    let response = pair
        .deliver(RIGHT, pair.hosts[LEFT].address, &initiation)
        .remove(0);
    if kind == "response" {
        return (LEFT, response);
    }
    let data = pair
        .deliver(LEFT, pair.hosts[RIGHT].address, &response)
        .remove(0);
    if kind == "data" {
        return (RIGHT, data);
    }
    pair.deliver(RIGHT, pair.hosts[LEFT].address, &data);
    outbox.clear();
    let peer = pair.peer(RIGHT);
    pair.hosts[RIGHT]
        .tunnel
        .send_keepalive(pair.now, &peer, &mut outbox);
    (LEFT, outbox.iter().next().unwrap().1.to_vec())
}

fn flip(message: &[u8], place: usize) -> Vec<u8> {
    let mut forged = message.to_vec();
    forged[place.max(16)] ^= 0x10;
    forged
}

/// Everything of RIGHT that a datagram might change, as text.
fn picture(pair: &Pair) -> String {
    let tunnel = &pair.hosts[RIGHT].tunnel;
    let peer = pair.peer(RIGHT);
    let state = lock(&peer.state);
    let sessions: Vec<_> = [
        &state.sessions.current,
        &state.sessions.previous,
        &state.sessions.next,
    ]
    .into_iter()
    .map(|session| format!("{session:?}"))
    .collect();
    format!(
        "{sessions:?} {:?} {:?} {:?} {} {:?} {:?} {}",
        timers(&peer),
        state.cookies,
        state.received_timestamp,
        state.initiation.is_some(),
        peer.endpoint(),
        (
            peer.received_bytes(),
            peer.sent_bytes(),
            peer.last_handshake()
        ),
        tunnel.indices.len(),
    )
}

fn timers(peer: &Peer) -> Vec<u64> {
    let timers = &peer.timers;
    [
        &timers.retry,
        &timers.keepalive,
        &timers.silence,
        &timers.persistent,
        &timers.erase_keys,
        &timers.lost,
        &peer.scheduled,
    ]
    .map(|deadline| deadline.get())
    .to_vec()
}

fn stranger() -> Endpoint {
    Endpoint::from(SocketAddr::from(STRANGER))
}

fn with_first(byte: u8) -> [u8; 32] {
    let mut point = [0; 32];
    point[0] = byte;
    point
}

fn unhex(text: &str) -> [u8; 32] {
    std::array::from_fn(|at| u8::from_str_radix(text.get(at * 2..at * 2 + 2).unwrap(), 16).unwrap())
}
