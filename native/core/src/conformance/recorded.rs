//! Lines 1, 5 and 7: byte for byte what wireguard-go said. The recordings hold our own datagrams too, made from the same
//! keys, clock and "randomness", so they pin our side of the transcript as well.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::aead::open_cookie;
use crate::cookie::{CookieSecret, cookie_key, mac1_key, stamp};
use crate::message::{MACS, field};
use crate::{
    DropReason, Endpoint, Entropy, HEADROOM, Now, Outbox, PeerUpdate, PresharedKey, PrivateKey,
    PublicKey, Received, Sealed, SourceCheck, Tunnel, TunnelOptions,
};

#[test]
fn line_1_our_initiation_and_data_are_what_wireguard_go_accepted_and_its_answers_open() {
    let mut replay = Replay::of(include_str!("vectors/wireguard-go-answers.txt"));

    let initiation = replay.seal_ping(0);
    assert_eq!(initiation, replay.next("out"));

    let sealed = replay.receive();
    assert_eq!(sealed.sent, [replay.next("out")]);

    let answered = replay.receive();
    assert_eq!(answered.inner_length, Some(65));
    assert_eq!(replay.seal_ping(1), replay.next("out"));
    assert_eq!(replay.receive().inner_length, Some(65));
}

#[test]
fn line_1_we_answer_wireguard_go_as_recorded_and_open_its_data() {
    let mut replay = Replay::of(include_str!("vectors/wireguard-go-begins.txt"));

    let response = replay.receive();
    assert_eq!(response.sent, [replay.next("out")]);

    let first = replay.receive();
    assert_eq!(first.inner_length, Some(84));
}

#[test]
fn line_7_we_open_wireguard_gos_cookie_and_our_next_try_carries_the_mac2_that_it_accepted() {
    let mut replay = Replay::of(include_str!("vectors/wireguard-go-asks-for-a-cookie.txt"));

    assert_eq!(replay.seal_ping(0), replay.next("out"));
    assert_eq!(replay.receive().sent.len(), 0, "a cookie resends nothing");
    let retry = replay.wait(Duration::from_secs(6));

    assert_ne!(retry[0].last_chunk(), Some(&[0; 16]));
    assert_eq!(retry, [replay.next("out")]);
}

#[test]
fn line_5_wireguard_go_opens_our_cookie_and_its_next_try_carries_a_mac2_that_we_accept() {
    let mut replay = Replay::of(include_str!("vectors/wireguard-go-brings-our-cookie.txt"));
    replay.tunnel.set_under_load(true);

    let asked = replay.receive_whatever();
    assert_eq!(asked.dropped, Some(DropReason::CookieSent));
    assert_eq!(asked.sent, [replay.next("out")]);

    replay.wait(Duration::from_secs(5));
    let response = replay.receive();
    assert_eq!(response.sent, [replay.next("out")]);
    assert_eq!(replay.receive().inner_length, Some(84));
}

/// `examples/wireguard-go-cookies` draws its secret from what [`Counter`] gives, too.
#[test]
fn line_5_of_the_same_secret_we_make_wireguard_gos_cookie_and_accept_the_mac2_that_it_accepted() {
    let mut replay = Replay::of(include_str!("vectors/wireguard-go-asks-for-a-cookie.txt"));
    let [initiation, theirs, retry] = ["out", "in", "out"].map(|way| replay.next(way));
    let source = SocketAddr::from(([127, 0, 0, 1], 5000));
    let other_port = SocketAddr::from(([127, 0, 0, 1], 5001));
    let key = cookie_key(&replay.peer);
    let now = replay.now.instant;
    let mac1: [u8; 16] = field(&initiation, initiation.len() - MACS).unwrap();
    let cookie_in = |reply: &[u8], mac1: &[u8; 16]| {
        let (nonce, sealed) = (field(reply, 8).unwrap(), field(reply, 32).unwrap());
        open_cookie(&key, &nonce, mac1, &sealed)
    };
    let mut secret = CookieSecret::default();

    let ours = secret
        .reply(&initiation, source, &key, &Counter::default(), now)
        .unwrap();

    assert_eq!(ours[..8], theirs[..8], "message type and receiver");
    assert!(cookie_in(&theirs, &mac1).is_some());
    assert_eq!(cookie_in(&ours, &mac1), cookie_in(&theirs, &mac1));
    assert_eq!(cookie_in(&theirs, &[0; 16]), None, "bound to mac1");
    assert!(secret.has_valid_mac2(&retry, source, now));
    assert!(!secret.has_valid_mac2(&retry, other_port, now));
    let mut stamped = retry.clone();
    stamp(
        &mut stamped,
        &mac1_key(&replay.peer),
        cookie_in(&theirs, &mac1).as_ref(),
    );
    assert_eq!(stamped, retry, "and mac2 covers mac1");
}

struct Replay {
    tunnel: Tunnel,
    /// Wireguard-go's key.
    peer: PublicKey,
    lines: Vec<(String, Vec<u8>)>,
    now: Now,
}

struct Reaction {
    sent: Vec<Vec<u8>>,
    inner_length: Option<usize>,
    dropped: Option<DropReason>,
}

impl Replay {
    fn of(text: &str) -> Self {
        let mut lines: Vec<(String, Vec<u8>)> = Vec::new();
        let mut keys = Vec::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let mut words = line.split(' ');
            match words.next() {
                Some("keys") => keys = words.map(unhex).collect(),
                Some(direction) => lines.push((direction.into(), unhex(words.next().unwrap()))),
                None => {}
            }
        }
        lines.reverse();
        let [private, public, preshared]: [[u8; 32]; 3] =
            [0, 1, 2].map(|place: usize| keys[place].clone().try_into().unwrap());
        let now = Now {
            instant: Instant::now(),
            unix: Duration::from_secs(1_800_000_000),
        };
        let options = TunnelOptions {
            entropy: Arc::new(Counter::default()),
            mtu: 1420,
            source_check: SourceCheck::AllowedIps,
        };
        let tunnel = Tunnel::new(options, now);
        tunnel.set_private_key(now, Some(PrivateKey::from_bytes(private)));
        let update = PeerUpdate {
            preshared_key: Some(PresharedKey::from_bytes(preshared)),
            allowed_ips: vec!["10.77.0.1/32".parse().unwrap()],
            endpoint: Some(endpoint()),
            ..PeerUpdate::new(PublicKey(public))
        };
        tunnel.update_peer(now, update);
        Self {
            tunnel,
            peer: PublicKey(public),
            lines,
            now,
        }
    }

    fn next(&mut self, direction: &str) -> Vec<u8> {
        let (recorded, bytes) = self.lines.pop().unwrap();
        assert_eq!(recorded, direction);
        bytes
    }

    fn receive(&mut self) -> Reaction {
        let reaction = self.receive_whatever();
        assert_eq!(reaction.dropped, None);
        reaction
    }

    /// What we send of ourselves when so much time has passed.
    fn wait(&mut self, time: Duration) -> Vec<Vec<u8>> {
        self.now.instant += time;
        let mut outbox = Outbox::new();
        self.tunnel.handle_timeout(self.now, &mut outbox);
        outbox.iter().map(|(_, bytes)| bytes.to_vec()).collect()
    }

    /// Plays the next datagram of wireguard-go to us.
    fn receive_whatever(&mut self) -> Reaction {
        let mut outbox = Outbox::new();
        let mut datagram = self.next("in");
        let received = self
            .tunnel
            .receive(self.now, endpoint(), &mut datagram, &mut outbox);
        let (inner_length, dropped) = match received {
            Received::Packet { inner, .. } => (Some(inner.len()), None),
            Received::Handled => (None, None),
            Received::Dropped(reason) => (None, Some(reason)),
        };
        Reaction {
            sent: outbox.iter().map(|(_, bytes)| bytes.to_vec()).collect(),
            inner_length,
            dropped,
        }
    }

    /// What goes out when the example sends its ping of this number.
    fn seal_ping(&self, number: u8) -> Vec<u8> {
        let mut buffer = vec![0; HEADROOM];
        buffer.extend(ping(number));
        let inner = HEADROOM..buffer.len();
        buffer.extend([0; 32]);
        let mut outbox = Outbox::new();
        let peer = self.tunnel.peers().pop().unwrap();
        let sealed = self
            .tunnel
            .seal(self.now, &peer, &mut buffer, inner, &mut outbox);
        match sealed {
            Sealed::Datagram { range, .. } => buffer[range].to_vec(),
            Sealed::Staged => outbox.iter().next().unwrap().1.to_vec(),
            Sealed::Dropped(reason) => panic!("dropped: {reason:?}"),
        }
    }
}

/// The echo request of `examples/udp-host.rs`.
fn ping(number: u8) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 65, 0, 0, 0, 0, 64, 1, 0, 0];
    packet.extend([10, 77, 0, 2, 10, 77, 0, 1]);
    set_checksum(&mut packet, 0, 10);
    packet.extend([8, 0, 0, 0, 0x51, 0x82, 0, number]);
    packet.extend([0x42; 37]);
    set_checksum(&mut packet, 20, 22);
    packet
}

fn set_checksum(packet: &mut [u8], from: usize, place: usize) {
    let mut sum: u32 = packet[from..]
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)))
        .sum();
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    packet[place..place + 2].copy_from_slice(&(!(sum as u16)).to_be_bytes());
}

fn endpoint() -> Endpoint {
    Endpoint::from(std::net::SocketAddr::from(([192, 0, 2, 2], 51_820)))
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(text.get(at..at + 2).unwrap(), 16).unwrap())
        .collect()
}

/// The generator of the example's recording mode.
#[derive(Default)]
struct Counter(AtomicU64);

impl Entropy for Counter {
    fn fill(&self, bytes: &mut [u8]) {
        for byte in bytes {
            let count = self.0.fetch_add(1, Ordering::Relaxed);
            *byte = (count.wrapping_mul(167).wrapping_add(13) % 251) as u8;
        }
    }
}
