//! Lines 18 to 25: what time brings.

#[cfg(target_os = "linux")]
use std::os::unix::fs::FileExt;
use std::time::Duration;

use crate::conformance::pair::{LEFT, Pair, RIGHT, millis, seconds};
use crate::locks::{lock, read};
#[cfg(target_os = "linux")]
use crate::noise::made_keys;
use crate::{DropReason, EventKind, Outbox, PeerUpdate};

#[test]
fn line_18_steady_traffic_rekeys_once_in_120_seconds_whoever_sends() {
    for senders in [&[LEFT][..], &[RIGHT], &[LEFT, RIGHT]] {
        let mut pair = Pair::connected();
        for _ in 0..3600 {
            pair.advance(seconds(1));
            for side in senders {
                pair.send(*side, b"steady");
            }
        }

        let handshakes = pair.count(LEFT, 1) + pair.count(RIGHT, 1);
        let arrived = pair.hosts[LEFT].delivered.len() + pair.hosts[RIGHT].delivered.len();
        // Whoever only receives sends a keepalive every ten seconds, which is as good a reason.
        assert!((29..=30).contains(&handshakes), "{senders:?}: {handshakes}");
        assert_eq!(arrived, 3600 * senders.len());
    }
}

#[test]
fn line_18_only_the_initiator_rekeys_by_age_on_send_at_120_and_on_receive_at_165_seconds() {
    for (sender, age, starts) in [
        (LEFT, 119, 0),
        (LEFT, 121, 1),
        (RIGHT, 121, 0),
        (RIGHT, 164, 0),
        (RIGHT, 166, 1),
    ] {
        let mut pair = Pair::connected();
        pair.jump(pair.now.instant + seconds(age));

        pair.send(sender, b"late");

        assert_eq!(pair.count(LEFT, 1), starts, "{sender} at {age} s");
        assert_eq!(pair.count(RIGHT, 1), 0);
    }
}

#[test]
fn line_18_data_under_the_previous_key_asks_for_no_rekey() {
    let mut pair = Pair::connected();
    pair.jump(pair.now.instant + seconds(121));
    // All of LEFT's data is lost, so RIGHT does not hear that the new session is confirmed.
    pair.loses = |from, bytes| (from, bytes[0]) == (LEFT, 4);
    pair.send(LEFT, b"rekey");
    pair.forget();
    pair.loses = |_, _| false;
    pair.jump(pair.now.instant + seconds(46));

    pair.send(RIGHT, b"under a key of 167 seconds");

    assert_eq!(pair.hosts[LEFT].delivered.len(), 1);
    assert_eq!(pair.count(LEFT, 1), 0);
}

#[test]
fn line_19_a_key_of_181_seconds_neither_seals_nor_opens() {
    let mut pair = Pair::connected();
    let mut outbox = Outbox::new();
    let sealed = pair.seal(LEFT, b"in time", &mut outbox).unwrap();
    pair.jump(pair.now.instant + seconds(181));

    pair.deliver(RIGHT, pair.hosts[LEFT].address, &sealed);
    let staged = [LEFT, RIGHT].map(|side| pair.seal(side, b"late", &mut outbox));

    assert_eq!(pair.hosts[RIGHT].drops, [DropReason::SessionExpired]);
    assert_eq!(staged, [None, None]);
}

#[test]
fn line_20_retries_come_after_5_seconds_and_up_to_a_third() {
    let mut gaps = Vec::new();
    for seed in 0..60 {
        let mut pair = Pair::seeded(seed);
        pair.loses = |_, _| true;
        pair.send(LEFT, b"hello?");
        pair.advance(seconds(120));
        let times: Vec<_> = pair.log.iter().map(|sent| sent.after).collect();
        gaps.extend(times.windows(2).map(|two| two[1] - two[0]));
    }

    assert!(gaps.len() >= 1000);
    assert!(
        gaps.iter()
            .all(|gap| (millis(5000)..=millis(5334)).contains(gap))
    );
    for third in 0..3 {
        let third = millis(5000 + third * 111)..millis(5000 + (third + 1) * 111);
        let share = gaps.iter().filter(|gap| third.contains(gap)).count();
        assert!(
            share * 4 > gaps.len(),
            "{share} of {} in {third:?}",
            gaps.len()
        );
    }
}

#[test]
fn line_21_after_18_tries_in_90_seconds_it_stops_drops_what_waited_and_resumes_with_new_traffic() {
    let mut pair = Pair::new();
    pair.loses = |_, _| true;
    pair.send(LEFT, b"hello?");
    pair.advance(seconds(600));

    assert_eq!(pair.count(LEFT, 1), 18);
    assert!(pair.log.last().unwrap().after < seconds(91));
    assert!(lock(&pair.peer(LEFT).state).staged.is_empty());
    let kinds: Vec<_> = pair.events(LEFT).iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::HandshakeGaveUp]);

    pair.loses = |_, _| false;
    pair.send(LEFT, b"again");
    assert_eq!(pair.hosts[RIGHT].delivered, [pair.packet(LEFT, b"again")]);
}

#[test]
fn line_22_a_keepalive_answers_data_after_10_seconds_and_nothing_answers_a_keepalive() {
    let mut pair = Pair::connected();
    pair.advance(seconds(60));
    pair.forget();
    pair.send(LEFT, b"no answer to this");

    pair.advance(millis(9_999));
    assert_eq!(pair.count(RIGHT, 4), 0);
    pair.advance(millis(1));
    assert_eq!(pair.count(RIGHT, 4), 1);
    assert_eq!(pair.log.last().unwrap().bytes.len(), 32);

    pair.forget();
    pair.advance(seconds(3600));
    assert_eq!(pair.log.len(), 0, "two idle tunnels are silent");
}

#[test]
fn line_22_whoever_answers_with_data_sends_no_keepalive() {
    let mut pair = Pair::connected();
    pair.advance(seconds(60));
    pair.forget();

    for _ in 0..5 {
        pair.send(LEFT, b"ping");
        pair.send(RIGHT, b"pong");
        pair.advance(seconds(9));
    }

    assert!(pair.log.iter().all(|sent| sent.bytes.len() > 32));
}

#[test]
fn line_23_data_and_then_15_seconds_of_silence_start_a_handshake() {
    let mut pair = Pair::connected();
    pair.advance(seconds(60));
    pair.forget();
    pair.loses = |from, _| from == RIGHT;
    let start = pair.now.instant;
    pair.send(LEFT, b"are you there?");

    pair.advance(millis(14_999));
    assert_eq!(pair.count(LEFT, 1), 0);
    pair.advance(millis(335));
    assert_eq!(pair.count(LEFT, 1), 1);
    assert!(pair.now.instant - start < millis(15_335));
}

#[test]
fn line_24_a_persistent_keepalive_comes_when_idle_only_and_stops_at_0() {
    let mut pair = Pair::connected();
    pair.configure(LEFT, |update| PeerUpdate {
        keepalive_seconds: Some(25),
        ..update
    });
    pair.advance(seconds(1));
    pair.forget();
    pair.advance(seconds(100));
    assert_eq!(pair.count(LEFT, 4), 4);

    pair.forget();
    for _ in 0..20 {
        pair.advance(seconds(20));
        pair.send(LEFT, b"not idle");
    }
    let keepalives = pair
        .log
        .iter()
        .filter(|sent| sent.from == LEFT && sent.bytes.len() == 32)
        .count();
    let after_handshakes = pair.count(LEFT, 1);
    assert!(keepalives <= after_handshakes, "{keepalives}");

    pair.configure(LEFT, |update| PeerUpdate {
        keepalive_seconds: Some(0),
        ..update
    });
    pair.advance(seconds(30));
    pair.forget();
    pair.advance(seconds(600));
    assert_eq!(pair.log.len(), 0);
}

#[test]
fn line_24_turning_the_persistent_keepalive_on_shakes_hands_at_once() {
    let mut pair = Pair::new();

    pair.configure(LEFT, |update| PeerUpdate {
        keepalive_seconds: Some(25),
        ..update
    });
    pair.advance(Duration::ZERO);

    assert!(pair.peer(LEFT).has_session(pair.now));
    assert!(pair.peer(RIGHT).has_session(pair.now));
}

#[test]
fn line_25_540_seconds_without_a_new_session_erase_every_key() {
    let mut pair = Pair::connected();
    let watched: Vec<_> = [LEFT, RIGHT]
        .iter()
        .map(|side| {
            let peer = pair.peer(*side);
            let session = read(&peer.path).session.clone().unwrap();
            std::sync::Arc::downgrade(&session)
        })
        .collect();

    pair.advance(seconds(539));
    assert!(watched.iter().all(|session| session.upgrade().is_some()));
    pair.advance(seconds(2));

    assert!(watched.iter().all(|session| session.upgrade().is_none()));
    for side in [LEFT, RIGHT] {
        assert_eq!(pair.hosts[side].tunnel.indices.len(), 0);
        assert!(lock(&pair.peer(side).state).initiation.is_none());
    }
}

#[cfg(target_os = "linux")]
#[test]
fn line_25_no_copy_of_a_session_key_is_left_in_memory() {
    let mut pair = Pair::connected();
    assert_eq!(made_keys::masked().len(), 2);
    assert!(copies_in_memory() >= 2, "or the search would prove nothing");

    pair.advance(seconds(541));

    assert_eq!(copies_in_memory(), 0);
}

/// Occurrences of any session key that this thread has made, in all writable memory of the process.
#[cfg(target_os = "linux")]
fn copies_in_memory() -> usize {
    let masked = made_keys::masked();
    let memory = std::fs::File::open("/proc/self/mem").unwrap();
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    let mut page = vec![0; 64 * 1024 + 31];
    let mut found = 0;
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (range, _) = line.split_once(' ').unwrap();
        let (from, to) = range.split_once('-').unwrap();
        let [from, to] = [from, to].map(|hex| u64::from_str_radix(hex, 16).unwrap());
        for start in (from..to).step_by(64 * 1024) {
            let Ok(length) = memory.read_at(&mut page, start) else {
                continue;
            };
            found += page[..length]
                .windows(32)
                .filter(|window| masked.iter().any(|key| is_key(window, key)))
                .count();
            page.fill(0);
        }
    }
    found
}

#[cfg(target_os = "linux")]
fn is_key(window: &[u8], masked: &[u8; 32]) -> bool {
    window
        .iter()
        .zip(masked)
        .all(|(byte, masked)| byte ^ made_keys::MASK == *masked)
}

#[test]
fn line_25_the_third_rotation_drops_the_first_session() {
    let mut pair = Pair::connected();
    let first = std::sync::Arc::downgrade(read(&pair.peer(LEFT).path).session.as_ref().unwrap());
    for rotation in 1..=2 {
        pair.advance(seconds(121));
        pair.send(LEFT, b"rekey");
        pair.send(LEFT, b"under the new key");
        assert_eq!(first.upgrade().is_some(), rotation == 1);
    }
}

#[test]
fn a_peer_is_lost_180_seconds_after_its_last_handshake_and_told_once() {
    let mut pair = Pair::connected();
    pair.events(LEFT);

    pair.advance(seconds(179));
    assert!(pair.events(LEFT).is_empty());
    pair.advance(seconds(3600));

    let kinds: Vec<_> = pair.events(LEFT).iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [EventKind::PeerLost]);
    assert!(!pair.peer(LEFT).has_session(pair.now));
}

#[test]
fn ten_thousand_idle_peers_have_nothing_due() {
    let pair = Pair::new();
    for number in 0..10_000_u32 {
        let mut key = [7; 32];
        key[..4].copy_from_slice(&number.to_le_bytes());
        let update = PeerUpdate::new(crate::PublicKey(key));
        pair.hosts[LEFT].tunnel.update_peer(pair.now, update);
    }

    assert_eq!(pair.hosts[LEFT].tunnel.next_wakeup(), None);
    assert!(
        size_of::<crate::Peer>() < 1024,
        "{}",
        size_of::<crate::Peer>()
    );
}
