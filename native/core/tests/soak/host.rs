//! One end: a tunnel, where it is now, and what waits in it.

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use culvert_core::{
    HEADROOM, Now, Outbox, Peer, PeerUpdate, PresharedKey, PrivateKey, PublicKey, Sealed,
    SourceCheck, TAILROOM, Tai64n, Tunnel, TunnelOptions,
};

use crate::random::Random;

pub(crate) const HUB: usize = 0;
/// As many as wait for a handshake.
const STAGED_AT_MOST: usize = 128;

pub(crate) struct Host {
    pub(crate) number: usize,
    pub(crate) tunnel: Tunnel,
    pub(crate) address: SocketAddr,
    key: [u8; 32],
    /// By the other end's number: packets that wait for a handshake, oldest first.
    staged: Vec<VecDeque<u64>>,
}

/// What became of a packet on its way out.
pub(crate) enum Outcome {
    Sealed(Vec<u8>),
    /// It waits; the one that it pushed out, if any, does not any more.
    Waits {
        pushed_out: Option<u64>,
    },
    NoEndpoint,
    NoPeer,
}

impl Host {
    pub(crate) fn new(number: usize, now: Now, key: [u8; 32], seed: u64) -> Host {
        Host {
            number,
            tunnel: tunnel_of(now, key, seed),
            address: address_of(number, 51_820),
            key,
            staged: vec![VecDeque::new(); 256],
        }
    }

    /// With the same key or another; nothing else is remembered.
    pub(crate) fn restart(&mut self, now: Now, key: Option<[u8; 32]>, seed: u64) -> Vec<u64> {
        self.key = key.unwrap_or(self.key);
        self.tunnel = tunnel_of(now, self.key, seed);
        self.staged
            .iter_mut()
            .flat_map(|waiting| waiting.drain(..))
            .collect()
    }

    pub(crate) fn roam(&mut self, random: &Random) {
        self.address.set_port(1024 + random.below(60_000) as u16);
    }

    pub(crate) fn public_key(&self) -> PublicKey {
        self.tunnel.public_key().unwrap()
    }

    pub(crate) fn peer(&self, other: &Host) -> Option<Arc<Peer>> {
        self.tunnel.peer(&other.public_key())
    }

    /// Takes this end as its peer, with an address to begin at or without one.
    pub(crate) fn expect(&self, now: Now, other: &Host, terms: Terms) {
        let update = PeerUpdate {
            endpoint: terms.endpoint.map(Into::into),
            allowed_ips: vec![inner_of(other.number).into()],
            preshared_key: Some(PresharedKey::from_bytes(terms.preshared_key)),
            replay_floor: terms.replay_floor,
            keepalive_seconds: Some(terms.keepalive_seconds),
            ..PeerUpdate::new(other.public_key())
        };
        self.tunnel.update_peer(now, update).unwrap();
    }

    pub(crate) fn send(
        &mut self,
        now: Now,
        to: usize,
        packet: u64,
        outbox: &mut Outbox,
    ) -> Outcome {
        let inner = packet_of(packet, self.number, to);
        let Some(peer) = self.tunnel.route_packet(&inner) else {
            return Outcome::NoPeer;
        };
        let place = HEADROOM..HEADROOM + inner.len();
        let mut buffer = vec![0xee; HEADROOM + inner.len() + TAILROOM];
        buffer[place.clone()].copy_from_slice(&inner);
        match self.tunnel.seal(now, &peer, &mut buffer, place, outbox) {
            Sealed::Datagram { range, .. } => Outcome::Sealed(buffer[range].to_vec()),
            Sealed::Staged => Outcome::Waits {
                pushed_out: self.stage(to, packet),
            },
            Sealed::Dropped(culvert_core::DropReason::NoEndpoint) => Outcome::NoEndpoint,
            Sealed::Dropped(reason) => panic!("packet {packet} was not sealed: {reason:?}"),
        }
    }

    fn stage(&mut self, to: usize, packet: u64) -> Option<u64> {
        let waiting = &mut self.staged[to];
        waiting.push_back(packet);
        if waiting.len() > STAGED_AT_MOST {
            waiting.pop_front()
        } else {
            None
        }
    }

    /// The packet in a data message that the tunnel sent by itself.
    pub(crate) fn unstage(&mut self, to: usize) -> u64 {
        self.staged[to]
            .pop_front()
            .expect("a data message out of nowhere")
    }

    /// Of the packets that wait for a handshake.
    pub(crate) fn staged_bytes(&self) -> usize {
        let waiting = self.staged.iter().flatten();
        waiting.map(|packet| length_of(*packet)).sum()
    }

    pub(crate) fn drop_staged(&mut self, to: usize) -> Vec<u64> {
        self.staged[to].drain(..).collect()
    }
}

pub(crate) struct Terms {
    pub(crate) endpoint: Option<SocketAddr>,
    pub(crate) preshared_key: [u8; 32],
    pub(crate) replay_floor: Option<Tai64n>,
    pub(crate) keepalive_seconds: u16,
}

fn tunnel_of(now: Now, key: [u8; 32], seed: u64) -> Tunnel {
    let options = TunnelOptions {
        entropy: Arc::new(Random::new(seed)),
        mtu: 1420,
        source_check: SourceCheck::AllowedIps,
    };
    let tunnel = Tunnel::new(options, now);
    tunnel.set_private_key(now, Some(PrivateKey::from_bytes(key)));
    tunnel
}

fn address_of(number: usize, port: u16) -> SocketAddr {
    SocketAddr::from(([203, 0, 113, number as u8], port))
}

pub(crate) fn number_of(address: SocketAddr) -> usize {
    match address.ip() {
        std::net::IpAddr::V4(ip) => usize::from(ip.octets()[3]),
        std::net::IpAddr::V6(ip) => panic!("nobody lives at {ip}"),
    }
}

fn inner_of(number: usize) -> std::net::IpAddr {
    Ipv4Addr::new(10, 0, 0, number as u8).into()
}

const IPV4_HEADER: usize = 20;

/// 28 to 1420 bytes.
fn length_of(packet: u64) -> usize {
    IPV4_HEADER + 8 + usize::try_from(packet.wrapping_mul(0x9e37_79b9) % 1393).unwrap()
}

/// An IPv4 packet that says everywhere which one it is.
pub(crate) fn packet_of(packet: u64, from: usize, to: usize) -> Vec<u8> {
    let (length, payload) = (length_of(packet) as u16, length_of(packet) - IPV4_HEADER);
    let mut bytes = vec![
        0x45,
        0,
        (length >> 8) as u8,
        length as u8,
        0,
        0,
        0,
        0,
        64,
        17,
        0,
        0,
    ];
    bytes.extend([10, 0, 0, from as u8, 10, 0, 0, to as u8]);
    bytes.extend(packet.to_be_bytes().iter().cycle().take(payload));
    bytes
}

pub(crate) fn number_in(packet: &[u8]) -> u64 {
    u64::from_be_bytes(packet[20..28].try_into().unwrap())
}

/// When this end's session with that one was confirmed.
pub(crate) fn session_began(host: &Host, other: &Host, unix_start: Duration) -> Duration {
    host.peer(other)
        .and_then(|peer| peer.last_handshake())
        .map_or(Duration::ZERO, |at| at.saturating_sub(unix_start))
}
