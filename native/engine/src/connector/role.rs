//! A connector as the control thread sees it: it answers for the data thread, and gives it orders.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use culvert_core::{Peer, Tunnel};
use culvert_netstack::{Nat, PingDoor};
use serde_json::value::RawValue;

use super::config::{self, ConnectorConfig, GatewayConfig};
use super::unix_milliseconds;
use crate::bell::Bell;
use crate::control::{PeerStatus, Refusal, Role, RoleKind, Status};
use crate::{key_text, log_info, uapi};

pub(crate) struct Connector {
    pub(super) tunnel: Arc<Tunnel>,
    pub(super) orders: Sender<Order>,
    pub(super) bell: Bell,
    pub(super) thread: Option<JoinHandle<()>>,
    /// The data thread is over, whether it was told to or not.
    pub(super) has_ended: Arc<AtomicBool>,
    /// The data thread has not answered in time.
    pub(super) is_stuck: bool,
    /// Of the TUN, where the kernel forwards.
    pub(super) interface: Option<String>,
    pub(super) applied: Option<Applied>,
}

/// What this side remembers of the configuration in force.
pub(super) struct Applied {
    overlay: Vec<ipnet::IpNet>,
    /// Peer ids in the order of the configuration.
    gateways: Vec<GatewayConfig>,
}

/// What the data thread does between two batches, in order.
pub(super) enum Order {
    Configure {
        config: Box<ConnectorConfig>,
        done: SyncSender<()>,
    },
    Report(SyncSender<Report>),
    Stop,
}

#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) flows: u64,
    pub(super) drops: BTreeMap<String, u64>,
}

impl Report {
    pub(super) fn count_nat(&mut self, nat: &Nat) {
        self.flows += nat.flows() as u64;
        self.count_drops(nat.drops().counted());
    }

    /// Those that have happened, added to what others have counted under the same name.
    pub(super) fn count_drops(&mut self, counts: impl Iterator<Item = (&'static str, u64)>) {
        for (name, count) in counts.filter(|(_, count)| *count > 0) {
            *self.drops.entry(name.to_owned()).or_default() += count;
        }
    }
}

/// The data thread answers between two batches, that is within milliseconds; longer means that it is dead.
const ANSWER_PATIENCE: Duration = Duration::from_secs(5);
/// A bell that was not heard must not make a thread look dead.
const BETWEEN_RINGS: Duration = Duration::from_millis(100);

impl Connector {
    fn order(&self, order: Order) {
        // A send to a thread that is gone finds its answer missing, which the callers handle.
        let _ = self.orders.send(order);
        self.bell.ring();
    }

    /// None: it is dead, or as good as that.
    fn answer_to<T>(&self, wait: &Receiver<T>) -> Option<T> {
        let deadline = Instant::now() + ANSWER_PATIENCE;
        loop {
            match wait.recv_timeout(BETWEEN_RINGS) {
                Ok(answer) => return Some(answer),
                Err(RecvTimeoutError::Timeout) if Instant::now() < deadline => self.bell.ring(),
                Err(_) => return None,
            }
        }
    }

    fn peer_status(&self, id: &str, peer: &Peer) -> PeerStatus {
        PeerStatus {
            id: id.to_owned(),
            public_key: key_text::encode(peer.public_key().as_bytes()),
            endpoint: peer.endpoint().map(|endpoint| endpoint.remote.to_string()),
            last_handshake_at: peer.last_handshake().map(unix_milliseconds),
            handshake_rtt: peer.handshake_rtt(),
            rx_bytes: peer.received_bytes(),
            tx_bytes: peer.sent_bytes(),
        }
    }
}

impl Role for Connector {
    fn kind(&self) -> RoleKind {
        RoleKind::Connector
    }

    fn configure(&mut self, config: &RawValue) -> Result<(), Refusal> {
        let config = config::read(config)?;
        let applied = Applied {
            overlay: config.nat.overlay.clone(),
            gateways: config.gateways.clone(),
        };
        let (done, wait) = sync_channel(1);
        self.order(Order::Configure {
            config: Box::new(config),
            done,
        });
        self.answer_to(&wait).ok_or_else(|| {
            Refusal::new(
                "engine-stuck",
                "the data thread does not answer: restart the engine",
            )
        })?;
        log_info!("configured: {} gateways", applied.gateways.len());
        self.applied = Some(applied);
        Ok(())
    }

    fn status(&mut self) -> Status {
        let (answer, wait) = sync_channel(1);
        self.order(Order::Report(answer));
        let report = self.answer_to(&wait).unwrap_or_else(|| {
            self.is_stuck = true;
            Report::default()
        });
        let Some(applied) = &self.applied else {
            return Status {
                drops: report.drops,
                ..Status::default()
            };
        };
        let peers = applied.gateways.iter().filter_map(|gateway| {
            let peer = self.tunnel.peer(&gateway.public_key)?;
            Some(self.peer_status(&gateway.id, &peer))
        });
        Status {
            // It listens on none.
            listen_port: 0,
            peers: peers.collect(),
            flows: report.flows,
            drops: report.drops,
        }
    }

    fn ping(&self) -> Option<&'static str> {
        match PingDoor::find() {
            PingDoor::PingSocket | PingDoor::RawSocket => Some("works"),
            PingDoor::NeedsSysctl => Some("needs-sysctl"),
        }
    }

    fn interface(&self) -> Option<&str> {
        self.interface.as_deref()
    }

    fn wireguard(&mut self) -> uapi::Configuration {
        let overlay = self.applied.as_ref().map(|applied| applied.overlay.clone());
        let overlay = overlay.unwrap_or_default();
        let peers = self.tunnel.peers().into_iter().map(|peer| uapi::Peer {
            allowed_ips: overlay.clone(),
            ..peer.status().into()
        });
        uapi::Configuration {
            private_key: self.tunnel.private_key(),
            listen_port: 0,
            fwmark: 0,
            peers: peers.collect(),
        }
    }

    fn failure(&mut self) -> Option<String> {
        if self.is_stuck {
            // It can not be waited for either.
            self.thread = None;
            return Some("the data thread does not answer".to_owned());
        }
        let has_ended = self.has_ended.load(Ordering::Acquire);
        has_ended.then(|| "the data thread has ended".to_owned())
    }

    /// Targets and devices get a reset for what is cut, so that nobody waits for a connection that is gone.
    fn stop(mut self: Box<Self>) {
        self.order(Order::Stop);
        if let Some(thread) = self.thread.take() {
            // A panic in it has been printed, and has ended the process, already.
            let _ = thread.join();
        }
    }
}
