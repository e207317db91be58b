use std::collections::BTreeMap;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use culvert_core::{Event as TunnelEvent, EventKind, Outbox};
use culvert_tun::{LinkWatch, Tun};

use super::shared::{Shared, open_doors};
use super::wireguard;
use crate::control::{Event, EventSink, PeerStatus, Role, RoleKind, Status};
use crate::floor_keeper::SharedFloors;
use crate::uapi::{Change, Configuration, Errno};
use crate::{clock, key_text, log_debug, log_info, log_warn};

/// What the control thread holds of a device.
pub(crate) struct DeviceRole {
    tun: Tun,
    watch: LinkWatch,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    settings: Settings,
    events: EventSink,
    wanted: Outbox,
    sending: culvert_udp::Outbox,
}

/// What this thread alone knows and changes.
pub(super) struct Settings {
    pub(super) fwmark: u32,
    pub(super) floors: SharedFloors,
}

impl DeviceRole {
    pub(super) fn new(
        tun: Tun,
        watch: LinkWatch,
        shared: Arc<Shared>,
        threads: Vec<JoinHandle<()>>,
        settings: Settings,
        events: EventSink,
    ) -> DeviceRole {
        let (wanted, sending) = (Outbox::new(), culvert_udp::Outbox::new());
        DeviceRole {
            tun,
            watch,
            shared,
            threads,
            settings,
            events,
            wanted,
            sending,
        }
    }

    fn apply(&mut self, change: Change) -> Result<(), Errno> {
        match change {
            Change::PrivateKey(key) => self.shared.tunnel.set_private_key(clock::now(), key),
            Change::ListenPort(port) => return self.listen(port),
            Change::Fwmark(mark) => return self.mark(mark),
            Change::ReplacePeers => self.shared.tunnel.remove_all_peers(),
            Change::Peer(change) => {
                let floor = self.settings.floors.of(&change.public_key);
                wireguard::apply_peer(&self.shared.tunnel, change, floor);
            }
        }
        Ok(())
    }

    /// The new doors open before the old ones close: a port that is taken costs nothing.
    fn listen(&mut self, port: u16) -> Result<(), Errno> {
        if port != 0 && port == self.shared.doors().port() {
            return Ok(());
        }
        let lanes = open_doors(port, self.settings.fwmark).map_err(|fault| {
            log_warn!("{fault}");
            Errno::PORT_IN_USE
        })?;
        log_info!(
            "{} listens on UDP port {} now",
            self.tun.name(),
            lanes.first.port()
        );
        self.shared.exchange_doors(lanes);
        Ok(())
    }

    fn mark(&mut self, mark: u32) -> Result<(), Errno> {
        self.shared.doors().set_mark(mark).map_err(|cause| {
            log_warn!("packets can not be marked with {mark:#x}: {cause}");
            Errno::PORT_IN_USE
        })?;
        self.settings.fwmark = mark;
        Ok(())
    }

    fn tell(&mut self, event: TunnelEvent) {
        let id = key_text::encode(event.peer.public_key().as_bytes());
        let at = milliseconds(event.at);
        match event.kind {
            EventKind::HandshakeDone { endpoint } => {
                let endpoint = endpoint.map(|endpoint| endpoint.remote.to_string());
                self.events.send(Event::PeerHandshake { id, at, endpoint });
            }
            EventKind::PeerLost => self.events.send(Event::PeerLost { id, at }),
            EventKind::HandshakeGaveUp => log_debug!("no answer from {id} for 90 s"),
        }
    }
}

impl Role for DeviceRole {
    fn kind(&self) -> RoleKind {
        RoleKind::Device
    }

    fn status(&mut self) -> Status {
        let mut peers: Vec<PeerStatus> = self
            .shared
            .tunnel
            .peers()
            .iter()
            .map(|peer| describe(peer))
            .collect();
        peers.sort_by(|left, right| left.id.cmp(&right.id));
        let listen_port = self.shared.doors().port();
        Status {
            listen_port,
            peers,
            flows: 0,
            drops: drops(&self.shared),
        }
    }

    fn wireguard(&mut self) -> Configuration {
        wireguard::configuration(
            &self.shared.tunnel,
            self.shared.doors().port(),
            self.settings.fwmark,
        )
    }

    fn set_wireguard(&mut self, changes: Vec<Change>) -> Result<(), Errno> {
        changes
            .into_iter()
            .try_for_each(|change| self.apply(change))
    }

    fn next_wakeup(&self) -> Option<Instant> {
        self.shared.tunnel.next_wakeup()
    }

    fn wake(&mut self, _now: Instant) {
        self.shared
            .tunnel
            .handle_timeout(clock::now(), &mut self.wanted);
        self.shared.send_outbox(&mut self.wanted, &mut self.sending);
        for event in self.shared.tunnel.take_events() {
            self.tell(event);
        }
    }

    fn watched(&self) -> Option<BorrowedFd<'_>> {
        Some(self.watch.as_fd())
    }

    /// The tunnel's MTU is the interface's, whoever changes it. An interface that was moved to another namespace can
    /// not be asked any more; one that was removed shows when it is read.
    fn handle_watched(&mut self) {
        self.watch.drain();
        if let Ok(mtu) = self.tun.mtu() {
            self.shared.tunnel.set_mtu(usize::from(mtu));
        }
    }

    fn failure(&mut self) -> Option<String> {
        self.shared.failure()
    }

    /// The interface goes with the last descriptor, which the threads' end lets go of.
    fn stop(self: Box<Self>) {
        self.shared.tunnel.set_waker(None);
        self.shared.stop();
        for thread in self.threads {
            let _ = thread.join();
        }
    }
}

fn describe(peer: &culvert_core::Peer) -> PeerStatus {
    let public_key = key_text::encode(peer.public_key().as_bytes());
    PeerStatus {
        id: public_key.clone(),
        public_key,
        endpoint: peer.endpoint().map(|endpoint| endpoint.remote.to_string()),
        last_handshake_at: peer.last_handshake().map(milliseconds),
        handshake_rtt: peer.handshake_rtt(),
        rx_bytes: peer.received_bytes(),
        tx_bytes: peer.sent_bytes(),
    }
}

fn drops(shared: &Shared) -> BTreeMap<String, u64> {
    let of_tunnel = shared
        .tunnel
        .drop_counts()
        .map(|(reason, count)| (reason.as_str(), count));
    let ours = &shared.drops;
    let of_ours = [
        ("no-route", &ours.no_route),
        ("routing-loop", &ours.routing_loop),
        ("not-sent", &ours.not_sent),
        ("not-written", &ours.not_written),
        ("congestion", &ours.congestion),
        ("malformed-frame", &ours.malformed_frame),
    ]
    .map(|(name, count)| (name, count.load(Ordering::Relaxed)));
    let all = of_tunnel.into_iter().chain(of_ours);
    all.filter(|(_, count)| *count > 0)
        .map(|(name, count)| (name.to_owned(), count))
        .collect()
}

fn milliseconds(since: Duration) -> u64 {
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
