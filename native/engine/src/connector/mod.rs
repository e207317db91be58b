//! A connector: WireGuard to one or several gateways on one side, user-space NAT on the other. One data thread (`plane`)
//! does both; this side of it answers the control socket. Needs no capability and any uid will do, and waits for nobody: each
//! of its sockets is connected. Given a TUN, it leaves to the kernel what is for other hosts.

mod config;
mod gateways;
mod kernel;
mod plane;
mod sending;
mod way;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use culvert_core::{Peer, SourceCheck, Tunnel, TunnelOptions};
use culvert_netstack::PingDoor;
use rustix::thread::CapabilitySet;
use serde_json::value::RawValue;

use crate::bell::Bell;
use crate::clock::now;
use crate::control::{EventSink, PeerStatus, Refusal, Role, RoleKind, Status};
use crate::entropy::SystemEntropy;
use crate::{key_text, log_info, log_warn, privileges, uapi};
use config::ConnectorConfig;
pub(crate) use kernel::KernelDoor;
use plane::Plane;

pub(crate) struct Connector {
    tunnel: Arc<Tunnel>,
    orders: Sender<Order>,
    bell: Bell,
    thread: Option<JoinHandle<()>>,
    /// The data thread is over, whether it was told to or not.
    has_ended: Arc<AtomicBool>,
    /// The data thread has not answered in time.
    is_stuck: bool,
    /// Of the TUN, where the kernel forwards.
    interface: Option<String>,
    applied: Option<Applied>,
}

/// What this side remembers of the configuration in force.
struct Applied {
    overlay: Vec<ipnet::IpNet>,
    /// Peer ids in the order of the configuration.
    gateways: Vec<config::GatewayConfig>,
}

/// What the data thread does between two batches, in order.
enum Order {
    Configure {
        config: Box<ConnectorConfig>,
        done: SyncSender<()>,
    },
    Report(SyncSender<Report>),
    Stop,
}

#[derive(Debug, Default)]
struct Report {
    flows: u64,
    drops: BTreeMap<String, u64>,
}

/// The data thread answers between two batches, that is within milliseconds; longer means that it is dead.
const ANSWER_PATIENCE: Duration = Duration::from_secs(5);
/// A bell that was not heard must not make a thread look dead.
const BETWEEN_RINGS: Duration = Duration::from_millis(100);

pub(crate) fn start(kernel: Option<KernelDoor>, events: EventSink) -> std::io::Result<Connector> {
    let interface = kernel.as_ref().map(|kernel| kernel.name().to_owned());
    let bell = Bell::new()?;
    let tunnel = Arc::new(Tunnel::new(
        TunnelOptions {
            entropy: Arc::new(SystemEntropy),
            mtu: 1420,
            // Every gateway speaks for the whole overlay, which allowed-ips cannot say; the NAT checks each source.
            source_check: SourceCheck::Owner,
        },
        now(),
    ));
    let waker = bell.clone();
    tunnel.set_waker(Some(Arc::new(move || waker.ring())));
    let (orders, inbox): (Sender<Order>, Receiver<Order>) = channel();
    // Threads inherit rights at their birth, so the rights go first.
    privileges::reduce(rights_for_ping(PingDoor::find()))?;
    let (has_ended, alarm) = (Arc::new(AtomicBool::new(false)), events.clone());
    let end = Arc::clone(&has_ended);
    let plane = Plane::new(
        Arc::clone(&tunnel),
        kernel,
        bell.clone(),
        inbox,
        events,
        file_limit(),
    )?;
    let thread = std::thread::Builder::new()
        .name("connector".into())
        .spawn(move || {
            plane.run();
            end.store(true, Ordering::Release);
            alarm.wake();
        })?;
    if let Some(advice) = PingDoor::find().advice() {
        log_warn!("{advice}");
    }
    Ok(Connector {
        tunnel,
        orders,
        bell,
        thread: Some(thread),
        has_ended,
        is_stuck: false,
        interface,
        applied: None,
    })
}

/// A connector needs no right; one that was given CAP_NET_RAW keeps it where ping has no other door.
fn rights_for_ping(door: PingDoor) -> CapabilitySet {
    match door {
        PingDoor::RawSocket => CapabilitySet::NET_RAW,
        PingDoor::PingSocket | PingDoor::NeedsSysctl => CapabilitySet::empty(),
    }
}

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
        if config
            .gateways
            .iter()
            .any(|gateway| gateway.public_key == config.private_key.public_key())
        {
            return Err(Refusal::bad_config(
                "a peer has this connector's own public key",
            ));
        }
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
        let peers = self.tunnel.peers().into_iter().map(|peer| {
            let status = peer.status();
            uapi::Peer {
                public_key: status.public_key,
                preshared_key: status.preshared_key,
                endpoint: status.endpoint.map(|endpoint| endpoint.remote),
                last_handshake: status.last_handshake.unwrap_or_default(),
                rx_bytes: status.received_bytes,
                tx_bytes: status.sent_bytes,
                keepalive_seconds: status.keepalive_seconds,
                allowed_ips: overlay.clone(),
            }
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

fn unix_milliseconds(since_epoch: Duration) -> u64 {
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}

/// Each flow is a socket, so this process takes all the descriptors that it may have without asking.
fn file_limit() -> u64 {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    let _ = setrlimit(Resource::Nofile, limit);
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}
