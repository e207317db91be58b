//! The gateway as the control thread sees it: configuration, status, timers.

use std::collections::{BTreeMap, HashSet};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use culvert_core::{EventKind, PeerUpdate, PublicKey, SourceCheck, Tunnel, TunnelOptions};
use culvert_switch::config::PeerHandle;
use culvert_switch::numbers::Numbers;
use culvert_switch::policy::Policy;
use culvert_switch::refusal::MAX_ANSWER_LEN;
use culvert_switch::switch::{FlowLimits, Switch};
use culvert_udp::{BindFault, Binding, Doors};
use serde_json::Value;
use serde_json::value::RawValue;

use super::config::{self, ConfiguredPeer, PeerKind};
use super::denials::Denials;
use super::directory::{Directory, handle_of};
use super::explain;
use super::moment::{Clock, Moment, milliseconds};
use super::outgoing::Outboxes;
use super::pulse::Pulse;
use super::shared::{Shared, Switching};
use super::worker::Worker;
use crate::bell::Bell;
use crate::control::{Event, EventSink, PeerStatus, Refusal, Role, RoleKind, Status};
use crate::entropy::SystemEntropy;
use crate::floor_keeper::{SharedFloors, keep_answers_of};
use crate::replay_floors::ReplayFloors;
use crate::{key_text, log_info, uapi};

/// How often flows that ran out are collected, and connectors listened for.
const TICK: Duration = Duration::from_millis(500);
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

pub(crate) fn start(floors: ReplayFloors, events: EventSink) -> io::Result<Gateway> {
    let clock = Clock::new();
    let options = TunnelOptions {
        entropy: Arc::new(SystemEntropy),
        mtu: DEFAULT_MTU,
        source_check: SourceCheck::Owner,
    };
    let tunnel = Tunnel::new(options, clock.now().tunnel);
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

/// One a core. The kernel hands each peer's data to one of them, as its session's index says.
fn start_workers(shared: &Arc<Shared>) -> io::Result<Vec<Worker>> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let lanes = cores.min(usize::from(MOST_LANES)) as u8;
    shared.tunnel.set_lanes(lanes);
    (0..usize::from(lanes))
        .map(|number| Worker::start(Arc::clone(shared), number))
        .collect()
}

impl Role for Gateway {
    fn kind(&self) -> RoleKind {
        RoleKind::Gateway
    }

    /// Everything that can fail comes first; then the switch, so that what is revoked is cut before all else.
    fn configure(&mut self, config: &RawValue) -> Result<(), Refusal> {
        // A configuration that is refused gives no number away.
        let mut handles = self.handles.clone();
        let config = config::read(config.get(), |key| handles.number_of(key).map(PeerHandle))?;
        let before = Arc::clone(self.shared.switching().switch.policy());
        let policy = Policy::compile(config.switch, &before)
            .map_err(|fault| Refusal::bad_config(fault.to_string()))?;
        let new_doors = self.open_doors(config.listen_port)?;

        self.remember(handles, &config.peers);
        let now = self.shared.clock.now();
        self.shared
            .switching()
            .switch
            .configure(Arc::new(policy), now.switch);
        let tunnel = &self.shared.tunnel;
        tunnel.set_mtu(usize::from(config.mtu));
        tunnel.set_private_key(now.tunnel, Some(config.private_key));
        let valid = config
            .peers
            .iter()
            .filter(|peer| !is_expired(peer.kind, now));
        let strangers: HashSet<PublicKey> = valid
            .clone()
            .filter(|peer| is_stranger(peer, tunnel))
            .map(|peer| peer.public_key)
            .collect();
        let updates = valid.map(|peer| PeerUpdate {
            replay_floor: self.floors.of(&peer.public_key),
            ..update(peer, strangers.contains(&peer.public_key))
        });
        tunnel.replace_peers(now.tunnel, updates.collect());
        self.replace_directory(config.peers, now);
        if let Some(doors) = new_doors {
            self.shared.set_doors(doors);
            log_info!("listening on UDP port {}", self.listen_port());
            self.workers.iter().for_each(Worker::ring);
        }
        self.greet(&strangers, now);
        self.next_tick = now.tunnel.instant;
        Ok(())
    }

    fn status(&mut self) -> Status {
        let switching = self.shared.switching();
        let mut drops: BTreeMap<String, u64> = BTreeMap::new();
        for (reason, count) in switching.switch.drops().iter() {
            *drops.entry(reason.to_owned()).or_default() += count;
        }
        for (reason, count) in self.shared.tunnel.drop_counts() {
            if count > 0 {
                *drops.entry(reason.as_str().to_owned()).or_default() += count;
            }
        }
        for (name, count) in self.shared.drops.counted() {
            *drops.entry(name.to_owned()).or_default() += count;
        }
        let peers = switching.directory.iter().map(|(_, member)| PeerStatus {
            id: member.id.clone(),
            public_key: key_text::encode(member.peer.public_key().as_bytes()),
            endpoint: member
                .peer
                .endpoint()
                .map(|endpoint| endpoint.remote.to_string()),
            last_handshake_at: member.peer.last_handshake().map(milliseconds),
            handshake_rtt: member.peer.handshake_rtt(),
            rx_bytes: member.peer.received_bytes(),
            tx_bytes: member.peer.sent_bytes(),
        });
        let mut peers: Vec<PeerStatus> = peers.collect();
        peers.sort_unstable_by(|one, other| one.id.cmp(&other.id));
        Status {
            listen_port: self.listen_port(),
            peers,
            flows: switching.switch.flow_count() as u64,
            drops,
        }
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
        let tunnel = &self.shared.tunnel;
        let peers = tunnel.peers().into_iter().map(|peer| {
            let status = peer.status();
            uapi::Peer {
                public_key: status.public_key,
                preshared_key: status.preshared_key,
                endpoint: status.endpoint.map(|endpoint| endpoint.remote),
                last_handshake: status.last_handshake.unwrap_or_default(),
                rx_bytes: status.received_bytes,
                tx_bytes: status.sent_bytes,
                keepalive_seconds: status.keepalive_seconds,
                allowed_ips: status.allowed_ips,
            }
        });
        uapi::Configuration {
            private_key: tunnel.private_key(),
            listen_port: self.listen_port(),
            fwmark: 0,
            peers: peers.collect(),
        }
    }

    fn next_wakeup(&self) -> Option<Instant> {
        let tunnel = self.shared.tunnel.next_wakeup();
        tunnel.into_iter().chain([self.next_tick]).min()
    }

    fn wake(&mut self, _now: Instant) {
        let now = self.shared.clock.now();
        self.shared
            .tunnel
            .handle_timeout(now.tunnel, &mut self.tunnel_outbox);
        self.tell_events(now);
        self.wake_switch(now);
        if let Some(doors) = self.shared.doors(FIRST_LANE) {
            let drops = &self.shared.drops;
            self.outboxes
                .send_all(&doors, &mut self.tunnel_outbox, drops);
        }
        self.tunnel_outbox.clear();
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
    /// A peer notices only after 15 s that its session is worth nothing any more, and one that has nothing to say after
    /// two minutes. A new engine that says hello first has them all back at once.
    fn greet(&mut self, strangers: &HashSet<PublicKey>, now: Moment) {
        let Some(doors) = self.shared.doors(FIRST_LANE) else {
            return;
        };
        for peer in strangers
            .iter()
            .filter_map(|key| self.shared.tunnel.peer(key))
        {
            self.shared
                .tunnel
                .send_keepalive(now.tunnel, &peer, &mut self.tunnel_outbox);
            let drops = &self.shared.drops;
            self.outboxes
                .send_all(&doors, &mut self.tunnel_outbox, drops);
        }
    }

    /// `None`: the open ones stay.
    fn open_doors(&self, port: u16) -> Result<Option<Vec<Doors>>, Refusal> {
        if let Some(doors) = self.shared.doors(FIRST_LANE)
            && (port == 0 || doors.port() == port)
        {
            return Ok(None);
        }
        let lanes = u8::try_from(self.workers.len()).unwrap_or(MOST_LANES);
        let binding = Binding {
            waits_for_room: false,
            ..Binding::to(([0, 0, 0, 0], port).into())
        };
        let doors = Doors::bind_lanes(&binding, lanes);
        doors.map(Some).map_err(|fault| {
            let code = match fault {
                BindFault::PortTaken(_) => "port-taken",
                _ => "bind-failed",
            };
            Refusal::new(code, fault.to_string())
        })
    }

    fn listen_port(&self) -> u16 {
        let doors = self.shared.doors(FIRST_LANE);
        doors.map_or(0, |doors| doors.port())
    }

    fn remember(&mut self, handles: Numbers<PublicKey>, peers: &[ConfiguredPeer]) {
        self.handles = handles;
        let keys: HashSet<PublicKey> = peers.iter().map(|peer| peer.public_key).collect();
        self.handles.bound(keys.len(), |key| keys.contains(key));
    }

    /// Who is not in the new one any more was cut just now, and watchers hear of it.
    fn replace_directory(&mut self, peers: Vec<ConfiguredPeer>, now: Moment) {
        let directory = Directory::new(peers, &self.shared.tunnel);
        self.expiries = directory.iter().filter_map(expiry).collect();
        self.expiries.sort_unstable_by(|one, other| other.cmp(one));
        let mut switching = self.shared.switching();
        switching.denials.configure(&directory);
        let before = std::mem::replace(&mut switching.directory, directory);
        for (handle, member) in before.iter() {
            let was_known = member.peer.last_handshake().is_some();
            if was_known && switching.directory.member(handle).is_none() {
                let (id, at) = (member.id.clone(), now.switch.unix_ms);
                self.shared.events.send(Event::PeerLost { id, at });
            }
        }
    }

    fn tell_events(&mut self, now: Moment) {
        for event in self.shared.tunnel.take_events() {
            let switching = self.shared.switching();
            let Some(member) = switching.directory.member(handle_of(&event.peer)) else {
                continue;
            };
            let (id, at) = (member.id.clone(), milliseconds(event.at));
            drop(switching);
            match event.kind {
                EventKind::HandshakeDone { endpoint } => {
                    let endpoint = endpoint.map(|endpoint| endpoint.remote.to_string());
                    self.shared
                        .events
                        .send(Event::PeerHandshake { id, at, endpoint });
                    // A connector that is back carries flows at once, not at the next tick.
                    self.next_tick = now.tunnel.instant;
                }
                EventKind::PeerLost => self.shared.events.send(Event::PeerLost { id, at }),
                EventKind::HandshakeGaveUp => {}
            }
        }
    }

    /// In steps of about a millisecond each, so that packets wait no longer than that for the switch.
    fn wake_switch(&mut self, now: Moment) {
        if now.tunnel.instant < self.next_tick {
            return;
        }
        let mut switching = self.shared.switching();
        let Switching {
            switch, directory, ..
        } = &mut *switching;
        cut_expired(&mut self.expiries, directory, &self.shared, now);
        self.pulse.check(directory, switch, now);
        switch.handle_timeout(now.switch);
        let next = switch.poll_timeout(now.switch);
        let has_more = next.is_some_and(|at_ms| at_ms <= now.switch.monotonic_ms);
        let delay = if has_more { Duration::ZERO } else { TICK };
        self.next_tick = now.tunnel.instant + delay;
        let mut packet = [0; MAX_ANSWER_LEN];
        while let Some(notice) = switch.poll_notice(&mut packet) {
            let member = directory.member(notice.to);
            let reached = member.filter(|member| member.peer.has_session(now.tunnel));
            if let (Some(member), Some(packet)) = (reached, packet.get(..notice.len)) {
                let outbox = &mut self.tunnel_outbox;
                // With a session there is nothing to wait for: it is sealed into the outbox.
                self.shared
                    .tunnel
                    .stage(now.tunnel, &member.peer, packet, outbox);
            }
        }
    }
}

/// A device whose time is over loses its session too.
fn cut_expired(
    expiries: &mut Vec<(u64, PeerHandle)>,
    directory: &mut Directory,
    shared: &Shared,
    now: Moment,
) {
    while let Some((_, handle)) = expiries.pop_if(|(expiry, _)| *expiry <= now.switch.unix_ms) {
        let Some(member) = directory.remove(handle) else {
            continue;
        };
        shared.tunnel.remove_peer(member.peer.public_key());
        shared.events.send(Event::PeerLost {
            id: member.id,
            at: now.switch.unix_ms,
        });
    }
}

fn expiry((handle, member): (PeerHandle, &super::directory::Member)) -> Option<(u64, PeerHandle)> {
    match member.kind {
        PeerKind::Device { expires_at_unix_ms } => {
            expires_at_unix_ms.map(|expiry| (expiry, handle))
        }
        PeerKind::Connector { .. } => None,
    }
}

fn is_expired(kind: PeerKind, now: Moment) -> bool {
    match kind {
        PeerKind::Device {
            expires_at_unix_ms: Some(expiry),
        } => expiry <= now.switch.unix_ms,
        _ => false,
    }
}

/// Only an engine before this one has heard it.
fn is_stranger(peer: &ConfiguredPeer, tunnel: &Tunnel) -> bool {
    let known = tunnel.peer(&peer.public_key);
    peer.last_endpoint.is_some() && known.is_none_or(|known| known.endpoint().is_none())
}

/// Allowed-ips are for `wg show` alone: here the switch checks sources and finds destinations.
fn update(peer: &ConfiguredPeer, is_stranger: bool) -> PeerUpdate {
    let endpoint = peer.last_endpoint.filter(|_| is_stranger);
    PeerUpdate {
        endpoint: endpoint.map(Into::into),
        tag: Some(u64::from(peer.handle.0)),
        allowed_ips: peer
            .addresses
            .iter()
            .map(|address| (*address).into())
            .collect(),
        ..PeerUpdate::new(peer.public_key)
    }
}
