//! A gateway made of one `Tunnel` and one UDP socket, that speaks as the device behind it.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use culvert_core::{
    Endpoint, Entropy, HEADROOM, Now, Outbox, PeerUpdate, PrivateKey, PublicKey, Received, Sealed,
    SourceCheck, TAILROOM, Tunnel, TunnelOptions,
};
use ring::rand::{SecureRandom, SystemRandom};

pub struct Gateway {
    tunnel: Tunnel,
    socket: UdpSocket,
    outbox: Outbox,
    connector: PublicKey,
    pub key: PublicKey,
    /// Inner packets that the connector has sent.
    pub got: Vec<Vec<u8>>,
}

impl Gateway {
    pub fn new(private: [u8; 32], connector: PublicKey) -> Self {
        Self::at("127.0.0.1:0", private, connector)
    }

    pub fn at(address: &str, private: [u8; 32], connector: PublicKey) -> Self {
        let socket = UdpSocket::bind(address).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_millis(5)))
            .unwrap();
        let tunnel = Tunnel::new(
            TunnelOptions {
                entropy: Arc::new(System(SystemRandom::new())),
                mtu: 1420,
                source_check: SourceCheck::Owner,
            },
            now(),
        );
        let private = PrivateKey::from_bytes(private);
        let key = private.public_key();
        tunnel.set_private_key(now(), Some(private));
        tunnel.update_peer(now(), PeerUpdate::new(connector));
        Self {
            tunnel,
            socket,
            outbox: Outbox::new(),
            connector,
            key,
            got: Vec::new(),
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.socket.local_addr().unwrap()
    }

    /// From now on it is there; what comes to where it was is lost.
    pub fn listen_on(&mut self, socket: UdpSocket) {
        socket
            .set_read_timeout(Some(Duration::from_millis(5)))
            .unwrap();
        self.socket = socket;
    }

    /// Where it last heard the connector.
    pub fn endpoint_of_connector(&self) -> Option<SocketAddr> {
        let endpoint = self.tunnel.peer(&self.connector)?.endpoint();
        endpoint.map(|endpoint| endpoint.remote)
    }

    /// As a gateway does that was restarted and has kept where its peers were.
    pub fn greet(&mut self, connector: SocketAddr) {
        self.tunnel.update_peer(
            now(),
            PeerUpdate {
                endpoint: Some(connector.into()),
                ..PeerUpdate::new(self.connector)
            },
        );
        let peer = self.tunnel.peer(&self.connector).unwrap();
        self.tunnel.send_keepalive(now(), &peer, &mut self.outbox);
        self.flush();
    }

    pub fn has_session(&self) -> bool {
        self.tunnel
            .peer(&self.connector)
            .is_some_and(|peer| peer.has_session(now()))
    }

    /// To the connector, as both ends count.
    pub fn sent_bytes(&self) -> u64 {
        let peer = self.tunnel.peer(&self.connector).unwrap();
        peer.status().sent_bytes
    }

    /// An inner packet toward the connector.
    pub fn send(&mut self, packet: &[u8]) {
        let mut buffer = vec![0; HEADROOM + packet.len() + TAILROOM];
        let inner = HEADROOM..HEADROOM + packet.len();
        buffer[inner.clone()].copy_from_slice(packet);
        let peer = self.tunnel.peer(&self.connector).unwrap();
        match self
            .tunnel
            .seal(now(), &peer, &mut buffer, inner, &mut self.outbox)
        {
            Sealed::Datagram { endpoint, range } => {
                self.socket
                    .send_to(&buffer[range], endpoint.remote)
                    .unwrap();
            }
            other => panic!("not sealed: {other:?}"),
        }
        self.flush();
    }

    pub fn until(&mut self, what: &str, is_true: impl Fn(&Self) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !is_true(self) {
            assert!(Instant::now() < deadline, "never happened: {what}");
            self.step();
        }
    }

    pub fn step(&mut self) {
        let mut datagram = [0; 2048];
        if let Ok((len, from)) = self.socket.recv_from(&mut datagram) {
            let from = Endpoint::from(from);
            let datagram = &mut datagram[..len];
            let received = self.tunnel.receive(now(), from, datagram, &mut self.outbox);
            if let Received::Packet { inner, .. } = received {
                self.got.push(datagram[inner].to_vec());
            }
        }
        self.tunnel.handle_timeout(now(), &mut self.outbox);
        self.flush();
    }

    fn flush(&mut self) {
        for (endpoint, datagram) in self.outbox.iter() {
            self.socket.send_to(datagram, endpoint.remote).unwrap();
        }
        self.outbox.clear();
    }
}

fn now() -> Now {
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    Now {
        instant: Instant::now(),
        unix,
    }
}

struct System(SystemRandom);

impl Entropy for System {
    fn fill(&self, bytes: &mut [u8]) {
        self.0.fill(bytes).unwrap();
    }
}
