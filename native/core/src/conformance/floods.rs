//! Lines 4 to 6 in numbers: what many bad handshakes are answered, and what that does to a good one among them.

use std::net::SocketAddr;

use crate::conformance::admission::next_try;
use crate::conformance::pair::{LEFT, Pair, RIGHT, datagrams, millis, seconds};
use crate::cookie::{mac1_key, stamp};
use crate::{DropReason, Endpoint, Outbox};

#[test]
fn line_4_among_neighbours_each_mac1_counts_for_itself() {
    for good in 0..9 {
        let pair = Pair::new();
        let honest = initiation(&pair);
        let mut messages = vec![honest; 9];
        for (place, message) in messages.iter_mut().enumerate() {
            if place != good {
                message[116 + place] ^= 1;
            }
        }

        let (refused, answers) = receive(&pair, &mut messages);

        assert_eq!(refused, 8);
        assert_eq!(answers.len(), 1, "the good one is number {good}");
        assert_eq!(answers[0][0], 2, "a response");
        assert_eq!(dropped(&pair, DropReason::BadMac1), 8);
    }
}

#[test]
fn line_4_neighbours_of_other_kinds_and_lengths_are_judged_as_if_alone() {
    let mut pair = Pair::connected();
    pair.forget();
    let honest = initiation(&Pair::new());
    let mut response = honest[..92].to_vec();
    response[0] = 2;
    let mut short = honest[..147].to_vec();
    short[0] = 1;
    let mut messages = vec![
        honest.clone(),
        response.clone(),
        honest.clone(),
        short,
        response.clone(),
        response.clone(),
        response.clone(),
        response,
        vec![],
    ];

    let (refused, answers) = receive(&pair, &mut messages);

    // The honest ones are old by now, which takes Diffie-Hellman to find out.
    assert_eq!(refused, 7);
    assert!(answers.is_empty());
    assert_eq!(dropped(&pair, DropReason::BadMac1), 5);
    assert_eq!(dropped(&pair, DropReason::Malformed), 2);
    assert_eq!(dropped(&pair, DropReason::ReplayedHandshake), 2);
}

#[test]
fn line_5_who_floods_from_one_place_gets_few_cookies_and_keeps_nobody_from_his() {
    let mut pair = Pair::new();
    pair.hosts[RIGHT].tunnel.set_under_load(true);
    let honest = initiation(&pair);
    let noisy = SocketAddr::from(([203, 0, 113, 9], 4000));
    let home = pair.hosts[LEFT].address;

    let sent = (0..5000)
        .filter(|_| !pair.deliver(RIGHT, noisy, &honest).is_empty())
        .count();
    assert_eq!(sent, 16);
    assert_eq!(dropped(&pair, DropReason::CookieSent), 16);
    assert_eq!(dropped(&pair, DropReason::RateLimited), 5000 - 16);

    let elsewhere = SocketAddr::new(noisy.ip(), noisy.port() + 1);
    for newcomer in [home, elsewhere] {
        let answers = pair.deliver(RIGHT, newcomer, &honest);
        assert_eq!(answers[0][0], 3, "a cookie reply to {newcomer}");
    }
    pair.now.instant += millis(100);
    assert!(!pair.deliver(RIGHT, noisy, &honest).is_empty());
}

#[test]
fn line_5_who_has_had_his_share_is_not_looked_at_any_more_but_with_a_cookie() {
    let mut pair = Pair::new();
    pair.hosts[RIGHT].tunnel.set_under_load(true);
    pair.send(LEFT, b"hello");
    let honest = pair.log[0].bytes.clone();
    let retry = next_try(&mut pair);
    assert_ne!(retry[132..], [0; 16], "it has a cookie");
    let mut wrong = honest.clone();
    wrong[116] ^= 1;
    let home = pair.hosts[LEFT].address;
    let elsewhere = SocketAddr::new(home.ip(), home.port() + 1);

    let mut judge = |place, message: &[u8]| {
        pair.hosts[RIGHT].drops.clear();
        let answers = pair.deliver(RIGHT, place, message);
        (
            answers.first().map(|answer| answer[0]),
            pair.hosts[RIGHT].drops.first().copied(),
        )
    };
    for _ in 0..16 {
        assert_eq!(judge(home, &wrong), (None, Some(DropReason::BadMac1)));
        assert_eq!(
            judge(home, &honest),
            (Some(3), Some(DropReason::CookieSent))
        );
    }
    // The one that is too much is looked at; no other.
    assert_eq!(judge(home, &wrong), (None, Some(DropReason::BadMac1)));
    assert_eq!(judge(home, &honest), (None, Some(DropReason::RateLimited)));
    assert_eq!(judge(home, &wrong), (None, Some(DropReason::RateLimited)));
    assert_eq!(judge(elsewhere, &wrong), (None, Some(DropReason::BadMac1)));
    let mut spoiled = retry.clone();
    spoiled[147] ^= 1;
    assert_eq!(judge(home, &spoiled), (None, Some(DropReason::RateLimited)));
    assert_eq!(judge(home, &retry), (Some(2), None), "a response");

    pair.now.instant += millis(100);
    pair.deliver(RIGHT, home, &wrong);
    assert_eq!(pair.hosts[RIGHT].drops.pop(), Some(DropReason::BadMac1));
}

#[test]
fn line_5_who_has_had_his_share_is_heard_again_when_load_is_over() {
    let mut pair = Pair::new();
    pair.hosts[RIGHT].tunnel.set_under_load(true);
    let honest = initiation(&pair);
    let home = pair.hosts[LEFT].address;
    for _ in 0..20 {
        pair.deliver(RIGHT, home, &honest);
    }
    assert_eq!(dropped(&pair, DropReason::RateLimited), 4);

    pair.hosts[RIGHT].tunnel.set_under_load(false);
    assert_eq!(pair.deliver(RIGHT, home, &honest)[0][0], 2, "a response");
}

#[test]
fn line_5_in_a_flood_from_many_places_all_get_their_cookie() {
    let mut pair = Pair::new();
    pair.hosts[RIGHT].tunnel.set_under_load(true);
    let honest = initiation(&pair);

    // 50,000 a second, each from a place of its own, and a newcomer in the middle.
    for number in 0..10_000_u32 {
        let [_, _, high, low] = number.to_be_bytes();
        let place = SocketAddr::from(([198, 51, high, low], 4000));
        assert_eq!(pair.deliver(RIGHT, place, &honest).len(), 1);
        pair.now.instant += millis(1) / 50;
    }
}

#[test]
fn line_6_in_a_flood_from_a_thousand_places_a_peer_from_elsewhere_needs_no_cookie() {
    let mut pair = Pair::new();
    let replayed = initiation(&pair);
    let home = pair.hosts[LEFT].address;
    assert_eq!(pair.deliver(RIGHT, home, &replayed)[0][0], 2, "a response");
    let fresh = next_try(&mut pair);
    let later = next_try(&mut pair);

    flood(&mut pair, &replayed, 6);
    let answers = pair.deliver(RIGHT, place(0), &fresh);
    assert_eq!(answers[0][0], 3, "a cookie reply: this place has failed");
    assert_eq!(pair.deliver(RIGHT, home, &fresh)[0][0], 2, "a response");
    flood(&mut pair, &replayed, 6);
    assert_eq!(pair.deliver(RIGHT, home, &later)[0][0], 2, "a response");

    let computed = dropped(&pair, DropReason::ReplayedHandshake);
    assert!(computed < 6000, "{computed} of 60,000");
}

/// Anybody can write any address on a datagram.
#[test]
fn line_6_what_others_send_in_ones_name_costs_no_handshake_that_shows_a_cookie() {
    let mut pair = Pair::new();
    let replayed = initiation(&pair);
    let home = pair.hosts[LEFT].address;
    let right = pair.hosts[RIGHT].tunnel.public_key().unwrap();
    assert_eq!(pair.deliver(RIGHT, home, &replayed)[0][0], 2, "a response");
    let fresh = next_try(&mut pair);
    flood(&mut pair, &replayed, 2);
    pair.deliver(RIGHT, home, &replayed);
    let reply = pair.deliver(RIGHT, home, &fresh).remove(0);
    assert_eq!(reply[0], 3, "a cookie reply: it has failed");
    pair.deliver(LEFT, pair.hosts[RIGHT].address, &reply);
    let with_cookie = next_try(&mut pair);
    assert_ne!(with_cookie[132..], [0; 16]);

    pair.jump(pair.now.instant + seconds(60));
    flood(&mut pair, &replayed, 2);
    for number in 0..1000_u32 {
        let mut response = vec![0; 92];
        response[0] = 2;
        response[8..12].copy_from_slice(&number.to_be_bytes());
        stamp(&mut response, &mac1_key(&right), None);
        pair.deliver(RIGHT, home, &response);
    }

    assert_eq!(pair.deliver(RIGHT, home, &with_cookie)[0][0], 2);
}

#[test]
fn line_6_who_needs_no_cookie_is_not_taken_for_a_neighbour_that_has_had_its_share_of_them() {
    let mut pair = Pair::new();
    let replayed = initiation(&pair);
    let home = pair.hosts[LEFT].address;
    assert_eq!(pair.deliver(RIGHT, home, &replayed)[0][0], 2, "a response");
    flood(&mut pair, &replayed, 2);
    // Places are told apart by a number of 4,096: those of a hundred are used up.
    for number in 0..100 * 20 {
        pair.deliver(RIGHT, place(number % 100), &replayed);
    }
    assert!(dropped(&pair, DropReason::RateLimited) > 0);

    let before = dropped(&pair, DropReason::RateLimited);
    for number in 0..1000_u16 {
        let [high, low] = number.to_be_bytes();
        let newcomer = SocketAddr::from(([203, 0, high, low], 4000));
        assert!(pair.deliver(RIGHT, newcomer, &replayed).is_empty());
    }
    assert_eq!(dropped(&pair, DropReason::RateLimited), before);
}

/// T37's: 5,000 a second from a thousand places, which come to nothing.
fn flood(pair: &mut Pair, initiation: &[u8], seconds: u32) {
    for number in 0..5000 * seconds {
        pair.deliver(RIGHT, place(number), initiation);
        pair.now.instant += millis(1) / 5;
    }
}

fn place(number: u32) -> SocketAddr {
    let [_, _, high, low] = (number % 1000).to_be_bytes();
    SocketAddr::from(([198, 51, high, low], 4000))
}

/// LEFT's, which RIGHT has not seen yet.
fn initiation(pair: &Pair) -> Vec<u8> {
    let mut outbox = Outbox::new();
    pair.seal(LEFT, b"hello", &mut outbox);
    datagrams(&outbox).remove(0)
}

/// By RIGHT, all from LEFT's address.
fn receive(pair: &Pair, messages: &mut [Vec<u8>]) -> (usize, Vec<Vec<u8>>) {
    let mut outbox = Outbox::new();
    let mut batch: Vec<&mut [u8]> = messages.iter_mut().map(Vec::as_mut_slice).collect();
    let source = Endpoint::from(pair.hosts[LEFT].address);
    let right = &pair.hosts[RIGHT].tunnel;
    let refused = right.receive_batch(pair.now, source, &mut batch, &mut outbox, |_, _, _| {});
    (refused, datagrams(&outbox))
}

fn dropped(pair: &Pair, reason: DropReason) -> u64 {
    let counts = pair.hosts[RIGHT].tunnel.drop_counts();
    counts.iter().find(|(one, _)| *one == reason).unwrap().1
}
