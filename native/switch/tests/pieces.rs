//! Datagrams in pieces: the first is judged, the others take its way, and nothing else does.
#![allow(
    clippy::indexing_slicing,
    reason = "a test that is wrong should say so at once"
)]
mod world;

use world::World;
use world::configuration::*;
use world::packets::*;

#[test]
fn the_pieces_of_a_datagram_take_the_way_of_the_first_in_both_families_and_directions() {
    for (device, target) in [(DEVICE, TARGET), ("fd00::7", "fd10::10")] {
        for protocol in [17, if device == DEVICE { 1 } else { 58 }] {
            let mut world = World::new(config());

            let out = pieces(device, target, protocol, true, 9);
            let connector = world.forwarded(LAPTOP, &out[0]);
            for piece in &out[1..] {
                assert_eq!(world.forwarded(LAPTOP, piece), connector);
            }
            for piece in pieces(target, device, protocol, false, 9) {
                assert_eq!(world.forwarded(connector, &piece), LAPTOP);
            }
            assert_eq!(world.switch.flow_count(), 1);
        }
    }
}

#[test]
fn a_later_piece_alone_goes_nowhere() {
    let mut world = World::new(config());
    let out = pieces(DEVICE, TARGET, 17, true, 9);
    let connector = world.forwarded(LAPTOP, &out[0]);

    let other_datagram = &pieces(DEVICE, TARGET, 17, true, 10)[1];
    let other_source = &pieces("100.96.0.8", TARGET, 17, true, 9)[1];

    assert_eq!(world.stopped(LAPTOP, other_datagram), Some("fragment"));
    assert_eq!(world.stopped(LAPTOP, other_source), Some("fragment"));
    assert_eq!(world.stopped(PHONE, &out[1]), Some("fragment"));
    assert_eq!(world.stopped(connector, &out[1]), Some("fragment"));
}

#[test]
fn what_is_refused_is_refused_in_pieces_too_and_told_once() {
    let mut denying = config();
    denying.rules.insert(0, block("none", &["everyone"]));
    let mut world = World::new(denying);
    let out = pieces(DEVICE, TARGET, 17, true, 9);

    let answer = world.refused(LAPTOP, &out[0]);

    assert_sound(&answer);
    assert_eq!((answer[9], answer[20], answer[21]), (1, 3, 13));
    assert_eq!(world.stopped(LAPTOP, &out[1]), Some("fragment"));
}

#[test]
fn a_trail_ends_with_the_world_that_it_began_in_and_after_five_seconds() {
    let mut world = World::new(config());
    let out = pieces(DEVICE, TARGET, 17, true, 9);
    world.forwarded(LAPTOP, &out[0]);
    world.wait(4_999);
    world.forwarded(LAPTOP, &out[1]);
    world.wait(1);
    assert_eq!(world.stopped(LAPTOP, &out[1]), Some("fragment"));

    world.forwarded(LAPTOP, &out[0]);
    let mut denying = config();
    denying.rules.insert(0, block("none", &["everyone"]));
    world.configure(denying);
    assert_eq!(world.stopped(LAPTOP, &out[1]), Some("fragment"));
}

#[test]
fn sixty_four_datagrams_of_a_peer_are_remembered_and_the_oldest_gives_way() {
    let mut world = World::new(config());
    for identification in 0..65 {
        world.forwarded(LAPTOP, &pieces(DEVICE, TARGET, 17, true, identification)[0]);
    }

    let rest = |identification| pieces(DEVICE, TARGET, 17, true, identification)[1].clone();

    assert_eq!(world.stopped(LAPTOP, &rest(0)), Some("fragment"));
    assert_eq!(world.stopped(LAPTOP, &rest(1)), None);
    assert_eq!(world.stopped(LAPTOP, &rest(64)), None);
}

/// A datagram of 3000 bytes, or an echo of that length, in three pieces.
fn pieces(from: &str, to: &str, protocol: u8, is_question: bool, id: u32) -> Vec<Vec<u8>> {
    let ports: [u8; 4] = if is_question {
        [0x9c, 0x40, 0, 53]
    } else {
        [0, 53, 0x9c, 0x40]
    };
    let mut payload = match (protocol, is_question) {
        (17, _) => [&ports[..], &[0x0b, 0xb8, 0, 0]].concat(),
        (1, true) => vec![8, 0, 0, 0, 0, 7, 0, 1],
        (1, false) => vec![0, 0, 0, 0, 0, 7, 0, 1],
        (_, true) => vec![128, 0, 0, 0, 0, 7, 0, 1],
        (_, false) => vec![129, 0, 0, 0, 0, 7, 0, 1],
    };
    payload.resize(3000, 7);
    cut(&with_ip(from, to, protocol, &payload), 1200, id)
}
