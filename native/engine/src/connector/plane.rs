//! The data thread: polls the gateways' doors and the NAT's sockets together, and finishes each batch that it reads.
//!
//! ```text
//!  gateways ──UDP──▶ tunnel ──inner packets──▶ NAT ──sockets──▶ targets
//!           ◀──UDP── tunnel ◀────batch──────── NAT ◀──sockets──
//! ```
//! Where the kernel forwards ([`KernelDoor`]), a TUN stands beside the NAT. Time is read once per round. Nothing is allocated
//! per packet after the buffers have found their size.

mod orders;
mod receiving;
mod waiting;

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use culvert_core::{HEADROOM, Now, Outbox, Tunnel};
use culvert_netstack::{Batch, Nat, NatConfig, NatLimits, PeerTag};
use culvert_udp::Inbox;

use self::waiting::Ready;
use super::gateways::Gateways;
use super::kernel::KernelDoor;
use super::role::Order;
use super::sending::{Sending, Sent};
use crate::bell::Bell;
use crate::clock::now;
use crate::control::EventSink;
use crate::device::is_gone;
use crate::log_warn;
use crate::network_watch::NetworkWatch;
use crate::setback::Setback;

pub(super) struct Plane {
    tunnel: Arc<Tunnel>,
    nat: Nat,
    kernel: Option<KernelDoor>,
    gateways: Gateways,
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
    to_devices: Batch,
    handshakes: Outbox,
    sending: Sending,
    send_failures: u64,
    /// Packets that met congestion on the way here and whose ends know of no marks.
    congestion_drops: u64,
    setback: Setback,
}

/// Messages a receive takes; with GRO each may hold 64 packets.
const INBOX_SLOTS: usize = 16;
/// Batches out of the kernel before the gateways have their turn.
const READS_PER_ROUND: usize = 4;
/// A change of the network seldom comes alone, and on a router they never end.
const BETWEEN_RENEWALS: Duration = Duration::from_millis(50);

impl Plane {
    pub(super) fn new(
        tunnel: Arc<Tunnel>,
        kernel: Option<KernelDoor>,
        bell: Bell,
        orders: Receiver<Order>,
        events: EventSink,
        file_limit: u64,
    ) -> io::Result<Self> {
        let nothing = NatConfig {
            mtu: tunnel.mtu(),
            addresses: Vec::new(),
            ranges: Vec::new(),
            overlay: Vec::new(),
        };
        let limits = NatLimits::for_descriptors(file_limit);
        Ok(Self {
            tunnel,
            nat: Nat::new(&nothing, limits, Instant::now())?,
            kernel,
            gateways: Gateways::default(),
            network: NetworkWatch::open()?,
            renewal: None,
            renewed: Instant::now(),
            bell,
            orders,
            events,
            inbox: Inbox::new(INBOX_SLOTS, HEADROOM),
            delivered: Vec::new(),
            to_devices: Batch::default(),
            handshakes: Outbox::new(),
            sending: Sending::default(),
            send_failures: 0,
            congestion_drops: 0,
            setback: Setback::default(),
        })
    }

    pub(super) fn run(mut self) {
        loop {
            let ready = self.wait().unwrap_or_else(|errno| {
                self.setback.wait_after("waiting for packets failed", errno);
                Ready::ALL
            });
            let now = now();
            if ready.bell && !self.take_orders(now) {
                self.nat.cut_all(now.instant, &mut self.to_devices);
                return self.send(now);
            }
            self.renew_ways(now, ready.network);
            self.receive(now);
            if ready.kernel && !self.serve_kernel(now) {
                return;
            }
            self.nat.handle_ready(now.instant, &mut self.to_devices);
            let due = self.tunnel.next_wakeup();
            if due.is_some_and(|due| due <= now.instant) {
                self.tunnel.handle_timeout(now, &mut self.handshakes);
            }
            self.send(now);
            self.tell_events();
            self.log_refused();
        }
    }

    /// At once, and then not again for a while.
    fn renew_ways(&mut self, now: Now, may_have_changed: bool) {
        if may_have_changed && self.network.has_changed() {
            self.want_renewal();
            if let Some(kernel) = &mut self.kernel {
                kernel.forget_own_addresses();
            }
        }
        if self.renewal.is_some_and(|due| due <= now.instant) {
            self.renewal = None;
            self.renewed = now.instant;
            self.gateways
                .renew_ways(now, &self.tunnel, &mut self.handshakes);
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
            let (tunnel, handshakes) = (&self.tunnel, &mut self.handshakes);
            let answers = kernel.answers();
            let sent = self
                .sending
                .send_packets(now, tunnel, &self.gateways, answers, handshakes);
            self.note_sent(&sent);
        }
        Ok(())
    }

    fn send(&mut self, now: Now) {
        let (tunnel, handshakes) = (&self.tunnel, &mut self.handshakes);
        let packets = &mut self.to_devices;
        let slots = packets.slots_mut();
        let sent = self
            .sending
            .send_packets(now, tunnel, &self.gateways, slots, handshakes);
        self.gateways.prepare_handshakes(now, tunnel, handshakes);
        let said = self.sending.send_handshakes(&self.gateways, handshakes);
        packets.clear();
        handshakes.clear();
        self.note_sent(&sent);
        self.note_sent(&said);
    }

    fn note_sent(&mut self, sent: &Sent) {
        self.send_failures += sent.dropped;
        if sent.was_refused {
            self.want_renewal();
        }
    }
}
