//! A gateway's tunnel and those of its peers, in virtual time, between the switch and whoever sends: peers come and go with the
//! configuration, move from address to address, and the gateway is started anew. A book says where each was heard last.

pub(crate) mod way;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use culvert_core::{
    DropReason, Entropy, HEADROOM, Now, Outbox, Peer, PeerUpdate, PrivateKey, PublicKey, Received,
    Sealed, SourceCheck, TAILROOM, Tai64n, Tunnel, TunnelOptions,
};
use culvert_switch::config::PeerHandle;

use crate::counting_entropy::Counting;

const MTU: usize = 1420;
const GATEWAY_KEY: [u8; 32] = [100; 32];
/// Nobody's two initiations come closer than that, or the second one is dropped as a flood.
const BETWEEN_INITIATIONS: Duration = Duration::from_millis(25);

pub(crate) struct Site {
    gateway: Tunnel,
    members: BTreeMap<PeerHandle, Member>,
    now: Now,
    entropy: Arc<Counting>,
    /// Latest timestamps of initiations, which a gateway keeps on disk.
    floors: BTreeMap<PeerHandle, Tai64n>,
    /// Where an authentic datagram of each peer that the gateway has came from last.
    heard: BTreeMap<PeerHandle, SocketAddr>,
    /// Every datagram that the gateway has accepted. What it refused may be accepted later: from who becomes a peer, for one.
    pub(crate) recorded: Vec<Vec<u8>>,
    tunnels_made: u64,
}

struct Member {
    tunnel: Tunnel,
    address: SocketAddr,
    /// What it holds for its session, the gateway may have forgotten.
    is_stale: bool,
    /// Its clock is ahead by that: each of its lives begins later than the one before ended.
    ahead: Duration,
}

/// A packet that came out of a tunnel, by whose.
type Arrived = Vec<(PeerHandle, Vec<u8>)>;

impl Site {
    pub(crate) fn new(handles: impl Iterator<Item = PeerHandle>) -> Site {
        let now = Now {
            instant: Instant::now(),
            unix: Duration::from_secs(1_700_000_000),
        };
        let entropy = Arc::new(Counting(AtomicU64::new(1)));
        let mut site = Site {
            gateway: tunnel(GATEWAY_KEY, &entropy, now),
            members: BTreeMap::new(),
            now,
            entropy,
            floors: BTreeMap::new(),
            heard: BTreeMap::new(),
            recorded: Vec::new(),
            tunnels_made: 0,
        };
        for handle in handles {
            let address = SocketAddr::from(([192, 0, 2, handle.0 as u8], 51_820));
            let member = site.member(handle, address);
            site.members.insert(handle, member);
        }
        site
    }

    /// It has a new address, and nobody knows until it sends.
    pub(crate) fn roam(&mut self, handle: PeerHandle, port: u16) {
        if let Some(member) = self.members.get_mut(&handle) {
            member.address.set_port(1 + port);
        }
    }

    /// A stranger sends what it has recorded. That is answered with a cookie at most, brings nothing and moves nobody.
    pub(crate) fn replay(&mut self, nth: usize, port: u16) {
        let Some(datagram) = self.recorded.get(nth % self.recorded.len().max(1)) else {
            return;
        };
        let stranger = SocketAddr::from(([203, 0, 113, 9], port));
        let mut outbox = Outbox::new();
        let received = (self.gateway).receive(
            self.now,
            stranger.into(),
            &mut datagram.clone(),
            &mut outbox,
        );
        assert!(
            matches!(received, Received::Dropped(_)),
            "{received:?} for a replay"
        );
        let mut answers = outbox.iter();
        assert!(
            answers.all(|(_, answer)| (answer.len(), answer[0]) == (64, 3)),
            "a stranger was answered"
        );
        self.assert_endpoints();
    }

    /// What the gateway would send to, for each of its peers.
    pub(crate) fn assert_endpoints(&self) {
        for peer in self.gateway.peers() {
            let endpoint = peer.endpoint().map(|endpoint| endpoint.remote);
            let heard = self.heard.get(&handle_of(&peer)).copied();
            assert_eq!(endpoint, heard, "the endpoint of {:?}", handle_of(&peer));
        }
    }

    fn member(&mut self, handle: PeerHandle, address: SocketAddr) -> Member {
        self.tunnels_made += 1;
        let tunnel = tunnel(key_of(handle), &self.entropy, self.now);
        let update = PeerUpdate {
            endpoint: Some(gateway_address().into()),
            ..PeerUpdate::new(public(GATEWAY_KEY))
        };
        tunnel.update_peer(self.now, update).unwrap();
        Member {
            tunnel,
            address,
            is_stale: false,
            ahead: Duration::from_secs(self.tunnels_made),
        }
    }

    fn peer(&self, handle: PeerHandle) -> Option<Arc<Peer>> {
        self.gateway.peer(&public(key_of(handle)))
    }

    /// As somebody's program is started again.
    fn renew(&mut self, handle: PeerHandle) {
        let Some(address) = self.members.get(&handle).map(|member| member.address) else {
            return;
        };
        self.now.instant += BETWEEN_INITIATIONS;
        self.now.unix += BETWEEN_INITIATIONS;
        let member = self.member(handle, address);
        self.members.insert(handle, member);
    }

    fn send(&mut self, from: PeerHandle, packet: &[u8]) -> Arrived {
        let Some(member) = self.members.get(&from) else {
            return Vec::new();
        };
        let peer = member.tunnel.peers().remove(0);
        let now = member.clock(self.now);
        let datagrams = seal(&member.tunnel, now, &peer, packet);
        let address = member.address;
        self.carry(
            datagrams
                .into_iter()
                .map(|(to, bytes)| (address, to, bytes))
                .collect(),
        )
    }

    /// Delivers in order, and everything that follows from it. What goes to where nobody is, is lost.
    fn carry(&mut self, datagrams: Vec<(SocketAddr, SocketAddr, Vec<u8>)>) -> Arrived {
        let mut arrived = Vec::new();
        let mut way = VecDeque::from(datagrams);
        while let Some((from, to, mut bytes)) = way.pop_front() {
            let mut outbox = Outbox::new();
            if to == gateway_address() {
                let sent = bytes.clone();
                let received = self
                    .gateway
                    .receive(self.now, from.into(), &mut bytes, &mut outbox);
                if self.note(from, &received) {
                    self.recorded.push(sent);
                }
                if let Received::Packet { peer, inner } = received {
                    arrived.push((handle_of(&peer), bytes[inner].to_vec()));
                }
            } else if let Some((handle, member)) = self.at(to) {
                let now = member.clock(self.now);
                let received = member
                    .tunnel
                    .receive(now, from.into(), &mut bytes, &mut outbox);
                if let Received::Packet { inner, .. } = received {
                    arrived.push((handle, bytes[inner].to_vec()));
                }
            }
            let answers = outbox.iter();
            way.extend(answers.map(|(endpoint, bytes)| (to, endpoint.remote, bytes.to_vec())));
        }
        self.assert_endpoints();
        arrived
    }

    /// Whether the gateway has accepted something from there. What is no IP packet is authentic all the same.
    fn note(&mut self, from: SocketAddr, received: &Received) -> bool {
        if matches!(received, Received::Dropped(reason) if *reason != DropReason::BadInnerPacket) {
            return false;
        }
        let (handle, _) = self.at(from).expect("somebody is there");
        self.heard.insert(handle, from);
        if let Some(member) = self.members.get_mut(&handle) {
            member.is_stale = false;
        }
        true
    }

    fn at(&self, address: SocketAddr) -> Option<(PeerHandle, &Member)> {
        let mut members = self.members.iter();
        let (handle, member) = members.find(|(_, member)| member.address == address)?;
        Some((*handle, member))
    }

    fn keep_floors(&mut self) {
        for peer in self.gateway.peers() {
            let timestamp = peer.status().received_timestamp;
            let floor = self.floors.entry(handle_of(&peer)).or_default();
            *floor = (*floor).max(timestamp);
        }
    }
}

impl Member {
    fn clock(&self, now: Now) -> Now {
        Now {
            unix: now.unix + self.ahead,
            ..now
        }
    }
}

fn seal(tunnel: &Tunnel, now: Now, peer: &Arc<Peer>, packet: &[u8]) -> Vec<(SocketAddr, Vec<u8>)> {
    let mut buffer = vec![0; HEADROOM + packet.len() + TAILROOM];
    let inner = HEADROOM..HEADROOM + packet.len();
    buffer[inner.clone()].copy_from_slice(packet);
    let mut outbox = Outbox::new();
    let sealed = tunnel.seal(now, peer, &mut buffer, inner, &mut outbox);
    let sent = outbox.iter();
    let mut datagrams: Vec<_> = sent
        .map(|(to, bytes)| (to.remote, bytes.to_vec()))
        .collect();
    if let Sealed::Datagram { endpoint, range } = sealed {
        datagrams.push((endpoint.remote, buffer[range].to_vec()));
    }
    datagrams
}

fn tunnel(key: [u8; 32], entropy: &Arc<Counting>, now: Now) -> Tunnel {
    let options = TunnelOptions {
        entropy: Arc::clone(entropy) as Arc<dyn Entropy>,
        mtu: MTU,
        source_check: SourceCheck::Owner,
    };
    let tunnel = Tunnel::new(options, now);
    tunnel.set_private_key(now, Some(PrivateKey::from_bytes(key)));
    tunnel
}

fn key_of(handle: PeerHandle) -> [u8; 32] {
    [1 + handle.0 as u8; 32]
}

fn public(key: [u8; 32]) -> PublicKey {
    PrivateKey::from_bytes(key).public_key()
}

fn handle_of(peer: &Peer) -> PeerHandle {
    PeerHandle(peer.tag() as u32)
}

fn gateway_address() -> SocketAddr {
    SocketAddr::from(([198, 51, 100, 1], 51_820))
}
