//! Lines 5 to 7: cookies and load.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use crate::conformance::pair::{LEFT, Pair, RIGHT, millis, seconds};
use crate::cookie::{mac1_key, stamp};
use crate::load::Load;
use crate::{DropReason, Outbox};

#[test]
fn line_5_under_load_a_handshake_takes_a_cookie_from_this_very_address_and_port() {
    let mut pair = Pair::new();
    pair.hosts[RIGHT].tunnel.set_under_load(true);
    let home = pair.hosts[LEFT].address;
    let other_port = SocketAddr::new(home.ip(), home.port() + 1);
    pair.send(LEFT, b"hello");
    assert_eq!(pair.count(RIGHT, 3), 1, "a cookie reply");
    assert_eq!(pair.count(RIGHT, 2), 0, "and no response");
    pair.forget();

    let retry = next_try(&mut pair);
    assert_ne!(retry[132..], [0; 16], "mac2 is there");
    let answers = pair.deliver(RIGHT, other_port, &retry);
    assert_eq!(answers[0][0], 3);
    let answers = pair.deliver(RIGHT, home, &retry);
    assert_eq!(answers[0][0], 2);

    assert_eq!(pair.hosts[RIGHT].drops, [DropReason::CookieSent]);
}

#[test]
fn line_5_a_cookie_of_a_secret_older_than_120_seconds_is_refused() {
    for (age, is_accepted) in [(119, true), (121, false)] {
        let mut pair = Pair::new();
        pair.hosts[RIGHT].tunnel.set_under_load(true);
        pair.send(LEFT, b"hello");
        let home = pair.hosts[LEFT].address;
        let retry = next_try(&mut pair);

        pair.jump(pair.now.instant + seconds(age - 6));
        let answers = pair.deliver(RIGHT, home, &retry);

        assert_eq!(answers[0][0] == 2, is_accepted, "{age} s");
    }
}

#[test]
fn line_5_a_cookie_reply_is_bound_to_the_message_it_answers() {
    let mut pair = Pair::new();
    pair.hosts[RIGHT].tunnel.set_under_load(true);
    let mut outbox = Outbox::new();
    pair.seal(LEFT, b"hello", &mut outbox);
    let mut initiation = outbox.iter().next().unwrap().1.to_vec();
    // A message that LEFT never sent, with the index of one that it did.
    initiation[100] ^= 1;
    let right = pair.hosts[RIGHT].tunnel.public_key().unwrap();
    stamp(&mut initiation, &mac1_key(&right), None);

    let home = pair.hosts[LEFT].address;
    let reply = pair.deliver(RIGHT, home, &initiation).remove(0);
    pair.deliver(LEFT, pair.hosts[RIGHT].address, &reply);

    assert_eq!(pair.hosts[LEFT].drops, [DropReason::BadCookie]);
}

#[test]
fn line_7_a_cookie_is_used_for_120_seconds_and_makes_nothing_be_resent() {
    let mut pair = Pair::new();
    pair.hosts[RIGHT].tunnel.set_under_load(true);
    pair.send(LEFT, b"hello");
    assert_eq!(pair.log.len(), 2, "initiation, cookie reply, silence");

    pair.loses = |_, _| true;
    pair.jump(pair.now.instant + seconds(114));
    assert_ne!(next_try(&mut pair)[132..], [0; 16]);
    assert_eq!(next_try(&mut pair)[132..], [0; 16]);
}

#[test]
fn line_6_a_source_that_fails_often_pushes_nobody_else_to_cookies() {
    let mut now = Pair::new().now.instant;
    let mut load = Load::new(now);
    let noisy = IpAddr::from([203, 0, 113, 9]);
    let honest = IpAddr::from([198, 51, 100, 7]);

    for _ in 0..99_900 {
        load.note_failure(noisy, now);
        now += millis(1) / 10;
        assert!(!load.wants_cookie(honest, now));
    }

    assert!(load.wants_cookie(noisy, now));
    assert!(!load.wants_cookie(noisy, now + seconds(1)));
}

#[test]
fn line_6_many_failing_sources_put_everybody_under_load_for_a_second() {
    let now = Pair::new().now.instant;
    let mut load = Load::new(now);
    for number in 0..1000_u32 {
        load.note_failure(IpAddr::from(number.to_be_bytes()), now);
    }

    let honest = IpAddr::from([198, 51, 100, 7]);
    assert!(load.wants_cookie(honest, now + millis(999)));
    assert!(!load.wants_cookie(honest, now + millis(1001)));
}

#[test]
fn line_6_under_load_a_source_that_nothing_is_held_against_needs_no_cookie() {
    let now = Pair::new().now.instant;
    let mut load = Load::new(now);
    let known = IpAddr::from([203, 0, 113, 9]);
    let honest = IpAddr::from([198, 51, 100, 7]);
    load.note_failure(known, now);

    assert!(!load.takes_unproven(known, now + millis(59_999)));
    assert!(load.takes_unproven(known, now + seconds(60)));
    assert!(load.takes_unproven(honest, now));
    assert!(
        !load.takes_unproven(honest, now + millis(59_999)),
        "nothing came of it"
    );
    load.note_success(honest);
    assert!(load.takes_unproven(honest, now));
    load.note_success(honest);
    load.set_always(true);
    assert!(!load.takes_unproven(honest, now), "a caller knows of load");
}

#[test]
fn line_6_without_a_cookie_a_source_has_5_handshakes_at_once_and_all_together_2048() {
    let now = Pair::new().now.instant;
    let mut load = Load::new(now);
    let mut computed = |number: u32, now| {
        let source = IpAddr::from(number.to_be_bytes());
        let is_let_in = load.takes_unproven(source, now);
        load.note_success(source);
        is_let_in
    };

    assert_eq!((0..100).filter(|_| computed(7, now)).count(), 5);
    // What one asks for too often is not taken from the others.
    assert_eq!((1000..9000).filter(|n| computed(*n, now)).count(), 2043);
    let later = now + seconds(1);
    let then = (10_000..19_000).filter(|n| computed(*n, later));
    assert_eq!(then.count(), 512);
}

#[test]
fn line_6_while_under_load_a_source_has_5_handshakes_at_once_and_20_a_second() {
    let mut now = Pair::new().now.instant;
    let mut load = Load::new(now);
    let source = IpAddr::from([198, 51, 100, 7]);

    let burst = (0..100).filter(|_| load.allows(source, now)).count();
    let mut steady = 0;
    for _ in 0..1000 {
        now += millis(10);
        steady += usize::from(load.allows(source, now));
    }

    assert_eq!(burst, 5);
    assert_eq!(steady, 200);
}

#[test]
fn line_6_the_addresses_of_a_64_count_as_one_source_and_the_table_is_bounded() {
    let now = Pair::new().now.instant;
    let mut load = Load::new(now);
    let address = |low: u128| IpAddr::V6(Ipv6Addr::from((0xfd00_u128 << 112) + low));

    assert_eq!(
        (0..10)
            .filter(|low| load.allows(address(*low), now))
            .count(),
        5
    );
    for network in 0..300_000_u128 {
        load.note_failure(address(network << 64), now);
    }
    assert!(load.sources() <= 100_000);
}

/// LEFT's next initiation, which the network loses.
pub(super) fn next_try(pair: &mut Pair) -> Vec<u8> {
    pair.loses = |_, _| true;
    pair.advance(millis(5400));
    let initiation = pair.log.iter().rev().find(|sent| sent.bytes[0] == 1);
    initiation.unwrap().bytes.clone()
}
