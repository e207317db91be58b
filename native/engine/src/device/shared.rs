use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use culvert_core::{Endpoint, Outbox, Tunnel};
use culvert_tun::Queues;
use culvert_udp::{Binding, Doors, Ecn, Route, SendReport, Source};

use super::division::Division;
use super::outward::Outward;
use crate::bell::Bell;
use crate::control::EventSink;
use crate::log_debug;
use crate::send_news::tell_news;

/// What both data threads and the control thread use at once.
pub(super) struct Shared {
    pub(super) tunnel: Tunnel,
    pub(super) queues: Queues,
    pub(super) drops: Drops,
    pub(super) division: Division,
    outward: Mutex<Outward>,
    /// Rings when the doors were exchanged, the work was divided anew, or it is time to go.
    pub(super) outward_bell: Bell,
    pub(super) inward_bell: Bell,
    doors: RwLock<Arc<Doors>>,
    is_stopping: AtomicBool,
    failure: Mutex<Option<String>>,
    events: EventSink,
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

pub(super) fn binding(port: u16, mark: u32) -> Binding {
    Binding {
        mark,
        ..Binding::to(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port))
    }
}

impl Shared {
    pub(super) fn new(
        tunnel: Tunnel,
        queues: Queues,
        doors: Doors,
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
            doors: RwLock::new(Arc::new(doors)),
            is_stopping: AtomicBool::new(false),
            failure: Mutex::default(),
            events,
        })
    }

    pub(super) fn doors(&self) -> Arc<Doors> {
        Arc::clone(&self.doors.read().unwrap_or_else(PoisonError::into_inner))
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

    /// The old ones close when the data threads have let go of them.
    pub(super) fn exchange_doors(&self, doors: Doors) {
        *self.doors.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(doors);
        self.inward_bell.ring();
        self.outward_bell.ring();
    }

    pub(super) fn is_stopping(&self) -> bool {
        self.is_stopping.load(Ordering::Acquire)
    }

    pub(super) fn stop(&self) {
        self.is_stopping.store(true, Ordering::Release);
        self.inward_bell.ring();
        self.outward_bell.ring();
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
