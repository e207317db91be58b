//! Handshake initiations of strangers, from a thousand addresses of the loopback network, at a rate.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use culvert_core::{
    Entropy, HEADROOM, Now, Outbox, PeerUpdate, PrivateKey, PublicKey, SourceCheck, TAILROOM,
    Tunnel, TunnelOptions,
};
use ring::rand::{SecureRandom, SystemRandom};

const PLACES: u16 = 1000;
const STRANGERS: usize = 64;
const MAC1_AT: usize = 116;
const BURST: Duration = Duration::from_millis(5);

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mac1 {
    /// Of who knows the gateway's public key: each costs it Diffie-Hellman, unless it asks for cookies.
    Right,
    Wrong,
}

pub(crate) struct Flood {
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<u64>,
}

impl Flood {
    pub(crate) fn start(
        gateway: SocketAddr,
        public_key: &PublicKey,
        mac1: Mac1,
        per_second: u32,
    ) -> Flood {
        let initiations: Vec<Vec<u8>> = (0..STRANGERS)
            .map(|_| initiation(gateway, public_key, mac1))
            .collect();
        let sockets: Vec<UdpSocket> = (0..PLACES).map(place).collect();
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let thread = spawn(move || {
            let (start, mut sent) = (Instant::now(), 0_u64);
            while !over.load(Ordering::Relaxed) {
                let due = start.elapsed().as_secs_f64() * f64::from(per_second);
                while sent < due as u64 {
                    let socket = &sockets[sent as usize % sockets.len()];
                    let initiation = &initiations[sent as usize % initiations.len()];
                    // A full buffer is the flood's own trouble.
                    let _ = socket.send_to(initiation, gateway);
                    sent += 1;
                }
                sleep(BURST);
            }
            sent
        });
        Flood { is_over, thread }
    }

    /// How many datagrams it was.
    pub(crate) fn stop(self) -> u64 {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

fn place(number: u16) -> UdpSocket {
    let [high, low] = number.to_be_bytes();
    let socket = UdpSocket::bind((Ipv4Addr::new(127, 77, high, low), 0)).unwrap();
    socket.set_nonblocking(true).unwrap();
    socket
}

fn initiation(gateway: SocketAddr, public_key: &PublicKey, mac1: Mac1) -> Vec<u8> {
    let now = Now {
        instant: Instant::now(),
        unix: SystemTime::now().duration_since(UNIX_EPOCH).unwrap(),
    };
    let options = TunnelOptions {
        entropy: Arc::new(Random),
        mtu: 1420,
        source_check: SourceCheck::Owner,
    };
    let tunnel = Tunnel::new(options, now);
    let mut key = [0; 32];
    Random.fill(&mut key);
    tunnel.set_private_key(now, Some(PrivateKey::from_bytes(key)));
    let mut update = PeerUpdate::new(*public_key);
    update.endpoint = Some(gateway.into());
    let peer = tunnel.update_peer(now, update).unwrap();
    let mut outbox = Outbox::new();
    let mut buffer = vec![0; HEADROOM + 16 + TAILROOM];
    tunnel.seal(
        now,
        &peer,
        &mut buffer,
        HEADROOM..HEADROOM + 16,
        &mut outbox,
    );
    let mut initiation = outbox.iter().next().unwrap().1.to_vec();
    if mac1 == Mac1::Wrong {
        initiation[MAC1_AT] ^= 1;
    }
    initiation
}

struct Random;

impl Entropy for Random {
    fn fill(&self, bytes: &mut [u8]) {
        SystemRandom::new().fill(bytes).unwrap();
    }
}
