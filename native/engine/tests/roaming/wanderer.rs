//! A WireGuard peer that has many sockets on its host, and says through which one each datagram leaves.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use culvert_core::{
    HEADROOM, Now, Outbox, Peer, PeerUpdate, PublicKey, Sealed, SourceCheck, TAILROOM, Tunnel,
    TunnelOptions,
};

use super::keys::{Random, key_text, random_key};
use super::lab::Host;
use super::packets::udp;

const SOCKETS: usize = 6;
const PATIENCE: Duration = Duration::from_secs(5);
const NEAR: &str = "192.0.2.1:1111";

const INITIATION: u8 = 1;
pub(crate) const RESPONSE: u8 = 2;
pub(crate) const COOKIE_REPLY: u8 = 3;

pub(crate) struct Wanderer {
    tunnel: Tunnel,
    near: Arc<Peer>,
    sockets: Vec<UdpSocket>,
    outbox: Outbox,
}

impl Wanderer {
    pub(crate) fn new(host: &Host, near: &str) -> Wanderer {
        let options = TunnelOptions {
            entropy: Arc::new(Random),
            mtu: 1420,
            source_check: SourceCheck::Owner,
        };
        let tunnel = Tunnel::new(options, now());
        tunnel.set_private_key(now(), Some(random_key()));
        let mut update = PeerUpdate::new(PublicKey(key_of(near)));
        update.endpoint = Some(near_address().into());
        let near = tunnel.update_peer(now(), update).unwrap();
        let sockets = host.within(|| (0..SOCKETS).map(|_| socket()).collect());
        Wanderer {
            tunnel,
            near,
            sockets: sockets.join().unwrap(),
            outbox: Outbox::new(),
        }
    }

    pub(crate) fn public_key_text(&self) -> String {
        let PublicKey(key) = self.tunnel.public_key().unwrap();
        key_text(&key)
    }

    pub(crate) fn port(&self, socket: usize) -> u16 {
        self.sockets[socket].local_addr().unwrap().port()
    }

    pub(crate) fn is_under_load(&self) {
        self.tunnel.set_under_load(true);
    }

    /// Takes the answer, too; what it sends then waits in the outbox.
    pub(crate) fn initiates_through(&mut self, socket: usize) -> Vec<u8> {
        self.tunnel
            .stage(now(), &self.near, &question(), &mut self.outbox);
        let initiation = self.leaves_through(socket);
        assert_eq!(initiation[0], INITIATION);
        self.hears_at(socket, RESPONSE);
        assert!(self.near.has_session(now()));
        initiation
    }

    /// With what had waited for the session.
    pub(crate) fn confirms_through(&mut self, socket: usize) -> Vec<u8> {
        let datagram = self.leaves_through(socket);
        assert_eq!(datagram[0], 4);
        datagram
    }

    pub(crate) fn sends_data_through(&mut self, socket: usize) -> Vec<u8> {
        let datagram = self.sealed();
        self.throws_through(socket, &datagram);
        datagram
    }

    pub(crate) fn sealed(&mut self) -> Vec<u8> {
        let packet = question();
        let inner = HEADROOM..HEADROOM + packet.len();
        let mut buffer = vec![0; inner.end + TAILROOM];
        buffer[inner.clone()].copy_from_slice(&packet);
        let outbox = &mut self.outbox;
        match self
            .tunnel
            .seal(now(), &self.near, &mut buffer, inner, outbox)
        {
            Sealed::Datagram { range, .. } => buffer[range].to_vec(),
            other => panic!("not sealed: {other:?}"),
        }
    }

    pub(crate) fn throws_through(&self, socket: usize, datagram: &[u8]) {
        self.sockets[socket]
            .send_to(datagram, near_address())
            .unwrap();
    }

    /// What comes at the one socket is answered through the other.
    pub(crate) fn answers_through(&mut self, hears: usize, answers: usize, kind: u8) -> Vec<u8> {
        self.hears_at(hears, INITIATION);
        let answer = self.leaves_through(answers);
        assert_eq!(answer[0], kind);
        answer
    }

    /// The next message of this kind; others are of no interest.
    fn hears_at(&mut self, socket: usize, kind: u8) {
        let mut datagram = [0; 2048];
        let (length, from) = loop {
            let heard = self.sockets[socket].recv_from(&mut datagram).unwrap();
            if datagram[0] == kind {
                break heard;
            }
        };
        self.outbox.clear();
        let datagram = &mut datagram[..length];
        self.tunnel
            .receive(now(), from.into(), datagram, &mut self.outbox);
    }

    /// Everything that the tunnel wants to send; the first of it comes back.
    fn leaves_through(&mut self, socket: usize) -> Vec<u8> {
        let datagrams: Vec<Vec<u8>> = self
            .outbox
            .iter()
            .map(|(_, bytes)| bytes.to_vec())
            .collect();
        self.outbox.clear();
        for datagram in &datagrams {
            self.throws_through(socket, datagram);
        }
        datagrams.into_iter().next().unwrap()
    }
}

fn question() -> Vec<u8> {
    udp("10.5.0.2", "10.5.0.1", 5000, 9, b"from where?")
}

fn socket() -> UdpSocket {
    let socket = UdpSocket::bind("192.0.2.2:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn near_address() -> SocketAddr {
    NEAR.parse().unwrap()
}

fn now() -> Now {
    Now {
        instant: Instant::now(),
        unix: SystemTime::now().duration_since(UNIX_EPOCH).unwrap(),
    }
}

/// From base64, as `wg` prints it.
fn key_of(text: &str) -> [u8; 32] {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut key, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for letter in text.trim_end_matches('=').bytes() {
        let value = ALPHABET.iter().position(|known| *known == letter).unwrap();
        bits = bits << 6 | value as u32;
        count += 6;
        if count >= 8 {
            count -= 8;
            key.push((bits >> count) as u8);
        }
    }
    key.try_into().unwrap()
}
