//! One WireGuard interface. Used by several threads at once through `&self`.

mod answering;
mod batch_sealing;
mod configure;
mod handshaking;
mod initiating;
mod receiving;
mod returning;
mod rotating;
mod sealing;
mod timing;

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, RwLock};
use std::time::{Duration, Instant};

pub use batch_sealing::Outgoing;
pub use configure::PeerUpdate;
pub use receiving::Received;
pub use sealing::{Sealed, Sealer};

use culvert_aead::Way as Aead;

use crate::allowed_ips::AllowedIps;
use crate::constants::WAITING_EVENTS;
use crate::cookie::{CookieSecret, cookie_key, mac1_key};
use crate::deadlines::Agenda;
use crate::entropy::Entropy;
use crate::hashing::Hash;
use crate::indices::Indices;
use crate::load::Load;
use crate::locks::{OwnCacheLine, lock, read, write};
use crate::mac::MacKey;
use crate::now::{Timeline, nanos};
use crate::{DropReason, Event, EventKind, Now, Peer, PrivateKey, PublicKey, Tai64n};

/// The three verbs are [`Tunnel::seal`] (or a [`Sealer`] for many packets), [`Tunnel::receive`] (or
/// [`Tunnel::receive_segments`]) and [`Tunnel::handle_timeout`]; everything else is configuration and read-out.
///
/// Locks are taken in this order: configuration, a peer's state, then any one of path, indices, agenda,
/// events, defence, allowed-ips.
pub struct Tunnel {
    entropy: Arc<dyn Entropy>,
    timeline: Timeline,
    source_check: SourceCheck,
    mtu: AtomicUsize,
    lanes: AtomicU8,
    uses_ring: AtomicBool,
    peers_made: AtomicU32,
    identity: RwLock<Option<Arc<Identity>>>,
    /// Held while peers or keys are changed, so that changes come one after another.
    configuring: Mutex<()>,
    peers: RwLock<HashMap<PublicKey, Arc<Peer>>>,
    allowed_ips: RwLock<AllowedIps>,
    pub(crate) indices: Indices,
    agenda: Agenda,
    events: Mutex<VecDeque<Event>>,
    has_events: AtomicBool,
    defence: Mutex<Defence>,
    drops: [OwnCacheLine<AtomicU64>; DropReason::ALL.len()],
    answer_keeper: RwLock<Option<AnswerKeeper>>,
}

/// Told whose initiation is about to be answered, and its timestamp.
pub type AnswerKeeper = Arc<dyn Fn(&PublicKey, Tai64n) + Send + Sync>;

pub struct TunnelOptions {
    pub entropy: Arc<dyn Entropy>,
    /// Largest inner packet; padding never goes past it.
    pub mtu: usize,
    pub source_check: SourceCheck,
}

/// Who checks that an inner source address belongs to the peer that sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceCheck {
    /// The tunnel: the longest allowed-ips prefix must be this very peer's.
    AllowedIps,
    /// The owner does, for every packet delivered (the gateway's switch).
    Owner,
}

struct Identity {
    private_key: PrivateKey,
    public_key: PublicKey,
    mac1_key: MacKey,
    cookie_key: Hash,
}

struct Defence {
    load: Load,
    cookies: CookieSecret,
}

impl Tunnel {
    pub fn new(options: TunnelOptions, now: Now) -> Self {
        Self {
            entropy: options.entropy,
            timeline: Timeline::new(now.instant),
            source_check: options.source_check,
            mtu: AtomicUsize::new(options.mtu),
            lanes: AtomicU8::new(1),
            uses_ring: AtomicBool::new(Aead::best() == Aead::Ring),
            peers_made: AtomicU32::new(0),
            identity: RwLock::default(),
            configuring: Mutex::default(),
            peers: RwLock::default(),
            allowed_ips: RwLock::default(),
            indices: Indices::new(),
            agenda: Agenda::new(),
            events: Mutex::default(),
            has_events: AtomicBool::new(false),
            defence: Mutex::new(Defence {
                load: Load::new(now.instant),
                cookies: CookieSecret::default(),
            }),
            drops: Default::default(),
            answer_keeper: RwLock::default(),
        }
    }

    pub fn mtu(&self) -> usize {
        self.mtu.load(Ordering::Relaxed)
    }

    /// Takes effect with the next packet.
    pub fn set_mtu(&self, mtu: usize) {
        self.mtu.store(mtu, Ordering::Relaxed);
    }

    /// Of sessions made from now on the lowest byte of our index, modulo `lanes`, is one and the same for all that a peer
    /// ever has, and peers take turns. So a peer's data messages can be handed to one thread without being understood.
    pub fn set_lanes(&self, lanes: u8) {
        self.lanes.store(lanes, Ordering::Relaxed);
    }

    /// What sessions made from now on are sealed and opened with; else it is the fastest that this processor can run.
    pub fn set_aead(&self, aead: Aead) {
        let uses_ring = aead == Aead::Ring || Aead::best() == Aead::Ring;
        self.uses_ring.store(uses_ring, Ordering::Relaxed);
    }

    fn aead(&self) -> Aead {
        match self.uses_ring.load(Ordering::Relaxed) {
            true => Aead::Ring,
            false => Aead::best(),
        }
    }

    pub fn private_key(&self) -> Option<PrivateKey> {
        read(&self.identity)
            .as_ref()
            .map(|identity| identity.private_key.clone())
    }

    pub fn public_key(&self) -> Option<PublicKey> {
        read(&self.identity)
            .as_ref()
            .map(|identity| identity.public_key)
    }

    pub fn peer(&self, public_key: &PublicKey) -> Option<Arc<Peer>> {
        read(&self.peers).get(public_key).cloned()
    }

    /// In no particular order.
    pub fn peers(&self) -> Vec<Arc<Peer>> {
        read(&self.peers).values().cloned().collect()
    }

    /// The peer that an inner destination belongs to: longest allowed-ips prefix.
    pub fn route(&self, destination: IpAddr) -> Option<Arc<Peer>> {
        read(&self.allowed_ips).owner(destination).cloned()
    }

    /// [`Tunnel::route`] by the destination in a packet's header; `None` also for what is no IP packet.
    pub fn route_packet(&self, packet: &[u8]) -> Option<Arc<Peer>> {
        self.route(crate::inner::destination(packet)?)
    }

    /// What has happened since the last call, oldest first. The waker tells when to look.
    pub fn take_events(&self) -> Vec<Event> {
        if !self.has_events.swap(false, Ordering::AcqRel) {
            return Vec::new();
        }
        lock(&self.events).drain(..).collect()
    }

    /// Called when [`Tunnel::next_wakeup`] has become earlier or an event waits, possibly with locks held:
    /// it must only wake a thread (an eventfd, a condition variable), never call back into the tunnel.
    pub fn set_waker(&self, waker: Option<Arc<dyn Fn() + Send + Sync>>) {
        self.agenda.set_waker(waker);
    }

    /// Told before the answer can leave. What it keeps comes back as `PeerUpdate::replay_floor`, and who has recorded that
    /// initiation can not play it to a later run of this program. Called with locks held: it must not call back into the tunnel.
    pub fn set_answer_keeper(&self, keeper: Option<AnswerKeeper>) {
        *write(&self.answer_keeper) = keeper;
    }

    /// Asks everybody for cookies while set. For a caller that sees load that the tunnel cannot see.
    pub fn set_under_load(&self, is_under_load: bool) {
        lock(&self.defence).load.set_always(is_under_load);
    }

    /// Datagrams and packets dropped, by reason, since the start.
    pub fn drop_counts(&self) -> [(DropReason, u64); DropReason::ALL.len()] {
        DropReason::ALL.map(|reason| {
            let count = self.drops.get(reason as usize);
            (
                reason,
                count.map_or(0, |count| count.0.load(Ordering::Relaxed)),
            )
        })
    }

    fn count_drop(&self, reason: DropReason) {
        if let Some(count) = self.drops.get(reason as usize) {
            count.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn note_event(&self, peer: &Arc<Peer>, kind: EventKind, at: Duration) {
        {
            let mut events = lock(&self.events);
            if events.len() >= WAITING_EVENTS {
                events.pop_front();
            }
            events.push_back(Event {
                peer: Arc::clone(peer),
                kind,
                at,
            });
            self.has_events.store(true, Ordering::Release);
        }
        self.agenda.wake();
    }

    fn identity(&self) -> Option<Arc<Identity>> {
        read(&self.identity).clone()
    }

    fn tick(&self, instant: Instant) -> u64 {
        self.timeline.tick(instant)
    }

    fn tick_after(&self, instant: Instant, delay: Duration) -> u64 {
        self.tick(instant).saturating_add(nanos(delay))
    }
}

impl Identity {
    fn new(private_key: PrivateKey) -> Self {
        let public_key = private_key.public_key();
        Self {
            mac1_key: mac1_key(&public_key),
            cookie_key: cookie_key(&public_key),
            private_key,
            public_key,
        }
    }
}

impl fmt::Debug for Tunnel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Tunnel")
            .field("public_key", &self.public_key())
            .field("peers", &read(&self.peers).len())
            .finish_non_exhaustive()
    }
}
