//! A peer: what the data path reads without waiting, and the rest behind one lock.

use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

use ipnet::IpNet;

use crate::cookie::CookieJar;
use crate::deadlines::Deadline;
use crate::key::SharedKey;
use crate::locks::{lock, read, write};
use crate::noise::SentInitiation;
use crate::now::{Now, nanos};
use crate::session::Session;
use crate::{Endpoint, PresharedKey, PublicKey, Tai64n};

pub struct Peer {
    public_key: PublicKey,
    /// Counts the peers that the tunnel has ever had.
    number: u32,
    tag: AtomicU64,
    /// What a sender needs, in one read.
    pub(crate) path: RwLock<Path>,
    pub(crate) timers: Timers,
    /// The earliest deadline that the agenda knows of.
    pub(crate) scheduled: Deadline,
    pub(crate) allowed_ips: Mutex<BTreeSet<IpNet>>,
    pub(crate) state: Mutex<PeerState>,
    keepalive_seconds: AtomicU16,
    last_handshake_nanos: AtomicU64,
    /// 0: never measured.
    handshake_rtt_nanos: AtomicU64,
    received_bytes: AtomicU64,
    sent_bytes: AtomicU64,
}

#[derive(Default)]
pub(crate) struct Path {
    /// The current session, if it may carry data to the peer.
    pub(crate) session: Option<Arc<Session>>,
    pub(crate) endpoint: Option<Endpoint>,
}

/// What is due when. Everything but `erase_keys` and `lost` is set and cleared per packet.
#[derive(Default)]
pub(crate) struct Timers {
    /// Handshake sent, no answer: try again.
    pub(crate) retry: Deadline,
    /// Data received, nothing sent: show that we live.
    pub(crate) keepalive: Deadline,
    /// More data came while `keepalive` was running.
    pub(crate) keepalive_again: AtomicBool,
    /// Data sent, nothing heard: the session may be dead.
    pub(crate) silence: Deadline,
    /// Nothing authenticated either way for the configured interval.
    pub(crate) persistent: Deadline,
    pub(crate) erase_keys: Deadline,
    pub(crate) lost: Deadline,
    /// Up to a third of a second, drawn anew at handshakes.
    pub(crate) jitter_nanos: AtomicU64,
}

#[derive(Default)]
pub(crate) struct PeerState {
    /// Set once and for ever; whoever holds the peer still must not bring it back to life.
    pub(crate) is_removed: bool,
    pub(crate) preshared_key: PresharedKey,
    /// Diffie-Hellman of the static keys, made at the first handshake: 10,000 peers are set in no time.
    pub(crate) static_static: Option<SharedKey>,
    pub(crate) initiation: Option<Box<PendingInitiation>>,
    pub(crate) tries: u32,
    pub(crate) last_initiation_sent: Option<Instant>,
    pub(crate) last_initiation_received: Option<Instant>,
    pub(crate) sent_timestamp: Tai64n,
    pub(crate) received_timestamp: Tai64n,
    pub(crate) cookies: CookieJar,
    pub(crate) sessions: Sessions,
    pub(crate) staged: VecDeque<Box<[u8]>>,
}

pub(crate) struct PendingInitiation {
    pub(crate) local_index: u32,
    pub(crate) sent: SentInitiation,
}

/// `next` waits for the initiator's first packet; `previous` still opens what was under way.
#[derive(Default)]
pub(crate) struct Sessions {
    pub(crate) current: Option<Arc<Session>>,
    pub(crate) previous: Option<Arc<Session>>,
    pub(crate) next: Option<Arc<Session>>,
}

/// What `wg show` tells of a peer.
#[derive(Clone, Debug)]
pub struct PeerStatus {
    pub public_key: PublicKey,
    pub preshared_key: PresharedKey,
    pub endpoint: Option<Endpoint>,
    /// Since the Unix epoch.
    pub last_handshake: Option<Duration>,
    /// Of the last handshake that we began; the other side learns nothing about the way.
    pub handshake_rtt: Option<Duration>,
    pub received_bytes: u64,
    pub sent_bytes: u64,
    /// 0: off.
    pub keepalive_seconds: u16,
    pub allowed_ips: Vec<IpNet>,
    /// Of the newest initiation accepted. Persist it and hand it back in `PeerUpdate::replay_floor`, and a
    /// restart does not make old initiations new again.
    pub received_timestamp: Tai64n,
}

impl Peer {
    pub(crate) fn new(public_key: PublicKey, number: u32) -> Self {
        Self {
            public_key,
            number,
            tag: AtomicU64::new(0),
            path: RwLock::default(),
            timers: Timers::default(),
            scheduled: Deadline::default(),
            allowed_ips: Mutex::default(),
            state: Mutex::default(),
            keepalive_seconds: AtomicU16::new(0),
            last_handshake_nanos: AtomicU64::new(0),
            handshake_rtt_nanos: AtomicU64::new(0),
            received_bytes: AtomicU64::new(0),
            sent_bytes: AtomicU64::new(0),
        }
    }

    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// The owner's own number for this peer, 0 until set.
    pub fn tag(&self) -> u64 {
        self.tag.load(Ordering::Relaxed)
    }

    pub fn set_tag(&self, tag: u64) {
        self.tag.store(tag, Ordering::Relaxed);
    }

    pub fn endpoint(&self) -> Option<Endpoint> {
        read(&self.path).endpoint
    }

    /// True while there is a confirmed session that can carry data to the peer.
    pub fn has_session(&self, now: Now) -> bool {
        read(&self.path)
            .session
            .as_ref()
            .is_some_and(|session| session.can_send(now.instant))
    }

    /// Since the Unix epoch.
    pub fn last_handshake(&self) -> Option<Duration> {
        match self.last_handshake_nanos.load(Ordering::Relaxed) {
            0 => None,
            since_epoch => Some(Duration::from_nanos(since_epoch)),
        }
    }

    /// From our last initiation that was answered to its response: there and back, and the peer's Diffie-Hellman.
    pub fn handshake_rtt(&self) -> Option<Duration> {
        match self.handshake_rtt_nanos.load(Ordering::Relaxed) {
            0 => None,
            rtt => Some(Duration::from_nanos(rtt)),
        }
    }

    /// Whole WireGuard messages, as `wg show` counts.
    pub fn received_bytes(&self) -> u64 {
        self.received_bytes.load(Ordering::Relaxed)
    }

    pub fn sent_bytes(&self) -> u64 {
        self.sent_bytes.load(Ordering::Relaxed)
    }

    pub fn keepalive_seconds(&self) -> u16 {
        self.keepalive_seconds.load(Ordering::Relaxed)
    }

    pub fn status(&self) -> PeerStatus {
        let (preshared_key, received_timestamp) = {
            let state = lock(&self.state);
            (state.preshared_key.clone(), state.received_timestamp)
        };
        PeerStatus {
            public_key: self.public_key,
            preshared_key,
            endpoint: self.endpoint(),
            last_handshake: self.last_handshake(),
            handshake_rtt: self.handshake_rtt(),
            received_bytes: self.received_bytes(),
            sent_bytes: self.sent_bytes(),
            keepalive_seconds: self.keepalive_seconds(),
            allowed_ips: lock(&self.allowed_ips).iter().copied().collect(),
            received_timestamp,
        }
    }

    pub(crate) fn set_keepalive_seconds(&self, seconds: u16) -> u16 {
        self.keepalive_seconds.swap(seconds, Ordering::Relaxed)
    }

    pub(crate) fn set_last_handshake(&self, unix: Duration) {
        self.last_handshake_nanos
            .store(nanos(unix), Ordering::Relaxed);
    }

    pub(crate) fn set_handshake_rtt(&self, rtt: Duration) {
        self.handshake_rtt_nanos
            .store(nanos(rtt).max(1), Ordering::Relaxed);
    }

    pub(crate) fn count_received(&self, bytes: usize) {
        self.received_bytes
            .fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn count_sent(&self, bytes: usize) {
        self.sent_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Follows the peer to where its last authenticated datagram came from.
    pub(crate) fn roam(&self, source: Endpoint) {
        if self.endpoint() != Some(source) {
            write(&self.path).endpoint = Some(source);
        }
    }
}

impl PartialEq for Peer {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }
}

impl fmt::Debug for Peer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Peer")
            .field("public_key", &self.public_key)
            .field("tag", &self.tag())
            .field("endpoint", &self.endpoint())
            .finish_non_exhaustive()
    }
}
