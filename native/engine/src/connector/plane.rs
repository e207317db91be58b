//! The data thread: polls the gateways' doors and the NAT's sockets together, and finishes each batch that it reads.
//!
//! ```text
//!  gateways ──UDP──▶ tunnel ──inner packets──▶ NAT ──sockets──▶ targets
//!           ◀──UDP── tunnel ◀────batch──────── NAT ◀──sockets──
//! ```
//! Where the kernel forwards ([`KernelDoor`]), a TUN stands beside the NAT. Time is read once per round. Nothing is allocated
//! per packet after the buffers have found their size.
//!
//! Where the NAT is in shards, the plane has the first one. What devices send to flows of the others it leaves to their threads
//! (`helper`), which send what comes of it themselves.

mod orders;
mod receiving;
pub(super) mod translating;
mod waiting;

use std::io;
use std::num::NonZeroU8;
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use culvert_core::{HEADROOM, Now, Tunnel};
use culvert_netstack::{Entrance, Nat, NatConfig, NatLimits, PeerTag};
use culvert_udp::Inbox;

use self::waiting::Ready;
use super::file_limit;
use super::helper::Helper;
use super::kernel::KernelDoor;
use super::outgoing::Outgoing;
use super::refusals::RefusalLog;
use super::role::Order;
use super::shared::Shared;
use crate::bell::Bell;
use crate::clock::now;
use crate::control::EventSink;
use crate::device::is_gone;
use crate::log_warn;
use crate::network_watch::NetworkWatch;
use crate::setback::Setback;

pub(super) struct Plane {
    shared: Arc<Shared>,
    helpers: Vec<Helper>,
    entrance: Entrance,
    nat: Nat,
    kernel: Option<KernelDoor>,
    network: NetworkWatch,
    /// When the ways to the gateways are looked at again; none: nothing has changed.
    renewal: Option<Instant>,
    renewed: Instant,
    bell: Bell,
    orders: Receiver<Order>,
    events: EventSink,
    inbox: Inbox,
    /// Inner packets of one received message: where they came from and where they lie.
    delivered: Vec<(PeerTag, Range<usize>)>,
    outgoing: Outgoing,
    setback: Setback,
    refusals: RefusalLog,
}

/// Messages a receive takes; with GRO each may hold 64 packets.
const INBOX_SLOTS: usize = 16;
/// Batches out of the kernel before the gateways have their turn.
const READS_PER_ROUND: usize = 4;
/// That are no flow's.
const DESCRIPTORS_OF_A_SHARD: u64 = 3;
/// A change of the network seldom comes alone, and on a router they never end.
const BETWEEN_RENEWALS: Duration = Duration::from_millis(50);

impl Plane {
    pub(super) fn new(
        tunnel: Arc<Tunnel>,
        kernel: Option<KernelDoor>,
        shards: NonZeroU8,
        bell: Bell,
        orders: Receiver<Order>,
        events: EventSink,
    ) -> io::Result<Self> {
        let nothing = NatConfig {
            mtu: tunnel.mtu(),
            addresses: Vec::new(),
            ranges: Vec::new(),
            overlay: Vec::new(),
        };
        let own = DESCRIPTORS_OF_A_SHARD * u64::from(shards.get());
        let limits = NatLimits::for_descriptors(file_limit().saturating_sub(own));
        let shared = Arc::new(Shared::new(tunnel, bell.clone()));
        let count = usize::from(shards.get());
        let mut nats = Nat::shards(&nothing, limits, Instant::now(), count)?.into_iter();
        let first = nats.next().ok_or(io::ErrorKind::InvalidInput)?;
        let network = NetworkWatch::open()?;
        Ok(Self {
            helpers: Helper::start_all(nats, &shared)?,
            entrance: Entrance::new(&nothing, count),
            nat: first,
            shared,
            kernel,
            network,
            renewal: None,
            renewed: Instant::now(),
            bell,
            orders,
            events,
            inbox: Inbox::new(INBOX_SLOTS, HEADROOM),
            delivered: Vec::new(),
            outgoing: Outgoing::default(),
            setback: Setback::default(),
            refusals: RefusalLog::default(),
        })
    }

    /// Until it is told to stop, or the interface is gone.
    pub(super) fn run(mut self) {
        while self.go_round() {}
        for helper in self.helpers {
            helper.stop();
        }
    }

    fn go_round(&mut self) -> bool {
        let ready = self.wait().unwrap_or_else(|errno| {
            self.setback.wait_after("waiting for packets failed", errno);
            Ready::ALL
        });
        let now = now();
        if ready.bell && !self.take_orders(now) {
            self.cut_all(now);
            return false;
        }
        self.renew_ways(now, ready.network);
        self.receive(now);
        if ready.kernel && !self.serve_kernel(now) {
            return false;
        }
        self.entrance.handle_timeout(now.instant);
        self.nat
            .handle_ready(now.instant, &mut self.outgoing.to_devices);
        let due = self.shared.tunnel.next_wakeup();
        if due.is_some_and(|due| due <= now.instant) {
            let handshakes = &mut self.outgoing.handshakes;
            self.shared.tunnel.handle_timeout(now, handshakes);
        }
        self.outgoing.send(now, &self.shared);
        self.tell_events();
        self.refusals.tell(now.instant, self.nat.take_refused());
        true
    }

    fn cut_all(&mut self, now: Now) {
        let out = &mut self.outgoing.to_devices;
        for helper in std::mem::take(&mut self.helpers) {
            // A thread that still ran would open new ones.
            helper.stop().nat().cut_all(now.instant, out);
        }
        self.nat.cut_all(now.instant, out);
        self.outgoing.send(now, &self.shared);
    }

    /// At once, and then not again for a while.
    fn renew_ways(&mut self, now: Now, may_have_changed: bool) {
        if may_have_changed && self.network.has_changed() {
            self.want_renewal();
            if let Some(kernel) = &mut self.kernel {
                kernel.forget_own_addresses();
            }
        }
        if self.shared.take_wish_for_renewal() {
            self.want_renewal();
        }
        if self.renewal.is_some_and(|due| due <= now.instant) {
            self.renewal = None;
            self.renewed = now.instant;
            let handshakes = &mut self.outgoing.handshakes;
            let mut gateways = self.shared.gateways_mut();
            gateways.renew_ways(now, &self.shared.tunnel, handshakes);
        }
    }

    fn want_renewal(&mut self) {
        self.renewal = Some(self.renewed + BETWEEN_RENEWALS);
    }

    /// False: the interface is gone.
    fn serve_kernel(&mut self, now: Now) -> bool {
        match self.read_kernel(now) {
            Ok(()) => {}
            Err(cause) if is_gone(&cause) => {
                log_warn!("the interface can not be read any more: {cause}");
                return false;
            }
            Err(cause) => {
                let setback = &mut self.setback;
                setback.wait_after("the interface can not be read just now", cause);
            }
        }
        true
    }

    fn read_kernel(&mut self, now: Now) -> io::Result<()> {
        let Some(mut kernel) = self.kernel.take() else {
            return Ok(());
        };
        let outcome = self.read_batches(now, &mut kernel);
        self.kernel = Some(kernel);
        outcome
    }

    fn read_batches(&mut self, now: Now, kernel: &mut KernelDoor) -> io::Result<()> {
        for _ in 0..READS_PER_ROUND {
            if !kernel.read()? {
                break;
            }
            let answers = kernel.answers();
            self.outgoing.send_packets(now, &self.shared, answers);
        }
        Ok(())
    }
}
