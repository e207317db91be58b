//! Lines 14 to 17: counters.

use crate::DropReason;
use crate::conformance::pair::{LEFT, Pair, RIGHT, Seeded, ipv4};
use crate::constants::{REJECT_AFTER_MESSAGES, REKEY_AFTER_MESSAGES};
use crate::locks::{lock, read};
use crate::replay::{ReplayWindow, WINDOW};
use crate::session::Session;

/// The steps of wireguard-go's `TestReplay`, as datagrams that come to a session: its numbers, with our limit (it tests with
/// another one than it uses).
#[test]
fn line_14_of_34_counters_those_are_taken_that_are_new_and_within_reach() {
    const LIMIT: u64 = REJECT_AFTER_MESSAGES;
    let far = WINDOW + 1;
    let steps = [
        (0, true),
        (1, true),
        (1, false),
        (9, true),
        (8, true),
        (7, true),
        (7, false),
        (far, true),
        (far - 1, true),
        (far - 1, false),
        (far - 2, true),
        (2, true),
        (2, false),
        (far + 16, true),
        (3, false),
        (far + 16, false),
        (far * 4, true),
        (far * 4 - (far - 1), true),
        (10, false),
        (far * 4 - far, false),
        (far * 4 - (far + 1), false),
        (far * 4 - (far - 2), true),
        (far * 4 + 1 - far, false),
        (0, false),
        (LIMIT, false),
        (LIMIT - 1, true),
        (LIMIT, false),
        (LIMIT - 1, false),
        (LIMIT - 2, true),
        (LIMIT + 1, false),
        (LIMIT + 2, false),
        (LIMIT - 2, false),
        (LIMIT - 3, true),
        (0, false),
    ];
    // RIGHT has a session, and has sent nothing under it.
    let mut pair = Pair::new();
    pair.send(LEFT, b"hello");
    let sender = session_of(&pair, RIGHT);
    let home = pair.hosts[RIGHT].address;

    for (step, (counter, is_new)) in (1..).zip(steps) {
        pair.forget();
        pair.deliver(LEFT, home, &datagram_with(&sender, counter));

        let refused = match counter {
            LIMIT.. => DropReason::CounterExhausted,
            _ => DropReason::Replayed,
        };
        let drops = if is_new { vec![] } else { vec![refused] };
        assert_eq!(pair.hosts[LEFT].drops, drops, "step {step}: {counter}");
        assert_eq!(pair.hosts[LEFT].delivered.len(), usize::from(is_new));
    }
}

#[test]
fn line_14_replay_window_takes_six_bulks_in_whatever_order() {
    let mut window = ReplayWindow::default();
    assert!((1..=WINDOW).all(|counter| window.accept(counter)));
    assert!(window.accept(0));
    assert!(!window.accept(0));

    let mut window = ReplayWindow::default();
    assert!((2..=WINDOW + 1).all(|counter| window.accept(counter)));
    assert!(window.accept(1));
    assert!(!window.accept(0), "one further back than the window");

    let mut window = ReplayWindow::default();
    assert!((1..=WINDOW + 1).rev().all(|counter| window.accept(counter)));
    assert!(!(1..=WINDOW + 1).any(|counter| window.accept(counter)));

    let mut window = ReplayWindow::default();
    assert!((2..=WINDOW + 2).rev().all(|counter| window.accept(counter)));
    assert!(!window.accept(0));

    let mut window = ReplayWindow::default();
    assert!((1..=WINDOW).rev().all(|counter| window.accept(counter)));
    assert!(window.accept(WINDOW + 1));
    assert!(!window.accept(0));

    let mut window = ReplayWindow::default();
    assert!((1..=WINDOW).rev().all(|counter| window.accept(counter)));
    assert!(window.accept(0));
    assert!(window.accept(WINDOW + 1));
}

#[test]
fn line_14_replay_window_agrees_with_a_set_of_all_counters() {
    let random = Seeded::new(14);
    let mut window = ReplayWindow::default();
    let mut seen = std::collections::HashSet::new();
    let mut newest = 0;
    for _ in 0..300_000 {
        let step = random.number();
        let reach = if step.is_multiple_of(1000) {
            40_000
        } else {
            9_000
        };
        let counter = (newest + 600_u64).saturating_sub(random.number() % reach);
        let expected = counter + WINDOW >= newest && seen.insert(counter);

        assert_eq!(window.accept(counter), expected);
        newest = newest.max(counter);
    }
}

/// In rounds, each wholly backwards and then once more.
#[test]
fn line_14_of_104000_packets_none_is_delivered_twice_and_8000_late_ones_still_arrive() {
    let mut pair = Pair::connected();
    let home = pair.hosts[LEFT].address;
    let mut outbox = crate::Outbox::new();
    for _ in 0..13 {
        let sent: Vec<_> = (0..8000_u32)
            .map(|number| pair.seal(LEFT, &number.to_be_bytes(), &mut outbox).unwrap())
            .collect();

        for datagram in sent.iter().rev().chain(&sent) {
            pair.deliver(RIGHT, home, datagram);
        }

        assert_eq!(pair.hosts[RIGHT].delivered.len(), 8000);
        assert_eq!(pair.hosts[RIGHT].drops, [DropReason::Replayed; 8000]);
        pair.forget();
    }
}

#[test]
fn line_15_a_forged_high_counter_does_not_close_the_window() {
    let mut pair = Pair::connected();
    let mut outbox = crate::Outbox::new();
    let honest = pair.seal(LEFT, b"honest", &mut outbox).unwrap();
    let mut forged = honest.clone();
    forged[8..16].copy_from_slice(&1_000_000_u64.to_le_bytes());

    pair.deliver(RIGHT, pair.hosts[LEFT].address, &forged);
    pair.deliver(RIGHT, pair.hosts[LEFT].address, &honest);

    assert_eq!(pair.hosts[RIGHT].drops, [DropReason::BadTag]);
    assert_eq!(pair.hosts[RIGHT].delivered.len(), 1);
}

#[test]
fn line_16_the_send_counter_has_64_bits() {
    let mut pair = Pair::connected();
    session_of(&pair, LEFT).set_sent((1 << 32) - 2);

    for _ in 0..4 {
        pair.send(LEFT, b"over the edge");
    }

    let counters: Vec<u64> = pair
        .log
        .iter()
        .map(|sent| u64::from_le_bytes(sent.bytes[8..16].try_into().unwrap()))
        .collect();
    assert_eq!(
        counters,
        [(1 << 32) - 2, (1 << 32) - 1, 1 << 32, (1 << 32) + 1]
    );
    assert_eq!(pair.hosts[RIGHT].delivered.len(), 4);
}

#[test]
fn line_17_after_2_to_the_60_messages_a_rekey_starts_on_either_side() {
    for side in [LEFT, RIGHT] {
        let mut pair = Pair::connected();
        pair.advance(crate::conformance::pair::seconds(6));
        pair.forget();
        session_of(&pair, side).set_sent(REKEY_AFTER_MESSAGES);

        pair.send(side, b"the last one without");
        assert_eq!(pair.count(side, 1), 0);
        pair.send(side, b"this one asks for a rekey");

        assert_eq!(pair.count(side, 1), 1);
    }
}

#[test]
fn line_17_past_the_reject_limit_nothing_is_sent_and_nothing_is_opened() {
    let mut pair = Pair::connected();
    let session = session_of(&pair, LEFT);
    session.set_sent(REJECT_AFTER_MESSAGES - 1);
    let mut outbox = crate::Outbox::new();

    let last = pair.seal(LEFT, b"the last one", &mut outbox).unwrap();
    assert!(pair.seal(LEFT, b"one too many", &mut outbox).is_none());
    let mut past_it = last.clone();
    past_it[8..16].copy_from_slice(&REJECT_AFTER_MESSAGES.to_le_bytes());
    pair.deliver(RIGHT, pair.hosts[LEFT].address, &past_it);
    pair.deliver(RIGHT, pair.hosts[LEFT].address, &last);

    assert_eq!(pair.hosts[RIGHT].drops, [DropReason::CounterExhausted]);
    assert_eq!(pair.hosts[RIGHT].delivered.len(), 1);
    let mut plaintext = [0; 64];
    for _ in 0..3 {
        assert_eq!(
            session.seal(&mut plaintext),
            Err(DropReason::CounterExhausted)
        );
    }
}

/// A whole packet under this counter; past the limit no session seals one, but anybody can write one.
fn datagram_with(session: &Session, counter: u64) -> Vec<u8> {
    let mut datagram = vec![0; 16];
    datagram.extend(ipv4([10, 0, 0, 2], [10, 0, 0, 1], &[0x14; 12]));
    datagram.extend([0; 16]);
    session.set_sent(counter.min(REJECT_AFTER_MESSAGES - 1));
    session.seal(&mut datagram).unwrap();
    datagram[8..16].copy_from_slice(&counter.to_le_bytes());
    datagram
}

fn session_of(pair: &Pair, side: usize) -> std::sync::Arc<crate::session::Session> {
    let peer = pair.peer(side);
    let current = lock(&peer.state).sessions.current.clone();
    let path = read(&peer.path).session.clone();
    assert!(std::sync::Arc::ptr_eq(
        current.as_ref().unwrap(),
        path.as_ref().unwrap()
    ));
    current.unwrap()
}
