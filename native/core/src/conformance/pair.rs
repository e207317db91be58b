//! Two tunnels and the network between them. Nothing takes time unless the test lets it pass.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::{
    DropReason, Endpoint, Entropy, Event, HEADROOM, Now, Outbox, Peer, PeerUpdate, PrivateKey,
    Received, Sealed, SourceCheck, TAILROOM, Tunnel, TunnelOptions,
};

pub(super) const LEFT: usize = 0;
pub(super) const RIGHT: usize = 1;

pub(super) struct Host {
    pub(super) tunnel: Tunnel,
    pub(super) address: SocketAddr,
    pub(super) inner: [u8; 4],
    /// Inner packets that arrived.
    pub(super) delivered: Vec<Vec<u8>>,
    pub(super) drops: Vec<DropReason>,
}

/// A datagram as it went over the wire.
#[derive(Clone)]
pub(super) struct Sent {
    pub(super) after: Duration,
    pub(super) from: usize,
    pub(super) bytes: Vec<u8>,
}

pub(super) struct Pair {
    pub(super) hosts: [Host; 2],
    pub(super) now: Now,
    start: Instant,
    pub(super) log: Vec<Sent>,
    /// What the network does with a datagram of this host.
    pub(super) loses: fn(usize, &[u8]) -> bool,
}

impl Pair {
    /// Configured with each other, endpoints known, nothing sent.
    pub(super) fn new() -> Self {
        Self::seeded(1)
    }

    pub(super) fn seeded(seed: u64) -> Self {
        let now = Now {
            instant: Instant::now(),
            unix: Duration::from_secs(1_700_000_000),
        };
        let pair = Self {
            hosts: [Host::new(LEFT, seed, now), Host::new(RIGHT, seed, now)],
            now,
            start: now.instant,
            log: Vec::new(),
            loses: |_, _| false,
        };
        for side in [LEFT, RIGHT] {
            pair.configure(side, |update| update);
        }
        pair
    }

    /// Already shaken hands, left having begun; the log is empty.
    pub(super) fn connected() -> Self {
        let mut pair = Self::new();
        pair.send(LEFT, b"hello");
        pair.send(RIGHT, b"hello");
        pair.forget();
        pair
    }

    pub(super) fn configure(&self, side: usize, change: impl Fn(PeerUpdate) -> PeerUpdate) {
        let other = &self.hosts[1 - side];
        let update = PeerUpdate {
            endpoint: Some(Endpoint::from(other.address)),
            allowed_ips: vec![ip_net(other.inner)],
            ..PeerUpdate::new(other.tunnel.public_key().unwrap())
        };
        self.hosts[side]
            .tunnel
            .update_peer(self.now, change(update))
            .unwrap();
    }

    pub(super) fn forget(&mut self) {
        self.log.clear();
        for host in &mut self.hosts {
            host.delivered.clear();
            host.drops.clear();
        }
    }

    /// This host's view of the other one.
    pub(super) fn peer(&self, side: usize) -> Arc<Peer> {
        self.hosts[side].tunnel.peers().into_iter().next().unwrap()
    }

    /// An inner packet with this payload, all the way.
    pub(super) fn send(&mut self, side: usize, payload: &[u8]) {
        let mut outbox = Outbox::new();
        if let Some(datagram) = self.seal(side, payload, &mut outbox) {
            self.carry(side, vec![datagram]);
        }
        self.flush(side, &outbox);
    }

    /// The datagram for it, not sent; `None` if it was staged.
    pub(super) fn seal(&self, side: usize, payload: &[u8], outbox: &mut Outbox) -> Option<Vec<u8>> {
        let packet = self.packet(side, payload);
        self.seal_raw(side, &packet, outbox)
    }

    pub(super) fn seal_raw(
        &self,
        side: usize,
        packet: &[u8],
        outbox: &mut Outbox,
    ) -> Option<Vec<u8>> {
        let mut buffer = vec![0xee; HEADROOM];
        buffer.extend_from_slice(packet);
        let inner = HEADROOM..buffer.len();
        buffer.extend([0xee; TAILROOM]);
        let peer = self.peer(side);
        let tunnel = &self.hosts[side].tunnel;
        match tunnel.seal(self.now, &peer, &mut buffer, inner, outbox) {
            Sealed::Datagram { range, .. } => Some(buffer[range].to_vec()),
            Sealed::Staged | Sealed::Dropped(_) => None,
        }
    }

    pub(super) fn packet(&self, side: usize, payload: &[u8]) -> Vec<u8> {
        ipv4(self.hosts[side].inner, self.hosts[1 - side].inner, payload)
    }

    /// What `packet` would be at the other end.
    pub(super) fn flush(&mut self, side: usize, outbox: &Outbox) {
        self.carry(side, datagrams(outbox));
    }

    /// Delivers, and everything that follows from it.
    pub(super) fn carry(&mut self, from: usize, sent: Vec<Vec<u8>>) {
        let mut way: VecDeque<_> = sent.into_iter().map(|bytes| (from, bytes)).collect();
        while let Some((from, bytes)) = way.pop_front() {
            self.log.push(Sent {
                after: self.now.instant - self.start,
                from,
                bytes: bytes.clone(),
            });
            if (self.loses)(from, &bytes) {
                continue;
            }
            let answers = self.deliver(1 - from, self.hosts[from].address, &bytes);
            way.extend(answers.into_iter().map(|bytes| (1 - from, bytes)));
        }
    }

    /// One datagram from anywhere, without its consequences on the wire; those are returned.
    pub(super) fn deliver(&mut self, to: usize, source: SocketAddr, bytes: &[u8]) -> Vec<Vec<u8>> {
        let mut outbox = Outbox::new();
        let mut bytes = bytes.to_vec();
        let host = &mut self.hosts[to];
        let received =
            host.tunnel
                .receive(self.now, Endpoint::from(source), &mut bytes, &mut outbox);
        match received {
            Received::Packet { inner, .. } => host.delivered.push(bytes[inner].to_vec()),
            Received::Handled => {}
            Received::Dropped(reason) => host.drops.push(reason),
        }
        datagrams(&outbox)
    }

    /// Lets time pass, stopping at every deadline of both.
    pub(super) fn advance(&mut self, duration: Duration) {
        let end = self.now.instant + duration;
        loop {
            let due = self
                .hosts
                .iter()
                .filter_map(|host| host.tunnel.next_wakeup())
                .min()
                .filter(|due| *due <= end);
            let Some(due) = due else { break };
            self.jump(due.max(self.now.instant));
            for side in [LEFT, RIGHT] {
                let mut outbox = Outbox::new();
                self.hosts[side]
                    .tunnel
                    .handle_timeout(self.now, &mut outbox);
                self.flush(side, &outbox);
            }
        }
        self.jump(end);
    }

    /// Lets time pass without anybody noticing.
    pub(super) fn jump(&mut self, to: Instant) {
        self.now.unix += to - self.now.instant;
        self.now.instant = to;
    }

    pub(super) fn events(&self, side: usize) -> Vec<Event> {
        self.hosts[side].tunnel.take_events()
    }

    /// How many datagrams of this type this host has sent.
    pub(super) fn count(&self, from: usize, kind: u8) -> usize {
        self.log
            .iter()
            .filter(|sent| sent.from == from && sent.bytes[0] == kind)
            .count()
    }
}

impl Host {
    fn new(side: usize, seed: u64, now: Now) -> Self {
        let number = u8::try_from(side + 1).unwrap();
        let options = TunnelOptions {
            entropy: Arc::new(Seeded::new(seed * 2 + side as u64)),
            mtu: 1420,
            source_check: SourceCheck::AllowedIps,
        };
        let tunnel = Tunnel::new(options, now);
        tunnel.set_private_key(now, Some(PrivateKey::from_bytes([number; 32])));
        Self {
            tunnel,
            address: SocketAddr::from(([192, 0, 2, number], 51_820)),
            inner: [10, 0, 0, number],
            delivered: Vec::new(),
            drops: Vec::new(),
        }
    }
}

pub(super) fn datagrams(outbox: &Outbox) -> Vec<Vec<u8>> {
    outbox.iter().map(|(_, bytes)| bytes.to_vec()).collect()
}

pub(super) fn ip_net(address: [u8; 4]) -> ipnet::IpNet {
    ipnet::IpNet::from(std::net::IpAddr::from(address))
}

pub(super) fn ipv4(source: [u8; 4], destination: [u8; 4], payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + payload.len()).unwrap().to_be_bytes();
    let mut packet = vec![0x45, 0, length[0], length[1], 0, 0, 0, 0, 64, 17, 0, 0];
    packet.extend(source);
    packet.extend(destination);
    packet.extend(payload);
    packet
}

pub(super) fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

pub(super) fn millis(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// splitmix64: repeatable, and nothing like secure.
pub(super) struct Seeded(AtomicU64);

impl Seeded {
    pub(super) fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed.wrapping_mul(0x1234_5678_9abc_def1)))
    }

    pub(super) fn number(&self) -> u64 {
        let mut mixed = self
            .0
            .fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed)
            .wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl Entropy for Seeded {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let drawn = self.number().to_le_bytes();
            chunk.copy_from_slice(&drawn[..chunk.len()]);
        }
    }
}
