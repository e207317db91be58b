//! Lines 2, 8, 9, 27 to 29: handshakes.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use crate::conformance::pair::{LEFT, Pair, RIGHT, Seeded, millis, seconds};
use crate::indices::Lane;
use crate::locks::{lock, read};
use crate::{DropReason, EventKind, Outbox, PeerUpdate, PresharedKey, PrivateKey};

#[test]
fn line_2_indices_are_random_never_shared_and_freed() {
    let pair = Pair::new();
    let indices = &pair.hosts[LEFT].tunnel.indices;
    let entropy = Seeded::new(2);
    let owner = std::sync::Arc::downgrade(&pair.peer(LEFT));
    let mut live = HashSet::new();
    let mut bytes = [[0_f64; 256]; 4];
    for _ in 0..100_000 {
        let index = indices.reserve(&entropy, &owner, Lane::of(7, 1));
        assert!(live.insert(index));
        for (counts, byte) in bytes.iter_mut().zip(index.to_le_bytes()) {
            counts[usize::from(byte)] += 1.0;
        }
    }
    let expected = 100_000.0 / 256.0;
    for counts in bytes {
        let chi_square: f64 = counts
            .iter()
            .map(|count| (count - expected).powi(2) / expected)
            .sum();
        assert!(
            chi_square < 350.0,
            "{chi_square} with 255 degrees of freedom"
        );
    }
    for index in live {
        indices.release(index);
    }
    assert_eq!(indices.len(), 0);
}

#[test]
fn an_index_tells_the_lane_of_its_peer_and_nothing_else() {
    let pair = Pair::new();
    let indices = &pair.hosts[LEFT].tunnel.indices;
    let entropy = Seeded::new(3);
    let owner = std::sync::Arc::downgrade(&pair.peer(LEFT));
    for count in [1, 2, 3, 7, 16, 255] {
        let mut counts = [0_f64; 256];
        for number in 0..20_000 {
            let index = indices.reserve(&entropy, &owner, Lane::of(number, count));
            assert_eq!(index % 256 % u32::from(count), number % u32::from(count));
            counts[(index >> 8) as usize % 256] += 1.0;
        }
        let expected = 20_000.0 / 256.0;
        let chi_square: f64 = counts
            .iter()
            .map(|count: &f64| (count - expected).powi(2) / expected)
            .sum();
        assert!(
            chi_square < 350.0,
            "{chi_square} with 255 degrees of freedom"
        );
    }
}

#[test]
fn line_2_rekeying_for_a_day_keeps_few_indices() {
    let mut pair = Pair::connected();
    for _ in 0..720 {
        pair.advance(seconds(120));
        pair.send(LEFT, b"steady");
        pair.log.clear();
    }
    for side in [LEFT, RIGHT] {
        assert!(pair.hosts[side].tunnel.indices.len() <= 4);
    }
}

#[test]
fn line_8_an_initiation_is_answered_once_whoever_plays_it_again() {
    let mut pair = Pair::new();
    let initiation = initiation_of(&pair, LEFT);
    let home = pair.hosts[LEFT].address;
    let stranger = ([203, 0, 113, 9], 1).into();
    assert_eq!(pair.deliver(RIGHT, home, &initiation).len(), 1);
    pair.jump(pair.now.instant + seconds(1));

    let replayed: Vec<_> = [home, stranger]
        .into_iter()
        .flat_map(|source| pair.deliver(RIGHT, source, &initiation))
        .collect();

    assert!(replayed.is_empty());
    assert_eq!(pair.hosts[RIGHT].drops, [DropReason::ReplayedHandshake; 2]);
    assert_eq!(pair.peer(RIGHT).endpoint().unwrap().remote, home);
}

#[test]
fn line_8_of_two_fresh_initiations_within_20_ms_the_second_is_dropped() {
    for (gap, answers) in [(19, 0), (21, 1)] {
        let mut pair = Pair::new();
        let home = pair.hosts[LEFT].address;
        let first = initiation_of(&pair, LEFT);
        lock(&pair.peer(LEFT).state).last_initiation_sent = None;
        let second = initiation_of(&pair, LEFT);

        pair.deliver(RIGHT, home, &first);
        pair.jump(pair.now.instant + millis(gap));

        assert_eq!(
            pair.deliver(RIGHT, home, &second).len(),
            answers,
            "{gap} ms"
        );
    }
}

#[test]
fn line_9_a_persisted_timestamp_keeps_old_initiations_old_after_a_restart() {
    let mut before = Pair::new();
    let initiation = initiation_of(&before, LEFT);
    let home = before.hosts[LEFT].address;
    before.deliver(RIGHT, home, &initiation);
    let persisted = before.peer(RIGHT).status().received_timestamp;

    let mut forgetful = Pair::new();
    assert_eq!(forgetful.deliver(RIGHT, home, &initiation).len(), 1);
    let mut restarted = Pair::new();
    restarted.configure(RIGHT, |update| PeerUpdate {
        replay_floor: Some(persisted),
        ..update
    });
    assert!(restarted.deliver(RIGHT, home, &initiation).is_empty());
}

#[test]
fn line_9_an_answer_is_told_to_its_keeper_once_and_a_replay_is_not() {
    let mut pair = Pair::new();
    let kept = Arc::new(Mutex::new(Vec::new()));
    let own = Arc::clone(&kept);
    pair.hosts[RIGHT]
        .tunnel
        .set_answer_keeper(Some(Arc::new(move |peer, timestamp| {
            lock(&own).push((*peer, timestamp));
        })));
    let initiation = initiation_of(&pair, LEFT);
    let home = pair.hosts[LEFT].address;

    pair.deliver(RIGHT, home, &initiation);
    pair.deliver(RIGHT, home, &initiation);

    let left = pair.hosts[LEFT].tunnel.public_key().unwrap();
    let timestamp = pair.peer(RIGHT).status().received_timestamp;
    assert_eq!(*lock(&kept), [(left, timestamp)]);
}

#[test]
fn line_27_simultaneous_initiations_converge_whatever_the_network_does() {
    for seed in 0..10_000 {
        let random = Seeded::new(seed);
        let mut pair = Pair::seeded(seed);
        let mut under_way: Vec<(usize, Vec<u8>)> = Vec::new();
        for side in [LEFT, RIGHT] {
            let mut outbox = Outbox::new();
            pair.seal(side, b"first", &mut outbox);
            under_way.extend(outbox.iter().map(|(_, bytes)| (side, bytes.to_vec())));
        }
        // Any order, each datagram once.
        while !under_way.is_empty() {
            let place = usize::try_from(random.number()).unwrap() % under_way.len();
            let (from, bytes) = under_way.swap_remove(place);
            let answers = pair.deliver(1 - from, pair.hosts[from].address, &bytes);
            under_way.extend(answers.into_iter().map(|bytes| (1 - from, bytes)));
        }

        for side in [LEFT, RIGHT] {
            let arrived = pair.hosts[1 - side].delivered.clone();
            assert!(
                arrived.contains(&pair.packet(side, b"first")),
                "seed {seed}"
            );
        }
        pair.forget();
        for _ in 0..10 {
            pair.send(LEFT, b"then");
            pair.send(RIGHT, b"then");
            pair.advance(seconds(1));
        }
        assert_eq!(pair.hosts[LEFT].delivered.len(), 10);
        assert_eq!(pair.hosts[RIGHT].delivered.len(), 10);
        assert_eq!(pair.count(LEFT, 1) + pair.count(RIGHT, 1), 0, "seed {seed}");
    }
}

#[test]
fn handshakes_get_through_a_network_that_loses_half() {
    let mut pair = Pair::new();
    pair.loses = |_, bytes| bytes[bytes.len() - 20].is_multiple_of(2);
    for _ in 0..400 {
        pair.send(LEFT, b"again and again");
        pair.advance(seconds(1));
    }

    assert!(pair.hosts[RIGHT].delivered.len() > 100);
}

#[test]
fn line_28_a_new_preshared_key_counts_from_the_next_handshake_on() {
    let mut pair = Pair::connected();
    set_preshared(&pair, LEFT, 5);
    set_preshared(&pair, RIGHT, 5);
    pair.send(LEFT, b"the live session stays");
    assert_eq!(pair.count(LEFT, 1), 0);
    pair.advance(seconds(121));
    pair.forget();

    pair.send(LEFT, b"rekey");
    assert_eq!(pair.count(RIGHT, 2), 1);
    pair.send(LEFT, b"new key");
    assert_eq!(pair.hosts[RIGHT].delivered.len(), 2);
    assert!(pair.hosts[RIGHT].drops.is_empty());
}

#[test]
fn line_28_different_preshared_keys_fail_whoever_begins_and_removing_them_heals() {
    for beginner in [LEFT, RIGHT] {
        let mut pair = Pair::new();
        set_preshared(&pair, LEFT, 5);
        pair.send(beginner, b"no");
        assert!(!pair.peer(LEFT).has_session(pair.now));
        assert!(!pair.peer(RIGHT).has_session(pair.now));
        assert_eq!(pair.hosts[beginner].drops, [DropReason::BadHandshake]);

        set_preshared(&pair, LEFT, 0);
        pair.advance(seconds(6));
        assert!(pair.peer(LEFT).has_session(pair.now));
        assert_eq!(pair.hosts[1 - beginner].delivered.len(), 1);
    }
}

#[test]
fn line_29_a_new_private_key_ends_all_sessions_and_shakes_hands_at_once() {
    let mut pair = Pair::connected();
    let new_key = PrivateKey::from_bytes([0x99; 32]);
    let old = pair.hosts[LEFT].tunnel.public_key().unwrap();
    pair.hosts[LEFT]
        .tunnel
        .set_private_key(pair.now, Some(new_key));
    assert!(!pair.peer(LEFT).has_session(pair.now));
    pair.hosts[RIGHT].tunnel.remove_peer(&old);
    pair.configure(RIGHT, |update| update);

    pair.advance(std::time::Duration::ZERO);

    assert!(pair.peer(LEFT).has_session(pair.now));
    assert!(pair.peer(RIGHT).has_session(pair.now));
}

#[test]
fn line_29_a_peer_that_turns_out_to_be_ourselves_is_removed_and_not_added_again() {
    let pair = Pair::new();
    let tunnel = &pair.hosts[LEFT].tunnel;
    let theirs = pair.hosts[RIGHT].tunnel.private_key().unwrap();

    tunnel.set_private_key(pair.now, Some(theirs.clone()));
    let added = tunnel.update_peer(pair.now, PeerUpdate::new(theirs.public_key()));

    assert!(added.is_none());
    assert!(tunnel.peers().is_empty());
    assert!(tunnel.route([10, 0, 0, 2].into()).is_none());
}

#[test]
fn a_finished_handshake_is_told_on_both_sides_with_the_endpoint() {
    let mut pair = Pair::new();
    pair.send(LEFT, b"hello");

    for side in [LEFT, RIGHT] {
        let endpoint = Some(pair.hosts[1 - side].address.into());
        let kinds: Vec<_> = pair.events(side).iter().map(|event| event.kind).collect();
        let done = EventKind::HandshakeDone { endpoint };
        assert_eq!(kinds, [done]);
        assert_eq!(pair.peer(side).last_handshake(), Some(pair.now.unix));
        assert!(read(&pair.peer(side).path).session.is_some());
    }
}

#[test]
fn the_way_there_and_back_is_timed_by_the_handshake_and_by_the_try_that_was_answered() {
    let mut pair = Pair::new();
    let home = [LEFT, RIGHT].map(|side| pair.hosts[side].address);
    // Never delivered.
    initiation_of(&pair, LEFT);
    let sent_at = pair.now.instant + seconds(6);
    pair.jump(sent_at);
    let mut outbox = Outbox::new();
    pair.hosts[LEFT]
        .tunnel
        .handle_timeout(pair.now, &mut outbox);
    let retry = outbox.iter().next().unwrap().1.to_vec();

    pair.jump(sent_at + millis(4));
    let response = pair.deliver(RIGHT, home[LEFT], &retry).remove(0);
    pair.jump(sent_at + millis(9));
    pair.deliver(LEFT, home[RIGHT], &response);

    assert_eq!(pair.peer(LEFT).handshake_rtt(), Some(millis(9)));
    assert_eq!(pair.peer(RIGHT).handshake_rtt(), None);
    assert_eq!(pair.peer(LEFT).status().handshake_rtt, Some(millis(9)));
}

fn initiation_of(pair: &Pair, side: usize) -> Vec<u8> {
    let mut outbox = Outbox::new();
    pair.seal(side, b"hello", &mut outbox);
    outbox.iter().next().unwrap().1.to_vec()
}

fn set_preshared(pair: &Pair, side: usize, byte: u8) {
    pair.configure(side, |update| PeerUpdate {
        preshared_key: Some(PresharedKey::from_bytes([byte; 32])),
        ..update
    });
}
