use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use culvert_core::{Endpoint, Outbox, Tunnel};
use culvert_tun::Queues;
use culvert_udp::{BindFault, Binding, Doors, Ecn, Lanes, Route, SendReport, Source};

use super::division::Division;
use super::outward::Outward;
use crate::bell::Bell;
use crate::control::EventSink;
use crate::log_debug;
use crate::send_news::tell_news;

/// What the data threads, the one for handshakes and the control thread use at once.
pub(super) struct Shared {
    pub(super) tunnel: Tunnel,
    pub(super) queues: Queues,
    pub(super) drops: Drops,
    pub(super) division: Division,
    outward: Mutex<Outward>,
    /// They ring when the doors were exchanged or it is time to go; this one also when the work was divided anew.
    pub(super) outward_bell: Bell,
    pub(super) inward_bell: Bell,
    pub(super) handshake_bell: Bell,
    open: RwLock<Open>,
    is_stopping: AtomicBool,
    failure: Mutex<Option<String>>,
    events: EventSink,
}

/// The doors that are open now.
struct Open {
    data: Arc<Doors>,
    handshakes: Option<Arc<Doors>>,
}

impl Open {
    /// A device has one lane.
    fn new(lanes: Lanes) -> Open {
        Open {
            data: Arc::new(lanes.first),
            handshakes: lanes.handshakes.map(Arc::new),
        }
    }
}

/// Packets that the tunnel did not drop, and yet went no further.
#[derive(Debug, Default)]
pub(super) struct Drops {
    pub(super) no_route: AtomicU64,
    pub(super) routing_loop: AtomicU64,
    pub(super) not_sent: AtomicU64,
    pub(super) not_written: AtomicU64,
    pub(super) congestion: AtomicU64,
    pub(super) malformed_frame: AtomicU64,
}

impl Drops {
    /// Gives back what it is told.
    pub(super) fn counts_loop(&self, is_loop: bool) -> bool {
        if is_loop {
            self.routing_loop.fetch_add(1, Ordering::Relaxed);
        }
        is_loop
    }
}

/// On both families; port 0 takes any that is free.
pub(super) fn open_doors(port: u16, mark: u32) -> Result<Lanes, BindFault> {
    let binding = Binding {
        mark,
        ..Binding::to(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port))
    };
    Lanes::bind(&binding, 1)
}

impl Shared {
    pub(super) fn new(
        tunnel: Tunnel,
        queues: Queues,
        lanes: Lanes,
        events: EventSink,
    ) -> io::Result<Shared> {
        Ok(Shared {
            tunnel,
            queues,
            drops: Drops::default(),
            division: Division::default(),
            outward: Mutex::new(Outward::new()),
            outward_bell: Bell::new()?,
            inward_bell: Bell::new()?,
            handshake_bell: Bell::new()?,
            open: RwLock::new(Open::new(lanes)),
            is_stopping: AtomicBool::new(false),
            failure: Mutex::default(),
            events,
        })
    }

    pub(super) fn doors(&self) -> Arc<Doors> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&open.data)
    }

    /// None where the kernel does not tell handshakes apart.
    pub(super) fn handshake_doors(&self) -> Option<Arc<Doors>> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.handshakes.clone()
    }

    /// For as long as it takes to carry a few batches.
    pub(super) fn outward(&self) -> MutexGuard<'_, Outward> {
        self.outward.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// For the inward thread alone. Until the other thread has heard of it, both may have a turn.
    pub(super) fn divide(&self, is_divided: bool) {
        self.division.set_divided(is_divided);
        self.outward_bell.ring();
    }

    /// The old ones close when the threads have let go of them.
    pub(super) fn exchange_doors(&self, lanes: Lanes) {
        *self.open.write().unwrap_or_else(PoisonError::into_inner) = Open::new(lanes);
        self.ring();
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Acquire)
    }

    pub(super) fn stop(&self) {
        self.is_stopping.store(true, Ordering::Release);
        self.ring();
    }

    fn ring(&self) {
        for bell in [&self.inward_bell, &self.outward_bell, &self.handshake_bell] {
            bell.ring();
        }
    }

    /// A data thread can not go on.
    pub(super) fn fail(&self, sentence: String) {
        let mut failure = self.failure.lock().unwrap_or_else(PoisonError::into_inner);
        failure.get_or_insert(sentence);
        self.events.wake();
    }

    pub(super) fn failure(&self) -> Option<String> {
        self.failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Sends handshakes, keepalives and what had been staged, each to its own endpoint.
    pub(super) fn send_outbox(&self, wanted: &mut Outbox, room: &mut culvert_udp::Outbox) {
        if wanted.is_empty() {
            return;
        }
        let doors = self.doors();
        for door in doors.iter() {
            let mut batch = room.batch(door);
            for (endpoint, datagram) in wanted.iter() {
                if endpoint.remote.is_ipv6() == door.is_v6() {
                    batch.push(route_to(&endpoint, Ecn::NotCapable), datagram);
                }
            }
            self.note_sent(batch.send());
        }
        wanted.clear();
    }

    pub(super) fn note_sent(&self, report: SendReport) {
        tell_news(&report);
        if report.dropped > 0 {
            self.drops
                .not_sent
                .fetch_add(report.dropped as u64, Ordering::Relaxed);
            log_debug!(
                "{} datagrams were not sent: {:?}",
                report.dropped,
                report.last_error
            );
        }
    }
}

/// Only a link-local address needs its interface; elsewhere routing may choose another than the one that was.
pub(super) fn route_to(endpoint: &Endpoint, ecn: Ecn) -> Route {
    let source = endpoint.local.map(|local| Source {
        ip: local.address,
        interface: local.interface,
    });
    Route {
        to: endpoint.remote,
        source,
        ecn,
    }
}
