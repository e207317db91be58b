//! The data thread: polls the gateways' doors and the NAT's sockets together, and finishes each batch that it reads.
//!
//! ```text
//!  gateways ──UDP──▶ tunnel ──inner packets──▶ NAT ──sockets──▶ targets
//!           ◀──UDP── tunnel ◀────batch──────── NAT ◀──sockets──
//! ```
//! Where the kernel forwards ([`KernelDoor`]), a TUN stands beside the NAT. Time is read once per round. Nothing is allocated per packet after the buffers have found their size.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use culvert_core::{EventKind, HEADROOM, Now, Outbox, Tunnel};
use culvert_netstack::{Batch, Nat, NatConfig, NatLimits, PeerTag};
use culvert_udp::{Door, Inbox, Message};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::config::ConnectorConfig;
use super::gateways::{Gateways, endpoint_at, tag_of};
use super::kernel::KernelDoor;
use super::sending::{Sending, Sent};
use super::{Order, Report, unix_milliseconds};
use crate::bell::Bell;
use crate::clock::now;
use crate::control::{Event, EventSink};
use crate::device::is_gone;
use crate::network_watch::NetworkWatch;
use crate::setback::Setback;
use crate::{congestion, log_debug, log_warn};

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
/// Receives before the targets have their turn.
const RECEIVES_PER_ROUND: usize = 4;
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
            if ready.kernel
                && let Err(cause) = self.read_kernel(now)
            {
                if is_gone(&cause) {
                    log_warn!("the interface can not be read any more: {cause}");
                    return;
                }
                let setback = &mut self.setback;
                setback.wait_after("the interface can not be read just now", cause);
            }
            self.nat.handle_ready(now.instant, &mut self.to_devices);
            if self
                .tunnel
                .next_wakeup()
                .is_some_and(|due| due <= now.instant)
            {
                self.tunnel.handle_timeout(now, &mut self.handshakes);
            }
            self.send(now);
            self.tell_events();
            self.log_refused();
        }
    }

    fn wait(&self) -> rustix::io::Result<Ready> {
        let sockets = self.nat.poll_fd();
        let mut fds = vec![
            PollFd::new(&self.bell, PollFlags::IN),
            PollFd::from_borrowed_fd(sockets, PollFlags::IN),
            PollFd::new(&self.network, PollFlags::IN),
        ];
        let kernel = self.kernel.iter().map(KernelDoor::poll_fd);
        fds.extend(kernel.map(|fd| PollFd::from_borrowed_fd(fd, PollFlags::IN)));
        let doors = self.gateways.doors();
        fds.extend(doors.map(|(.., door)| PollFd::from_borrowed_fd(door.as_fd(), PollFlags::IN)));
        let deadlines = [
            self.nat.poll_timeout(),
            self.tunnel.next_wakeup(),
            self.renewal,
        ];
        let timeout =
            deadlines.into_iter().flatten().min().and_then(|at| {
                Timespec::try_from(at.saturating_duration_since(Instant::now())).ok()
            });
        match poll(&mut fds, timeout.as_ref()) {
            // Nothing is said about any of them then.
            Err(rustix::io::Errno::INTR) => return Ok(Ready::ALL),
            outcome => outcome?,
        };
        let is_ready = |index: usize| fds.get(index).is_some_and(|fd| !fd.revents().is_empty());
        Ok(Ready {
            bell: is_ready(0),
            network: is_ready(2),
            kernel: self.kernel.is_some() && is_ready(3),
        })
    }

    /// False: stop.
    fn take_orders(&mut self, now: Now) -> bool {
        self.bell.silence();
        while let Ok(order) = self.orders.try_recv() {
            match order {
                Order::Configure { config, done } => {
                    self.apply(now, &config);
                    // Who asked may have given up; the configuration holds all the same.
                    let _ = done.send(());
                }
                Order::Report(answer) => drop(answer.send(self.report())),
                Order::Stop => return false,
            }
        }
        true
    }

    fn apply(&mut self, now: Now, config: &ConnectorConfig) {
        self.tunnel.set_mtu(config.nat.mtu);
        self.tunnel
            .set_private_key(now, Some(config.private_key.clone()));
        self.gateways
            .apply(now, &self.tunnel, config, &mut self.handshakes);
        self.nat
            .configure(now.instant, &config.nat, &mut self.to_devices);
        if let Some(kernel) = &mut self.kernel {
            kernel.configure(&config.nat);
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

    fn receive(&mut self, now: Now) {
        let gateways = std::mem::take(&mut self.gateways);
        for (tag, remote, door) in gateways.doors() {
            for _ in 0..RECEIVES_PER_ROUND {
                if !self.receive_once(now, tag, remote, door) {
                    break;
                }
            }
        }
        self.gateways = gateways;
    }

    /// True when more may wait.
    fn receive_once(&mut self, now: Now, tag: PeerTag, remote: SocketAddr, door: &Door) -> bool {
        match self.inbox.receive(door) {
            Ok(0) => return false,
            Ok(_) => {}
            // Nobody listens there just now: a gateway that is restarted says hello when it is back.
            Err(cause) if cause.kind() == io::ErrorKind::ConnectionRefused => return true,
            Err(cause) => {
                self.want_renewal();
                let setback = &mut self.setback;
                setback.wait_after("nothing can be received from a gateway just now", cause);
                return false;
            }
        }
        let from = endpoint_at(remote, tag);
        let mut entry = self.kernel.as_mut().map(KernelDoor::enter);
        for message in self.inbox.messages() {
            let Message {
                segment_bytes,
                bytes,
                ecn,
                ..
            } = message;
            let delivered = &mut self.delivered;
            delivered.clear();
            self.tunnel.receive_segments(
                now,
                from,
                bytes,
                segment_bytes,
                &mut self.handshakes,
                |peer, inner| delivered.push((tag_of(peer), inner)),
            );
            let (mut rest, mut at) = (bytes, 0);
            for (peer, inner) in delivered.drain(..) {
                let Some((taken, behind)) = rest.split_at_mut_checked(inner.end - at) else {
                    break;
                };
                let packet = taken.get_mut(inner.start - at..).unwrap_or_default();
                (rest, at) = (behind, inner.end);
                if !congestion::bring_in(ecn, packet) {
                    self.congestion_drops += 1;
                    continue;
                }
                let packet = match &mut entry {
                    Some(entry) => entry.push(peer, packet),
                    None => Some(packet),
                };
                if let Some(packet) = packet {
                    self.nat
                        .handle_packet(now.instant, peer, packet, &mut self.to_devices);
                }
            }
        }
        if let Some(entry) = entry {
            entry.write();
        }
        self.nat.flush(now.instant, &mut self.to_devices);
        self.inbox.is_full()
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

    fn tell_events(&mut self) {
        for event in self.tunnel.take_events() {
            let Some(id) = self.gateways.id(&event.peer) else {
                continue;
            };
            let at = unix_milliseconds(event.at);
            match event.kind {
                EventKind::HandshakeDone { endpoint } => {
                    self.gateways.note_answer(&event.peer);
                    self.events.send(Event::PeerHandshake {
                        id,
                        at,
                        endpoint: endpoint.map(|endpoint| endpoint.remote.to_string()),
                    });
                }
                // Who speaks first is a connector: no gateway begins a session that it waits for.
                EventKind::PeerLost => self.events.send(Event::PeerLost { id, at }),
                EventKind::HandshakeGaveUp => log_debug!("gateway {id} does not answer"),
            }
        }
    }

    fn log_refused(&mut self) {
        for refused in self.nat.take_refused() {
            log_debug!(
                "refused: {} from {} to {} port {:?}, protocol {}",
                refused.reason.name(),
                refused.device,
                refused.destination,
                refused.port,
                refused.protocol
            );
        }
    }

    fn report(&self) -> Report {
        let mut drops = BTreeMap::new();
        for (name, count) in self.nat.drops().counted() {
            *drops.entry(name.to_owned()).or_default() += count;
        }
        for (reason, count) in self.tunnel.drop_counts() {
            if count > 0 {
                *drops.entry(kebab(&format!("{reason:?}"))).or_default() += count;
            }
        }
        let not_carried = self.kernel.as_ref().map_or(0, KernelDoor::dropped);
        let own = [
            ("interface-dropped", not_carried),
            ("udp-send-failed", self.send_failures),
            ("congestion", self.congestion_drops),
        ];
        let own = own.into_iter().filter(|(_, count)| *count > 0);
        drops.extend(own.map(|(name, count)| (name.to_owned(), count)));
        Report {
            flows: self.nat.flows() as u64,
            drops,
        }
    }
}

/// What is asked only when there is an answer: a call each round for what seldom happens would cost as much as a batch.
struct Ready {
    bell: bool,
    network: bool,
    kernel: bool,
}

impl Ready {
    const ALL: Self = Self {
        bell: true,
        network: true,
        kernel: true,
    };
}

fn kebab(name: &str) -> String {
    let mut kebab = String::with_capacity(name.len() + 4);
    for (place, letter) in name.char_indices() {
        if letter.is_ascii_uppercase() && place > 0 {
            kebab.push('-');
        }
        kebab.push(letter.to_ascii_lowercase());
    }
    kebab
}
