//! Real sockets on loopback: what goes in at one door comes out at the other.

#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // test builders, outside #[test] functions
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, AsRawFd};

use culvert_udp::{
    Batch, BindFault, Binding, Door, Doors, Ecn, Inbox, Lanes, Outbox, Route, Source,
    source_towards,
};
use proptest::prelude::*;

#[test]
fn datagrams_of_one_size_travel_as_one_and_arrive_whole() {
    for (sender, receiver) in both_families() {
        let datagrams = datagrams(&[1452; 40]);

        let report = send(&sender, Route::to(receiver.local_address()), &datagrams);
        let (received, messages) = receive_all(&receiver, 40);

        assert_eq!((report, received), (40, datagrams));
        assert!(
            messages <= 2,
            "40 datagrams took {messages} messages: GSO or GRO is off"
        );
    }
}

#[test]
fn a_full_tso_read_is_more_than_one_super_datagram_and_still_arrives() {
    for (sender, receiver) in both_families() {
        let datagrams = datagrams(&[1452; 47]);

        let report = send(&sender, Route::to(receiver.local_address()), &datagrams);

        assert_eq!(report, 47);
        assert_eq!(receive_all(&receiver, 47).0, datagrams);
    }
}

#[test]
fn a_connected_door_hears_one_remote_and_nobody_else() {
    for (stranger, remote) in both_families() {
        let connected = Door::connect(remote.local_address()).unwrap();
        let own = connected.local_address();
        assert_eq!(
            source_towards(remote.local_address()).unwrap(),
            own.ip(),
            "the source is the one that the host would choose"
        );

        // Whatever the route says: there is only one way.
        let elsewhere = Route::to(stranger.local_address());
        assert_eq!(send(&connected, elsewhere, &datagrams(&[1452; 40])), 40);
        assert_eq!(receive_all(&remote, 40).0, datagrams(&[1452; 40]));
        send(&stranger, Route::to(own), &datagrams(&[90]));
        send(&remote, Route::to(own), &datagrams(&[100]));

        assert_eq!(receive_all(&connected, 1).0, datagrams(&[100]));
        assert_eq!(Inbox::new(4, 0).receive(&connected).unwrap(), 0);
    }
}

#[test]
fn a_connected_door_sends_what_comes_after_a_refusal() {
    let (_, remote) = both_families().remove(0);
    let address = remote.local_address();
    let connected = Door::connect(address).unwrap();
    drop(remote);
    assert_eq!(send(&connected, Route::to(address), &datagrams(&[100])), 1);

    // The port is closed, which the kernel tells at the next call; then somebody is there again.
    let remote = Door::bind(&Binding::to(address)).unwrap();
    assert_eq!(send(&connected, Route::to(address), &datagrams(&[100])), 1);

    assert_eq!(receive_all(&remote, 1).0, datagrams(&[100]));
}

#[test]
fn the_congestion_mark_arrives_as_it_was_sent() {
    for (sender, receiver) in both_families() {
        for ecn in [
            Ecn::NotCapable,
            Ecn::Capable0,
            Ecn::Capable1,
            Ecn::CongestionExperienced,
        ] {
            let route = Route {
                ecn,
                ..Route::to(receiver.local_address())
            };

            send(&sender, route, &datagrams(&[100]));

            assert_eq!(receive_meta(&receiver).0, ecn);
        }
    }
}

#[test]
fn a_connected_door_hears_and_says_congestion_marks_too() {
    for (_, remote) in both_families() {
        let connected = Door::connect(remote.local_address()).unwrap();
        for (from, to) in [(&connected, &remote), (&remote, &connected)] {
            for ecn in [Ecn::CongestionExperienced, Ecn::Capable1] {
                let route = Route {
                    ecn,
                    ..Route::to(to.local_address())
                };

                send(from, route, &datagrams(&[100]));

                assert_eq!(receive_meta(to).0, ecn);
            }
        }
    }
}

#[test]
fn a_datagram_leaves_from_the_address_it_is_told_to() {
    let sender = door("0.0.0.0:0");
    let receiver = door("127.0.0.1:0");
    let source = Source {
        ip: IpAddr::V4(Ipv4Addr::new(127, 0, 0, 77)),
        interface: 0,
    };
    let route = Route {
        source: Some(source),
        ..Route::to(receiver.local_address())
    };

    send(&sender, route, &datagrams(&[100]));

    assert_eq!(receive_meta(&receiver).2.ip(), source.ip);
}

#[test]
fn the_address_a_datagram_was_sent_to_is_told() {
    let sender = door("127.0.0.1:0");
    let receiver = door("0.0.0.0:0");
    let to = SocketAddr::new(
        Ipv4Addr::new(127, 0, 0, 9).into(),
        receiver.local_address().port(),
    );

    send(&sender, Route::to(to), &datagrams(&[100]));

    assert_eq!(
        receive_meta(&receiver).1.map(|source| source.ip),
        Some(to.ip())
    );
}

#[test]
fn a_source_that_is_gone_does_not_stop_the_datagrams() {
    let sender = door("0.0.0.0:0");
    let receiver = door("127.0.0.1:0");
    let gone = Source {
        ip: IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1)),
        interface: 0,
    };
    let route = Route {
        source: Some(gone),
        ..Route::to(receiver.local_address())
    };
    let datagrams = datagrams(&[200, 200, 90]);

    let mut outbox = Outbox::new();
    let mut batch = outbox.batch(&sender);
    datagrams
        .iter()
        .for_each(|datagram| batch.push(route, datagram));
    let report = batch.send();

    assert_eq!((report.sent, report.refused_sources), (3, 3));
    assert_eq!(receive_all(&receiver, 3).0, datagrams);
}

#[test]
fn a_destination_without_a_route_costs_only_its_own_datagrams() {
    let sender = door("127.0.0.1:0");
    let receiver = door("127.0.0.1:0");
    let datagrams = datagrams(&[100, 101]);
    let unreachable: SocketAddr = "255.255.255.255:9".parse().unwrap();

    let mut outbox = Outbox::new();
    let mut batch: Batch = outbox.batch(&sender);
    batch.push(Route::to(unreachable), &datagrams[0]);
    batch.push(Route::to(receiver.local_address()), &datagrams[1]);
    let report = batch.send();

    assert_eq!((report.sent, report.dropped), (1, 1));
    assert!(report.last_error.is_some());
    assert_eq!(receive_all(&receiver, 1).0, vec![datagrams[1].clone()]);
}

#[test]
fn both_families_share_one_port() {
    let doors = Doors::bind(&Binding::to("0.0.0.0:0".parse().unwrap())).unwrap();

    let ports: Vec<u16> = doors
        .iter()
        .map(|door| door.local_address().port())
        .collect();

    assert_eq!(ports, [doors.port(), doors.port()]);
}

#[test]
fn a_taken_port_is_said_to_be_taken() {
    let first = Doors::bind(&Binding::to("0.0.0.0:0".parse().unwrap())).unwrap();
    let same = Binding::to(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), first.port()));

    let fault = Doors::bind(&same).unwrap_err();

    assert!(matches!(fault, BindFault::PortTaken(port) if port == first.port()));
    assert_eq!(fault.errno(), libc::EADDRINUSE);
}

#[test]
fn doors_that_share_a_port_on_purpose_may() {
    let binding = Binding {
        reuse_port: true,
        ..Binding::to("127.0.0.1:0".parse().unwrap())
    };
    let first = Door::bind(&binding).unwrap();

    let second = Door::bind(&Binding {
        address: first.local_address(),
        ..binding
    })
    .unwrap();

    assert_eq!(second.local_address(), first.local_address());
}

#[test]
fn a_data_message_comes_to_the_lane_that_its_index_tells_and_all_else_to_the_handshakes() {
    for count in [1, 3] {
        let lanes = Lanes::bind(&Binding::to("127.0.0.1:0".parse().unwrap()), count).unwrap();
        let handshakes = lanes.handshakes.as_ref().expect("this kernel can tell");
        let data: Vec<&Doors> = [&lanes.first].into_iter().chain(&lanes.others).collect();
        assert_eq!(data.len(), usize::from(count));
        let port = handshakes.port();
        for to in [
            SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            SocketAddr::from((Ipv6Addr::LOCALHOST, port)),
        ] {
            let sender = door(if to.is_ipv4() {
                "127.0.0.1:0"
            } else {
                "[::1]:0"
            });
            for lowest in [0, 1, 2, 3, 100, 255_u8] {
                let mut message = vec![4, 0, 0, 0, lowest, 9, 9, 9];
                message.resize(96, 7);
                send(&sender, Route::to(to), &vec![message; 5]);

                let towards = data[usize::from(lowest % count)];
                assert_eq!(receive_all(towards.towards(to).unwrap(), 5).0.len(), 5);
            }
            for (kind, length) in [(1, 148), (2, 92), (3, 64), (0, 32), (5, 1200), (255, 1)] {
                let mut message = vec![9; length];
                message[0] = kind;
                send(&sender, Route::to(to), &vec![message; 5]);

                let received = receive_all(handshakes.towards(to).unwrap(), 5).0;
                assert_eq!(received.len(), 5, "of kind {kind}");
            }
            let is_empty = |door| Inbox::new(1, 0).receive(door).unwrap() == 0;
            assert!(data.iter().all(|lane| is_empty(lane.towards(to).unwrap())));
        }
    }
}

#[test]
fn lanes_are_refused_a_port_that_others_share() {
    let other = Lanes::bind(&Binding::to("127.0.0.1:0".parse().unwrap()), 2).unwrap();
    let taken = SocketAddr::from((Ipv4Addr::UNSPECIFIED, other.first.port()));

    for count in [1, 2] {
        let outcome = Lanes::bind(&Binding::to(taken), count);

        assert!(matches!(outcome, Err(BindFault::PortTaken(port)) if port == taken.port()));
    }
}

#[test]
fn an_empty_door_says_so_without_waiting() {
    let quiet = door("127.0.0.1:0");
    let mut inbox = Inbox::new(4, 16);

    assert_eq!(inbox.receive(&quiet).unwrap(), 0);
    assert_eq!(inbox.messages().count(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn whatever_the_sizes_the_datagrams_arrive_in_order_and_unchanged(
        sizes in prop::collection::vec(prop_oneof![1usize..200, Just(1452), Just(1300)], 1..100)
    ) {
        let (sender, receiver) = (door("127.0.0.1:0"), door("127.0.0.1:0"));
        let datagrams = datagrams(&sizes);

        let sent = send(&sender, Route::to(receiver.local_address()), &datagrams);

        prop_assert_eq!(sent, datagrams.len());
        prop_assert_eq!(receive_all(&receiver, sizes.len()).0, datagrams);
    }
}

fn send(door: &Door, route: Route, datagrams: &[Vec<u8>]) -> usize {
    let mut outbox = Outbox::new();
    let mut batch = outbox.batch(door);
    for datagram in datagrams {
        batch.push(route, datagram);
    }
    let report = batch.send();
    assert!(report.last_error.is_none(), "{report:?}");
    report.sent
}

fn receive_all(door: &Door, expected: usize) -> (Vec<Vec<u8>>, usize) {
    let mut inbox = Inbox::new(16, 16);
    let (mut all, mut messages) = (Vec::new(), 0);
    while all.len() < expected && waits(door) {
        messages += inbox.receive(door).unwrap();
        for message in inbox.messages() {
            all.extend(message.into_segments().map(|segment| segment.to_vec()));
        }
    }
    (all, messages)
}

fn receive_meta(door: &Door) -> (Ecn, Option<Source>, SocketAddr) {
    assert!(waits(door), "nothing arrived within a second");
    let mut inbox = Inbox::new(1, 0);
    inbox.receive(door).unwrap();
    let message = inbox.messages().next().unwrap();
    (message.ecn, message.source, message.from)
}

fn waits(door: &Door) -> bool {
    let mut poll = libc::pollfd {
        fd: door.as_fd().as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: poll is one valid pollfd.
    unsafe { libc::poll(&raw mut poll, 1, 1000) == 1 }
}

/// Bytes that differ everywhere, so that no two datagrams can be taken for each other.
fn datagrams(sizes: &[usize]) -> Vec<Vec<u8>> {
    let mut next = 0u32;
    let mut byte = || {
        next = next.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (next >> 24) as u8
    };
    sizes
        .iter()
        .map(|size| (0..*size).map(|_| byte()).collect())
        .collect()
}

fn door(address: &str) -> Door {
    Door::bind(&Binding::to(address.parse().unwrap())).unwrap()
}

fn both_families() -> Vec<(Door, Door)> {
    let v6 = SocketAddr::new(Ipv6Addr::LOCALHOST.into(), 0).to_string();
    ["127.0.0.1:0", v6.as_str()]
        .map(|address| (door(address), door(address)))
        .into()
}
