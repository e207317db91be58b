//! Two tunnels with a session between them, in virtual time, and a book of everything that they have really sent.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use culvert_core::{
    Endpoint, HEADROOM, Now, Outbox, Peer, PeerUpdate, PrivateKey, Received, Sealed, SourceCheck,
    TAILROOM, Tunnel, TunnelOptions,
};

use crate::counting_entropy::Counting;

pub(crate) const LEFT: usize = 0;
pub(crate) const RIGHT: usize = 1;
pub(crate) const MTU: usize = 1420;

pub(crate) struct Tunnels {
    pub(crate) hosts: [Tunnel; 2],
    pub(crate) now: Now,
    /// Every datagram that was sent, with its sender; never forgotten.
    pub(crate) sent: Vec<(usize, Vec<u8>)>,
    /// By receiver and authenticated part: whether it has been received.
    book: HashMap<(usize, Vec<u8>), bool>,
    /// Payloads given to seal, by sender; true once they have come out.
    payloads: BTreeMap<(usize, u32), bool>,
    last_payload: u32,
}

impl Tunnels {
    pub(crate) fn connected() -> Tunnels {
        let now = Now {
            instant: Instant::now(),
            unix: Duration::from_secs(1_700_000_000),
        };
        let mut tunnels = Tunnels {
            hosts: [host(LEFT, now), host(RIGHT, now)],
            now,
            sent: Vec::new(),
            book: HashMap::new(),
            payloads: BTreeMap::new(),
            last_payload: 0,
        };
        for side in [LEFT, RIGHT] {
            let other = tunnels.hosts[1 - side].public_key().unwrap();
            let update = PeerUpdate {
                endpoint: Some(home(1 - side)),
                allowed_ips: vec![format!("10.0.0.{}/32", 2 - side).parse().unwrap()],
                ..PeerUpdate::new(other)
            };
            tunnels.hosts[side].update_peer(now, update).unwrap();
        }
        tunnels.exchange(LEFT);
        tunnels.exchange(RIGHT);
        tunnels
    }

    pub(crate) fn peer(&self, side: usize) -> Arc<Peer> {
        self.hosts[side].peers().into_iter().next().unwrap()
    }

    /// A packet all the way, on a network that loses nothing.
    pub(crate) fn exchange(&mut self, from: usize) -> bool {
        let payload = self.new_payload(from);
        let datagrams = self.seal(from, payload, 40);
        self.carry(from, datagrams);
        self.payloads[&(from, payload)]
    }

    pub(crate) fn new_payload(&mut self, from: usize) -> u32 {
        self.last_payload += 1;
        self.payloads.insert((from, self.last_payload), false);
        self.last_payload
    }

    /// What goes on the wire because of this packet, in order, written into the book.
    pub(crate) fn seal(&mut self, from: usize, payload: u32, bytes: usize) -> Vec<Vec<u8>> {
        let mut packet = ipv4(from, 24 + bytes);
        packet[20..24].copy_from_slice(&payload.to_be_bytes());
        let (datagram, outbox) = self.seal_raw(from, &packet);
        let mut datagrams = self.note(from, &outbox);
        if let Some(datagram) = datagram {
            self.enter(from, &datagram);
            datagrams.push(datagram);
        }
        datagrams
    }

    pub(crate) fn seal_raw(&self, from: usize, packet: &[u8]) -> (Option<Vec<u8>>, Outbox) {
        let mut buffer = vec![0xee; HEADROOM + packet.len() + TAILROOM];
        let inner = HEADROOM..HEADROOM + packet.len();
        buffer[inner.clone()].copy_from_slice(packet);
        let mut outbox = Outbox::new();
        let peer = self.peer(from);
        let sealed = self.hosts[from].seal(self.now, &peer, &mut buffer, inner, &mut outbox);
        match sealed {
            Sealed::Datagram { range, .. } => (Some(buffer[range].to_vec()), outbox),
            Sealed::Staged | Sealed::Dropped(_) => (None, outbox),
        }
    }

    /// Delivers in order, and everything that follows from it.
    pub(crate) fn carry(&mut self, from: usize, datagrams: Vec<Vec<u8>>) {
        let mut way: VecDeque<_> = datagrams.into_iter().map(|bytes| (from, bytes)).collect();
        while let Some((from, bytes)) = way.pop_front() {
            let answers = self.deliver(1 - from, home(from), &bytes);
            way.extend(answers.into_iter().map(|bytes| (1 - from, bytes)));
        }
    }

    /// One datagram from anywhere. What was never sent, or was received before, must change nothing.
    pub(crate) fn deliver(&mut self, to: usize, source: Endpoint, bytes: &[u8]) -> Vec<Vec<u8>> {
        let entry = (to, authenticated_part(bytes));
        let is_fresh = self.book.get(&entry) == Some(&false);
        let before = self.picture(to);
        let mut outbox = Outbox::new();
        let mut datagram = bytes.to_vec();
        let received = self.hosts[to].receive(self.now, source, &mut datagram, &mut outbox);
        if let Received::Packet { inner, .. } = &received {
            self.take_out(to, &datagram[inner.clone()]);
        }
        if is_fresh {
            if !matches!(received, Received::Dropped(_)) {
                self.book.insert(entry, true);
            }
        } else {
            self.assert_untouched(to, &before, &received, &outbox, bytes);
        }
        self.note(to, &outbox)
    }

    /// As one GRO buffer; the datagrams may be anything, fresh ones too.
    pub(crate) fn deliver_segments(&mut self, to: usize, source: Endpoint, parts: &[Vec<u8>]) {
        let stride = parts.first().map_or(0, Vec::len);
        let mut buffer: Vec<u8> = Vec::new();
        for part in parts {
            if !buffer.len().is_multiple_of(stride.max(1)) || part.len() > stride {
                break;
            }
            buffer.extend(part);
        }
        let entries: Vec<_> = buffer
            .chunks(stride.max(1))
            .map(|bytes| (to, authenticated_part(bytes)))
            .collect();
        let is_any_fresh = entries
            .iter()
            .any(|entry| self.book.get(entry) == Some(&false));
        let before = self.picture(to);
        let (mut outbox, mut places) = (Outbox::new(), Vec::new());
        self.hosts[to].receive_segments(
            self.now,
            source,
            &mut buffer,
            stride,
            &mut outbox,
            |_, place| places.push(place),
        );
        for place in places {
            self.take_out(to, &buffer[place]);
        }
        if !is_any_fresh {
            assert_eq!(
                self.picture(to),
                before,
                "a forged buffer changed something"
            );
        }
        for entry in entries {
            if let Some(is_received) = self.book.get_mut(&entry) {
                *is_received = true;
            }
        }
        let answers = self.note(to, &outbox);
        self.carry(to, answers);
    }

    fn assert_untouched(
        &self,
        to: usize,
        before: &str,
        received: &Received,
        outbox: &Outbox,
        bytes: &[u8],
    ) {
        assert!(
            matches!(received, Received::Dropped(_)),
            "{received:?} for what nobody sent, or for a replay"
        );
        assert_eq!(
            self.picture(to),
            before,
            "a forged datagram changed something"
        );
        let may_get_a_cookie = matches!(bytes.first(), Some(1 | 2))
            && crate::macs::is_right(&self.hosts[to].public_key().unwrap(), bytes);
        assert!(outbox.len() <= usize::from(may_get_a_cookie));
        for (_, answer) in outbox.iter() {
            assert_eq!(
                (answer.len(), answer[0]),
                (64, 3),
                "an answer to a stranger"
            );
        }
    }

    /// Lets time pass, and the tunnels do what is due.
    pub(crate) fn advance(&mut self, duration: Duration) {
        let end = self.now.instant + duration;
        loop {
            let wakeups = self.hosts.iter().filter_map(Tunnel::next_wakeup);
            let Some(due) = wakeups.min().filter(|due| *due <= end) else {
                break;
            };
            self.jump(due.max(self.now.instant));
            for side in [LEFT, RIGHT] {
                let mut outbox = Outbox::new();
                self.hosts[side].handle_timeout(self.now, &mut outbox);
                let datagrams = self.note(side, &outbox);
                self.carry(side, datagrams);
            }
        }
        self.jump(end);
    }

    fn jump(&mut self, to: Instant) {
        self.now.unix += to - self.now.instant;
        self.now.instant = to;
    }

    fn note(&mut self, from: usize, outbox: &Outbox) -> Vec<Vec<u8>> {
        let datagrams: Vec<Vec<u8>> = outbox.iter().map(|(_, bytes)| bytes.to_vec()).collect();
        for datagram in &datagrams {
            self.enter(from, datagram);
        }
        datagrams
    }

    fn enter(&mut self, from: usize, datagram: &[u8]) {
        self.sent.push((from, datagram.to_vec()));
        let entry = (1 - from, authenticated_part(datagram));
        self.book.entry(entry).or_insert(false);
    }

    /// Only what was sent comes out, and once.
    fn take_out(&mut self, to: usize, packet: &[u8]) {
        let payload = u32::from_be_bytes(packet[20..24].try_into().unwrap());
        let place = self.payloads.get_mut(&(1 - to, payload));
        let is_out = place.expect("a packet that nobody sent was delivered");
        assert!(!*is_out, "a packet was delivered twice");
        *is_out = true;
    }

    /// Everything about a side that can be asked.
    fn picture(&self, side: usize) -> String {
        let tunnel = &self.hosts[side];
        let peers: Vec<_> = tunnel
            .peers()
            .iter()
            .map(|peer| (peer.status(), peer.has_session(self.now)))
            .collect();
        format!("{peers:?} {:?}", tunnel.next_wakeup())
    }
}

/// What a handshake message proves, and whom it is for. That is not mac1 and mac2, which anybody can make who knows the
/// receiver's public key, and not the sender's index, which they alone cover: whoever stands between two peers may change it,
/// and gets a session that its owner can not use (as with every WireGuard).
fn authenticated_part(bytes: &[u8]) -> Vec<u8> {
    match (bytes.first(), bytes.len()) {
        (Some(1), 148) | (Some(2), 92) => [&bytes[..4], &bytes[8..bytes.len() - 32]].concat(),
        _ => bytes.to_vec(),
    }
}

pub(crate) fn home(side: usize) -> Endpoint {
    let number = u8::try_from(side + 1).unwrap();
    Endpoint::from(SocketAddr::from(([192, 0, 2, number], 51_820)))
}

/// From this side to the other.
pub(crate) fn ipv4(from: usize, bytes: usize) -> Vec<u8> {
    let mut packet = vec![0; bytes];
    packet[0] = 0x45;
    packet[2..4].copy_from_slice(&u16::try_from(bytes).unwrap().to_be_bytes());
    let (mine, theirs) = if from == LEFT { (1, 2) } else { (2, 1) };
    packet[12..20].copy_from_slice(&[10, 0, 0, mine, 10, 0, 0, theirs]);
    packet
}

fn host(side: usize, now: Now) -> Tunnel {
    let options = TunnelOptions {
        entropy: Arc::new(Counting(AtomicU64::new(side as u64 * 7919 + 1))),
        mtu: MTU,
        source_check: SourceCheck::AllowedIps,
    };
    let tunnel = Tunnel::new(options, now);
    let key = PrivateKey::from_bytes([u8::try_from(side + 1).unwrap(); 32]);
    tunnel.set_private_key(now, Some(key));
    tunnel
}
