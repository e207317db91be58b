//! Somebody with a key and one peer: the engine that is under load.

use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use culvert_core::{
    Endpoint, Entropy, Now, Outbox, Peer, PeerUpdate, PrivateKey, PublicKey, Received, SourceCheck,
    Tunnel, TunnelOptions,
};
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};

use crate::arguments::Failure;

/// A peer begins a handshake at most every five seconds. Who needs many in a moment lets more time pass than that.
const BETWEEN_HANDSHAKES: Duration = Duration::from_millis(5_100);

pub(crate) struct Member {
    pub(crate) tunnel: Tunnel,
    pub(crate) peer: Arc<Peer>,
    /// The tunnel's time; never behind the clock on the wall.
    pub(crate) now: Now,
}

impl Member {
    pub(crate) fn new(number: u32, server: PublicKey, at: SocketAddr) -> Result<Member, Failure> {
        let now = now();
        let options = TunnelOptions {
            entropy: Arc::new(System(SystemRandom::new())),
            mtu: 1420,
            source_check: SourceCheck::AllowedIps,
        };
        let tunnel = Tunnel::new(options, now);
        tunnel.set_private_key(now, Some(private_key(number)));
        let update = PeerUpdate {
            endpoint: Some(Endpoint::from(at)),
            ..PeerUpdate::new(server)
        };
        let peer = tunnel.update_peer(now, update);
        let peer = peer.ok_or("the server's key is the member's own")?;
        Ok(Member { tunnel, peer, now })
    }

    /// A new initiation, of which the one before is forgotten.
    pub(crate) fn begin(&mut self) -> Option<Vec<u8>> {
        self.now.instant += BETWEEN_HANDSHAKES;
        self.now.unix += BETWEEN_HANDSHAKES;
        let mut outbox = Outbox::new();
        self.tunnel
            .send_keepalive(self.now, &self.peer, &mut outbox);
        outbox.iter().next().map(|(_, message)| message.to_vec())
    }

    /// What it has to say to that; what it makes of data does not matter here.
    pub(crate) fn hear(&mut self, datagram: &mut [u8], from: SocketAddr, outbox: &mut Outbox) {
        let received = self
            .tunnel
            .receive(self.now, Endpoint::from(from), datagram, outbox);
        debug_assert!(!matches!(received, Received::Packet { .. }));
    }

    pub(crate) fn has_session(&self) -> bool {
        self.peer.last_handshake().is_some()
    }
}

pub(crate) fn public_key(number: u32) -> PublicKey {
    private_key(number).public_key()
}

fn private_key(number: u32) -> PrivateKey {
    let mut text = b"culvert-load ".to_vec();
    text.extend(number.to_be_bytes());
    let mut bytes = [0; 32];
    bytes.copy_from_slice(digest(&SHA256, &text).as_ref());
    PrivateKey::from_bytes(bytes)
}

pub(crate) fn hex(key: &PublicKey) -> String {
    key.as_bytes().iter().fold(String::new(), |mut text, byte| {
        // A String takes everything.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

pub(crate) fn now() -> Now {
    Now {
        instant: Instant::now(),
        unix: SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default(),
    }
}

/// Which of its handshakes or sessions a datagram is for: where each kind of message has the number that we chose.
pub(crate) fn receiver_of(datagram: &[u8]) -> Option<u32> {
    let at = match datagram.first()? {
        2 => 8,
        3 | 4 => 4,
        _ => return None,
    };
    number_at(datagram, at)
}

pub(crate) fn number_at(datagram: &[u8], at: usize) -> Option<u32> {
    let bytes = datagram.get(at..at + 4)?;
    Some(u32::from_le_bytes(bytes.try_into().ok()?))
}

struct System(SystemRandom);

impl Entropy for System {
    fn fill(&self, bytes: &mut [u8]) {
        if self.0.fill(bytes).is_err() {
            std::process::abort();
        }
    }
}
