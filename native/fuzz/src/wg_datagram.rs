//! A tunnel with live sessions, and whatever comes to its UDP port: noise, truncated, changed, replayed, re-indexed
//! and reordered datagrams, handshakes that only look right, and honest traffic between them.

use std::net::SocketAddr;
use std::time::Duration;

use culvert_core::Endpoint;

use crate::decoder::Decoder;
use crate::macs;
use crate::tunnels::{LEFT, RIGHT, Tunnels, home};

const MOST_STEPS: usize = 64;
const SECONDS: [u64; 8] = [0, 1, 5, 6, 11, 60, 121, 185];

pub(crate) fn run(data: &[u8]) {
    let mut decoder = Decoder::new(data);
    let mut tunnels = Tunnels::connected();
    for _ in 0..MOST_STEPS {
        if decoder.is_empty() {
            break;
        }
        step(&mut tunnels, &mut decoder);
    }
    assert_still_works(&mut tunnels);
}

fn step(tunnels: &mut Tunnels, decoder: &mut Decoder) {
    let what = decoder.choice(12);
    let to = decoder.choice(2);
    let source = source(decoder, to);
    match what {
        0 => drop(tunnels.deliver(to, source, decoder.blob(2048))),
        1 | 2 => honest(tunnels, to, source, decoder),
        3 | 4 => changed(tunnels, to, source, decoder),
        5 | 6 => {
            // To whom it was sent, or to its own sender.
            let (_, datagram) = recorded(tunnels, decoder);
            let answers = tunnels.deliver(to, source, &datagram);
            tunnels.carry(to, answers);
        }
        7 => {
            // Sealed, and kept back: `recorded` may bring it out of order.
            let payload = tunnels.new_payload(1 - to);
            tunnels.seal(1 - to, payload, 0);
        }
        8 => tunnels.advance(Duration::from_secs(decoder.one_of(&SECONDS))),
        9 => tunnels.hosts[to].set_under_load(decoder.flag()),
        10 => pretended(tunnels, to, source, decoder),
        _ => {
            let count = decoder.choice(70);
            let parts: Vec<_> = (0..count).map(|_| recorded(tunnels, decoder).1).collect();
            tunnels.deliver_segments(to, source, &parts);
        }
    }
}

fn source(decoder: &mut Decoder, to: usize) -> Endpoint {
    match decoder.byte() {
        port @ 0..64 => Endpoint::from(SocketAddr::from(([203, 0, 113, 9], u16::from(port)))),
        _ => home(1 - to),
    }
}

fn honest(tunnels: &mut Tunnels, to: usize, source: Endpoint, decoder: &mut Decoder) {
    let payload = tunnels.new_payload(1 - to);
    for datagram in tunnels.seal(1 - to, payload, usize::from(decoder.byte())) {
        let answers = tunnels.deliver(to, source, &datagram);
        tunnels.carry(to, answers);
    }
}

/// A datagram that was really sent, edited.
fn changed(tunnels: &mut Tunnels, to: usize, source: Endpoint, decoder: &mut Decoder) {
    let mut datagram = recorded(tunnels, decoder).1;
    for _ in 0..=decoder.choice(3) {
        edit(&mut datagram, tunnels, decoder);
    }
    if decoder.flag() {
        macs::stamp(&tunnels.hosts[to].public_key().unwrap(), &mut datagram);
    }
    let answers = tunnels.deliver(to, source, &datagram);
    tunnels.carry(to, answers);
}

fn edit(datagram: &mut Vec<u8>, tunnels: &Tunnels, decoder: &mut Decoder) {
    match decoder.choice(5) {
        0 => {
            let place = usize::from(decoder.number()) % datagram.len().max(1);
            let bits = decoder.byte();
            if let Some(byte) = datagram.get_mut(place) {
                *byte ^= bits;
            }
        }
        1 => datagram.truncate(usize::from(decoder.number()) % (datagram.len() + 1)),
        2 => datagram.extend(decoder.blob(64)),
        3 => {
            // The index of another message, as a receiver's or a sender's.
            let (_, other) = recorded(tunnels, decoder);
            if let (Some(place), Some(index)) = (datagram.get_mut(4..8), other.get(4..8)) {
                place.copy_from_slice(index);
            }
        }
        _ => {
            if let Some(counter) = datagram.get_mut(8..16) {
                counter.copy_from_slice(
                    &(u64::from(decoder.wide()) << decoder.choice(33)).to_le_bytes(),
                );
            }
        }
    }
}

/// A handshake message of any content with a right mac1.
fn pretended(tunnels: &mut Tunnels, to: usize, source: Endpoint, decoder: &mut Decoder) {
    let (kind, length) = decoder.one_of(&[(1, 148), (2, 92)]);
    let mut datagram = vec![0; length];
    datagram[0] = kind;
    let content = decoder.blob(length - 4);
    datagram[4..4 + content.len()].copy_from_slice(content);
    macs::stamp(&tunnels.hosts[to].public_key().unwrap(), &mut datagram);
    tunnels.deliver(to, source, &datagram);
}

fn recorded(tunnels: &Tunnels, decoder: &mut Decoder) -> (usize, Vec<u8>) {
    let place = tunnels.sent.len() - 1 - decoder.choice(tunnels.sent.len().min(256));
    tunnels.sent[place].clone()
}

/// Whatever strangers did, an undisturbed network carries packets again within the protocol's patience.
fn assert_still_works(tunnels: &mut Tunnels) {
    for side in [LEFT, RIGHT] {
        tunnels.hosts[side].set_under_load(false);
    }
    for side in [LEFT, RIGHT] {
        let works = (0..30).any(|_| {
            let arrived = tunnels.exchange(side);
            tunnels.advance(Duration::from_secs(6));
            arrived
        });
        assert!(works, "no packet of side {side} arrives any more");
    }
}
