//! The gateway as the control thread sees it.

mod configuring;
mod report;
mod rounds;

use std::io;
use std::iter::repeat_n;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Instant;

use culvert_core::{Aead, PublicKey, SourceCheck, Tunnel, TunnelOptions};
use culvert_switch::config::PeerHandle;
use culvert_switch::numbers::Numbers;
use culvert_switch::switch::{FlowLimits, Switch};
use serde_json::Value;
use serde_json::value::RawValue;

use self::rounds::TICK;
use super::denials::Denials;
use super::directory::Directory;
use super::explain;
use super::moment::Clock;
use super::outgoing::Outboxes;
use super::pulse::Pulse;
use super::shared::{Shared, Switching};
use super::worker::{Duty, Worker};
use crate::bell::Bell;
use crate::control::{EventSink, Refusal, Role, RoleKind, Status};
use crate::entropy::SystemEntropy;
use crate::floor_keeper::{SharedFloors, keep_answers_of};
use crate::replay_floors::ReplayFloors;
use crate::uapi;

const DEFAULT_MTU: usize = 1420;
/// Each takes a megabyte of buffers once it is used.
const MOST_LANES: u8 = 16;
/// Whose doors the control thread uses: any would do.
const FIRST_LANE: usize = 0;

pub(crate) struct Gateway {
    shared: Arc<Shared>,
    workers: Vec<Worker>,
    /// Rings when the tunnel wants to be looked at.
    bell: Bell,
    /// The numbers of [`PeerHandle`].
    handles: Numbers<PublicKey>,
    /// Devices whose time ends, the last one first.
    expiries: Vec<(u64, PeerHandle)>,
    pulse: Pulse,
    next_tick: Instant,
    floors: SharedFloors,
    outboxes: Outboxes,
    tunnel_outbox: culvert_core::Outbox,
}

pub(crate) fn start(floors: ReplayFloors, aead: Aead, events: EventSink) -> io::Result<Gateway> {
    let clock = Clock::new();
    let options = TunnelOptions {
        entropy: Arc::new(SystemEntropy),
        mtu: DEFAULT_MTU,
        source_check: SourceCheck::Owner,
    };
    let tunnel = Tunnel::new(options, clock.now().tunnel);
    tunnel.set_aead(aead);
    let bell = Bell::new()?;
    let waker = bell.clone();
    tunnel.set_waker(Some(Arc::new(move || waker.ring())));
    let floors = keep_answers_of(&tunnel, floors)?;
    let switching = Switching {
        switch: Switch::new(FlowLimits::default(), SystemEntropy::words()),
        directory: Directory::default(),
        denials: Denials::default(),
    };
    let shared = Arc::new(Shared::new(tunnel, clock, events, switching));
    Ok(Gateway {
        workers: start_workers(&shared)?,
        shared,
        bell,
        handles: Numbers::default(),
        expiries: Vec::new(),
        pulse: Pulse::default(),
        next_tick: Instant::now() + TICK,
        floors,
        outboxes: Outboxes::default(),
        tunnel_outbox: culvert_core::Outbox::new(),
    })
}

/// One a core, and one for handshakes. The kernel hands each peer's data to one of them, as its session's index says.
fn start_workers(shared: &Arc<Shared>) -> io::Result<Vec<Worker>> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let lanes = cores.min(usize::from(MOST_LANES)) as u8;
    shared.tunnel.set_lanes(lanes);
    let duties = repeat_n(Duty::Data, usize::from(lanes)).chain([Duty::Handshakes]);
    duties
        .enumerate()
        .map(|(number, duty)| Worker::start(Arc::clone(shared), number, duty))
        .collect()
}

impl Role for Gateway {
    fn kind(&self) -> RoleKind {
        RoleKind::Gateway
    }

    fn configure(&mut self, config: &RawValue) -> Result<(), Refusal> {
        self.apply(config)
    }

    fn status(&mut self) -> Status {
        self.report()
    }

    fn explain(&mut self, params: &RawValue) -> Result<Value, Refusal> {
        let question = explain::read(params.get())?;
        let now = self.shared.clock.now();
        explain::answer(
            self.shared
                .switching()
                .switch
                .explain(&question, now.switch),
        )
    }

    fn wireguard(&mut self) -> uapi::Configuration {
        self.report_wireguard()
    }

    fn next_wakeup(&self) -> Option<Instant> {
        let tunnel = self.shared.tunnel.next_wakeup();
        tunnel.into_iter().chain([self.next_tick]).min()
    }

    fn wake(&mut self, _now: Instant) {
        self.go_round(self.shared.clock.now());
    }

    fn watched(&self) -> Option<BorrowedFd<'_>> {
        Some(self.bell.as_fd())
    }

    fn handle_watched(&mut self) {
        self.bell.silence();
    }

    fn stop(self: Box<Self>) {
        self.workers.into_iter().for_each(Worker::stop);
    }
}

impl Gateway {
    fn listen_port(&self) -> u16 {
        let doors = self.shared.doors(FIRST_LANE);
        doors.map_or(0, |doors| doors.port())
    }
}
