//! Lines 30, 32, 44, 46: peers, allowed-ips, counters, and threads that change them while others send.

use std::sync::atomic::{AtomicBool, Ordering};

use ipnet::IpNet;

use crate::conformance::pair::{LEFT, Pair, RIGHT, ip_net, seconds};
use crate::{DropReason, Endpoint, HEADROOM, Outbox, PeerUpdate, PublicKey, Sealed};

#[test]
fn line_30_a_destination_of_nobody_has_no_route() {
    let pair = Pair::new();
    let tunnel = &pair.hosts[LEFT].tunnel;

    assert!(tunnel.route([10, 0, 0, 2].into()).is_some());
    assert!(tunnel.route([10, 0, 0, 3].into()).is_none());
    assert!(
        tunnel
            .route_packet(&pair.packet(LEFT, b"to right"))
            .is_some()
    );
    assert!(
        tunnel
            .route_packet(&pair.packet(RIGHT, b"to left"))
            .is_none()
    );
    assert!(tunnel.route_packet(&[0x45; 19]).is_none());
    assert!(tunnel.route_packet(&[]).is_none());
}

#[test]
fn line_30_without_an_endpoint_a_packet_is_refused_and_not_staged() {
    let pair = Pair::new();
    let tunnel = &pair.hosts[LEFT].tunnel;
    let peer = tunnel
        .update_peer(pair.now, PeerUpdate::new(PublicKey([9; 32])))
        .unwrap();
    let mut outbox = Outbox::new();

    let sealed = tunnel.seal(pair.now, &peer, &mut [0; 100], 16..60, &mut outbox);

    assert_eq!(sealed, Sealed::Dropped(DropReason::NoEndpoint));
    assert!(outbox.is_empty());
}

#[test]
fn line_32_a_prefix_moves_and_65280_of_them_are_read_back() {
    let pair = Pair::new();
    let tunnel = &pair.hosts[LEFT].tunnel;
    let many: Vec<IpNet> = (0..65_280_u32)
        .map(|number| ip_net((0x0b00_0000 + number).to_be_bytes()))
        .collect();
    let keys = [PublicKey([8; 32]), PublicKey([9; 32])];
    for key in keys {
        let update = PeerUpdate {
            allowed_ips: many.clone(),
            ..PeerUpdate::new(key)
        };
        tunnel.update_peer(pair.now, update);
    }

    let [before, after] = keys.map(|key| tunnel.peer(&key).unwrap().status().allowed_ips);
    assert!(before.is_empty());
    assert_eq!(after, many);
}

#[test]
fn line_32_a_prefix_that_moves_has_an_owner_at_every_moment() {
    let pair = Pair::new();
    let tunnel = &pair.hosts[LEFT].tunnel;
    let keys = [PublicKey([8; 32]), PublicKey([9; 32])];
    let give = |key| PeerUpdate {
        replace_allowed_ips: true,
        allowed_ips: vec!["10.1.0.0/16".parse().unwrap()],
        ..PeerUpdate::new(key)
    };
    tunnel.update_peer(pair.now, give(keys[0]));

    std::thread::scope(|threads| {
        let reader = threads.spawn(|| {
            let mut seen = [0_u32; 2];
            while seen.iter().any(|count| *count < 10_000) {
                let owner = tunnel.route([10, 1, 2, 3].into()).expect("nobody has it");
                let place = keys.iter().position(|key| key == owner.public_key());
                seen[place.unwrap()] += 1;
            }
        });
        for round in 1.. {
            tunnel.update_peer(pair.now, give(keys[round % 2]));
            if reader.is_finished() {
                break;
            }
        }
    });
}

#[test]
fn replacing_all_peers_keeps_the_sessions_of_those_that_stay() {
    let mut pair = Pair::connected();
    let tunnel = &pair.hosts[LEFT].tunnel;
    tunnel.update_peer(pair.now, PeerUpdate::new(PublicKey([9; 32])));
    let right = pair.hosts[RIGHT].tunnel.public_key().unwrap();
    let update = PeerUpdate {
        allowed_ips: vec![ip_net(pair.hosts[RIGHT].inner)],
        tag: Some(42),
        ..PeerUpdate::new(right)
    };

    tunnel.replace_peers(pair.now, vec![update]);
    pair.send(LEFT, b"still there");

    assert_eq!(pair.hosts[LEFT].tunnel.peers().len(), 1);
    assert_eq!(pair.peer(LEFT).tag(), 42);
    assert_eq!(pair.count(LEFT, 1), 0);
    assert_eq!(pair.hosts[RIGHT].delivered.len(), 1);
}

#[test]
fn a_removed_peer_neither_sends_nor_receives_and_leaves_nothing() {
    let mut pair = Pair::connected();
    let mut outbox = Outbox::new();
    let under_way = pair.seal(RIGHT, b"too late", &mut outbox).unwrap();
    let held = pair.peer(LEFT);
    let tunnel = &pair.hosts[LEFT].tunnel;
    assert!(tunnel.remove_peer(held.public_key()));

    let sealed = tunnel.seal(pair.now, &held, &mut [0; 100], 16..60, &mut outbox);
    assert_eq!(sealed, Sealed::Dropped(DropReason::PeerRemoved));
    assert!(tunnel.route([10, 0, 0, 2].into()).is_none());
    assert_eq!(tunnel.indices.len(), 0);
    pair.deliver(LEFT, pair.hosts[RIGHT].address, &under_way);
    assert_eq!(pair.hosts[LEFT].drops, [DropReason::UnknownIndex]);
    pair.advance(seconds(600));
    assert_eq!(pair.count(LEFT, 1), 0);
}

#[test]
fn line_46_ten_pings_count_1428_and_1372_bytes() {
    let mut pair = Pair::new();
    for _ in 0..10 {
        pair.send(LEFT, &[0; 64]);
        pair.send(RIGHT, &[0; 64]);
    }

    for (side, sent, received) in [(LEFT, 1428, 1372), (RIGHT, 1372, 1428)] {
        let status = pair.peer(side).status();
        assert_eq!((status.sent_bytes, status.received_bytes), (sent, received));
    }
}

#[test]
fn line_44_peers_come_and_go_while_other_threads_send_and_receive() {
    let mut pair = Pair::connected();
    let (left, right) = (&pair.hosts[LEFT], &pair.hosts[RIGHT]);
    let packet = pair.packet(LEFT, &[7; 100]);
    let right_key = right.tunnel.public_key().unwrap();
    let is_done = AtomicBool::new(false);
    let (now, left_address, right_address) = (pair.now, left.address, right.address);

    std::thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                let mut outbox = Outbox::new();
                while !is_done.load(Ordering::Relaxed) {
                    let Some(peer) = left.tunnel.route_packet(&packet) else {
                        continue;
                    };
                    let mut buffer = vec![0; HEADROOM];
                    buffer.extend(&packet);
                    buffer.resize(HEADROOM + packet.len() + 32, 0);
                    let inner = HEADROOM..HEADROOM + packet.len();
                    let sealed = left
                        .tunnel
                        .seal(now, &peer, &mut buffer, inner, &mut outbox);
                    let source = Endpoint::from(left_address);
                    if let Sealed::Datagram { range, .. } = sealed {
                        let mut answers = Outbox::new();
                        right
                            .tunnel
                            .receive(now, source, &mut buffer[range], &mut answers);
                    }
                    for (_, datagram) in outbox.iter() {
                        let mut answers = Outbox::new();
                        let mut datagram = datagram.to_vec();
                        right
                            .tunnel
                            .receive(now, source, &mut datagram, &mut answers);
                        for (_, answer) in answers.iter() {
                            let mut answer = answer.to_vec();
                            let source = Endpoint::from(right_address);
                            let mut more = Outbox::new();
                            left.tunnel.receive(now, source, &mut answer, &mut more);
                        }
                    }
                    outbox.clear();
                    left.tunnel.handle_timeout(now, &mut outbox);
                }
            });
        }
        for _ in 0..300 {
            left.tunnel.remove_peer(&right_key);
            let update = PeerUpdate {
                endpoint: Some(Endpoint::from(right_address)),
                allowed_ips: vec![ip_net(right.inner)],
                keepalive_seconds: Some(1),
                ..PeerUpdate::new(right_key)
            };
            left.tunnel.update_peer(now, update);
        }
        is_done.store(true, Ordering::Relaxed);
    });

    pair.hosts[LEFT].tunnel.remove_peer(&right_key);
    assert_eq!(pair.hosts[LEFT].tunnel.indices.len(), 0);
    pair.jump(pair.now.instant + seconds(6));
    pair.configure(LEFT, |update| update);
    pair.forget();
    pair.send(LEFT, b"after the storm");
    assert_eq!(pair.hosts[RIGHT].delivered.len(), 1);
}
