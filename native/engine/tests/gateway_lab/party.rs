//! A WireGuard peer of the gateway's: tunnel and socket, no TUN.

use std::net::{Ipv4Addr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use culvert_core::{
    HEADROOM, Now, Outbox, Peer, PeerUpdate, PublicKey, Received, Sealed, SourceCheck, TAILROOM,
    Tunnel, TunnelOptions,
};

use super::keys::{Random, key_text, random_key};
use super::{Gateway, PATIENCE};

/// Long enough for a packet that should not come to have come.
const SILENCE: Duration = Duration::from_millis(200);

pub(crate) struct Party {
    tunnel: Tunnel,
    socket: UdpSocket,
    gateway: Arc<Peer>,
    outbox: Outbox,
    pub(super) overlay: String,
    /// How many have left.
    pub(crate) initiations: u32,
}

impl Party {
    pub(crate) fn new(gateway: &Gateway, overlay: &str) -> Party {
        Party::at(Ipv4Addr::LOCALHOST, gateway, overlay)
    }

    /// With an address of its own outside.
    pub(crate) fn at(outside: Ipv4Addr, gateway: &Gateway, overlay: &str) -> Party {
        let options = TunnelOptions {
            entropy: Arc::new(Random),
            mtu: 1420,
            source_check: SourceCheck::Owner,
        };
        let tunnel = Tunnel::new(options, now());
        tunnel.set_private_key(now(), Some(random_key()));
        let mut update = PeerUpdate::new(gateway.public_key());
        update.endpoint = Some(gateway.address().into());
        let gateway = tunnel.update_peer(now(), update).unwrap();
        let socket = UdpSocket::bind((outside, 0)).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_millis(10)))
            .unwrap();
        Party {
            tunnel,
            socket,
            gateway,
            outbox: Outbox::new(),
            overlay: overlay.to_owned(),
            initiations: 0,
        }
    }

    pub(crate) fn address(&self) -> String {
        self.socket.local_addr().unwrap().to_string()
    }

    pub(crate) fn public_key_text(&self) -> String {
        let PublicKey(key) = self.tunnel.public_key().unwrap();
        key_text(&key)
    }

    /// So that a burst waits for its reader instead of being lost.
    pub(crate) fn make_room(&self) {
        rustix::net::sockopt::set_socket_recv_buffer_size_force(&self.socket, 4 << 20).unwrap();
    }

    /// A datagram to be sent by whatever way.
    pub(crate) fn seal(&mut self, packet: &[u8]) -> Vec<u8> {
        let inner = HEADROOM..HEADROOM + packet.len();
        let mut buffer = vec![0; inner.end + TAILROOM];
        buffer[inner.clone()].copy_from_slice(packet);
        let outbox = &mut self.outbox;
        match self
            .tunnel
            .seal(now(), &self.gateway, &mut buffer, inner, outbox)
        {
            Sealed::Datagram { range, .. } => buffer[range].to_vec(),
            other => panic!("not sealed: {other:?}"),
        }
    }

    pub(crate) fn set_mtu(&self, mtu: usize) {
        self.tunnel.set_mtu(mtu);
    }

    /// Makes a session, as a connector does at its start.
    pub(crate) fn greet(&mut self) {
        self.greet_within(PATIENCE);
    }

    pub(crate) fn greet_within(&mut self, patience: Duration) {
        let mut update = PeerUpdate::new(*self.gateway.public_key());
        update.keepalive_seconds = Some(5);
        self.tunnel.update_peer(now(), update).unwrap();
        let deadline = Instant::now() + patience;
        while !self.gateway.has_session(now()) {
            assert!(Instant::now() < deadline, "no session with the gateway");
            assert_eq!(self.turn(), None);
        }
    }

    /// Begins a handshake, whether it is answered or not.
    pub(crate) fn knock(&mut self) {
        let mut update = PeerUpdate::new(*self.gateway.public_key());
        update.keepalive_seconds = Some(5);
        self.tunnel.update_peer(now(), update).unwrap();
        for _ in 0..5 {
            self.turn();
        }
    }

    pub(crate) fn send(&mut self, packet: &[u8]) {
        let mut buffer = vec![0; HEADROOM + packet.len() + TAILROOM];
        buffer[HEADROOM..HEADROOM + packet.len()].copy_from_slice(packet);
        let inner = HEADROOM..HEADROOM + packet.len();
        let sealed = self
            .tunnel
            .seal(now(), &self.gateway, &mut buffer, inner, &mut self.outbox);
        self.flush();
        match sealed {
            Sealed::Datagram { endpoint, range } => {
                self.socket
                    .send_to(&buffer[range], endpoint.remote)
                    .unwrap();
            }
            Sealed::Staged => {
                let deadline = Instant::now() + PATIENCE;
                while !self.gateway.has_session(now()) && Instant::now() < deadline {
                    assert_eq!(self.turn(), None);
                }
            }
            Sealed::Dropped(reason) => panic!("{reason:?}"),
        }
    }

    /// The next inner packet.
    pub(crate) fn receive(&mut self) -> Vec<u8> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(packet) = self.turn() {
                return packet;
            }
        }
        panic!("no packet came to {}", self.overlay);
    }

    /// Whether this very packet comes within half a second; others that come first are late.
    pub(crate) fn awaits(&mut self, packet: &[u8]) -> bool {
        self.awaits_within(packet, Duration::from_millis(500))
    }

    pub(crate) fn awaits_within(&mut self, packet: &[u8], patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if self.turn().is_some_and(|got| got == packet) {
                return true;
            }
        }
        false
    }

    pub(crate) fn expect_nothing(&mut self) {
        let deadline = Instant::now() + SILENCE;
        while Instant::now() < deadline {
            assert_eq!(self.turn(), None, "{} should get nothing", self.overlay);
        }
    }

    fn turn(&mut self) -> Option<Vec<u8>> {
        self.tunnel.handle_timeout(now(), &mut self.outbox);
        self.flush();
        let mut datagram = [0; 2048];
        let (length, from) = self.socket.recv_from(&mut datagram).ok()?;
        let datagram = &mut datagram[..length];
        let received = self
            .tunnel
            .receive(now(), from.into(), datagram, &mut self.outbox);
        self.flush();
        match received {
            Received::Packet { inner, .. } => Some(datagram[inner].to_vec()),
            _ => None,
        }
    }

    fn flush(&mut self) {
        for (endpoint, datagram) in self.outbox.iter() {
            self.socket.send_to(datagram, endpoint.remote).unwrap();
            self.initiations += u32::from(datagram[0] == 1);
        }
        self.outbox.clear();
    }
}

fn now() -> Now {
    Now {
        instant: Instant::now(),
        unix: SystemTime::now().duration_since(UNIX_EPOCH).unwrap(),
    }
}

pub(crate) fn unix_ms() -> u64 {
    now().unix.as_millis() as u64
}
