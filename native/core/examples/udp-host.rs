//! A host made of one `Tunnel` and one UDP socket: pings the peer's inner address and answers its pings.
//! `examples/against-wireguard-go.sh` runs it against a wireguard-go in a namespace.
//!
//!     udp-host PRIVATE_KEY PEER_PUBLIC_KEY PRESHARED_KEY OWN_INNER PEER_INNER LISTEN PINGS [ENDPOINT]
//!
//! Keys are 64 hex digits. Without ENDPOINT it waits to be called. Ten PINGS go out in a second; with 0 it answers only, for 20 s.
//! `CULVERT_UNDER_LOAD=1` asks everybody for a cookie first.
//! `CULVERT_RECORD=1` draws "randomness" from a counter, stands the wall clock still and prints every datagram:
//! that is how the vectors in `src/conformance/vectors/` were made, one of them with `examples/wireguard-go-cookies`.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "a real host, with a real clock"
)]

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use culvert_core::{
    Endpoint, Entropy, HEADROOM, Now, Outbox, PeerUpdate, PresharedKey, PrivateKey, PublicKey,
    Received, Sealed, SourceCheck, TAILROOM, Tunnel, TunnelOptions,
};
use ring::rand::{SecureRandom, SystemRandom};

type Failure = Box<dyn Error>;

struct Host {
    tunnel: Tunnel,
    socket: UdpSocket,
    own: Ipv4Addr,
    peer: Ipv4Addr,
    outbox: Outbox,
    is_recording: bool,
    answers: usize,
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [
        private,
        public,
        preshared,
        own,
        peer,
        listen,
        pings,
        endpoint @ ..,
    ] = arguments.as_slice()
    else {
        return Err("seven or eight arguments, see the head of the source".into());
    };
    let is_recording = std::env::var_os("CULVERT_RECORD").is_some();
    let entropy: Arc<dyn Entropy> = if is_recording {
        Arc::new(Counter(AtomicU64::new(0)))
    } else {
        Arc::new(System(SystemRandom::new()))
    };
    let options = TunnelOptions {
        entropy,
        mtu: 1420,
        source_check: SourceCheck::AllowedIps,
    };
    let tunnel = Tunnel::new(options, now());
    tunnel.set_private_key(now(), Some(PrivateKey::from_bytes(key(private)?)));
    let update = PeerUpdate {
        preshared_key: Some(PresharedKey::from_bytes(key(preshared)?)),
        allowed_ips: vec![format!("{peer}/32").parse()?],
        endpoint: match endpoint.first() {
            Some(address) => Some(Endpoint::from(address.parse::<SocketAddr>()?)),
            None => None,
        },
        ..PeerUpdate::new(PublicKey(key(public)?))
    };
    tunnel.update_peer(now(), update);
    tunnel.set_under_load(std::env::var_os("CULVERT_UNDER_LOAD").is_some());
    let mut host = Host {
        tunnel,
        socket: UdpSocket::bind(listen)?,
        own: own.parse()?,
        peer: peer.parse()?,
        outbox: Outbox::new(),
        is_recording,
        answers: 0,
    };
    host.run(pings.parse()?)
}

impl Host {
    fn run(&mut self, pings: u16) -> Result<(), Failure> {
        self.socket
            .set_read_timeout(Some(Duration::from_millis(20)))?;
        let start = Instant::now();
        let mut sent = 0;
        let patience = Duration::from_secs(20) + Duration::from_millis(100) * u32::from(pings);
        while start.elapsed() < patience {
            if sent < pings && start.elapsed() >= Duration::from_millis(100) * u32::from(sent) {
                let request = echo(8, self.own, self.peer, sent, &[0x42; 37]);
                self.send(request)?;
                sent += 1;
            }
            self.receive()?;
            self.tunnel.handle_timeout(now(), &mut self.outbox);
            self.flush()?;
            if pings > 0 && self.answers == usize::from(pings) {
                break;
            }
        }
        for peer in self.tunnel.peers() {
            println!(
                "answers {} of {pings}, received {} sent {} handshake {}",
                self.answers,
                peer.received_bytes(),
                peer.sent_bytes(),
                peer.last_handshake().is_some(),
            );
        }
        for (reason, count) in self.tunnel.drop_counts() {
            if count > 0 {
                println!("{} {count}", reason.as_str());
            }
        }
        if self.answers < usize::from(pings) {
            return Err("pings were lost".into());
        }
        Ok(())
    }

    fn send(&mut self, packet: Vec<u8>) -> Result<(), Failure> {
        let Some(peer) = self.tunnel.route_packet(&packet) else {
            return Err("no peer for that address".into());
        };
        let mut buffer = vec![0; HEADROOM];
        buffer.extend_from_slice(&packet);
        let inner = HEADROOM..buffer.len();
        buffer.resize(buffer.len() + TAILROOM, 0);
        let sealed = self
            .tunnel
            .seal(now(), &peer, &mut buffer, inner, &mut self.outbox);
        if let Sealed::Datagram { endpoint, range } = sealed {
            let datagram = buffer.get(range).unwrap_or_default();
            self.record("out", datagram);
            self.socket.send_to(datagram, endpoint.remote)?;
        }
        self.flush()
    }

    fn receive(&mut self) -> Result<(), Failure> {
        let mut buffer = [0; 2048];
        let Ok((length, source)) = self.socket.recv_from(&mut buffer) else {
            return Ok(());
        };
        let datagram = buffer.get_mut(..length).unwrap_or_default();
        self.record("in", datagram);
        let received =
            self.tunnel
                .receive(now(), Endpoint::from(source), datagram, &mut self.outbox);
        self.flush()?;
        let Received::Packet { inner, .. } = received else {
            return Ok(());
        };
        let packet = buffer.get(inner).unwrap_or_default();
        let number = packet
            .get(26..28)
            .and_then(|bytes| bytes.try_into().ok())
            .map_or(0, u16::from_be_bytes);
        match packet.get(20) {
            Some(0) => self.answers += 1,
            Some(8) => {
                let payload = packet.get(28..).unwrap_or_default();
                let identifier = packet.get(24..26).unwrap_or_default();
                let mut answer = echo(0, self.own, self.peer, number, payload);
                set_identifier(&mut answer, identifier);
                self.send(answer)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Failure> {
        for (endpoint, datagram) in self.outbox.iter() {
            self.record("out", datagram);
            self.socket.send_to(datagram, endpoint.remote)?;
        }
        self.outbox.clear();
        Ok(())
    }

    fn record(&self, direction: &str, datagram: &[u8]) {
        if self.is_recording {
            let hex: String = datagram.iter().map(|byte| format!("{byte:02x}")).collect();
            println!("{direction} {hex}");
        }
    }
}

fn echo(kind: u8, source: Ipv4Addr, destination: Ipv4Addr, number: u16, payload: &[u8]) -> Vec<u8> {
    let length = u16::try_from(28 + payload.len()).unwrap_or(u16::MAX);
    let mut header = vec![0x45, 0, 0, 0, 0, 0, 0, 0, 64, 1, 0, 0];
    header.splice(2..4, length.to_be_bytes());
    header.extend(source.octets());
    header.extend(destination.octets());
    let sum = checksum(&header);
    header.splice(10..12, sum.to_be_bytes());
    let mut message = vec![kind, 0, 0, 0, 0x51, 0x82];
    message.extend(number.to_be_bytes());
    message.extend(payload);
    let sum = checksum(&message);
    message.splice(2..4, sum.to_be_bytes());
    header.extend(message);
    header
}

fn set_identifier(packet: &mut Vec<u8>, identifier: &[u8]) {
    packet.splice(24..26, identifier.iter().copied());
    packet.splice(22..24, [0, 0]);
    let sum = checksum(packet.get(20..).unwrap_or_default());
    packet.splice(22..24, sum.to_be_bytes());
}

fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 = 0;
    for pair in bytes.chunks(2) {
        let high = pair.first().copied().unwrap_or(0);
        let low = pair.get(1).copied().unwrap_or(0);
        sum += u32::from(u16::from_be_bytes([high, low]));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

fn key(hex: &str) -> Result<[u8; 32], Failure> {
    let bytes: Result<Vec<u8>, _> = (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(hex.get(at..at + 2).unwrap_or(""), 16))
        .collect();
    bytes?
        .try_into()
        .map_err(|_| "a key is 64 hex digits".into())
}

fn now() -> Now {
    let unix = if std::env::var_os("CULVERT_RECORD").is_some() {
        Duration::from_secs(1_800_000_000)
    } else {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
    };
    Now {
        instant: Instant::now(),
        unix,
    }
}

struct System(SystemRandom);

impl Entropy for System {
    fn fill(&self, bytes: &mut [u8]) {
        if self.0.fill(bytes).is_err() {
            std::process::abort();
        }
    }
}

/// No randomness at all: recordings can be played back.
struct Counter(AtomicU64);

impl Entropy for Counter {
    fn fill(&self, bytes: &mut [u8]) {
        for byte in bytes {
            let count = self.0.fetch_add(1, Ordering::Relaxed);
            *byte = (count.wrapping_mul(167).wrapping_add(13) % 251) as u8;
        }
    }
}
