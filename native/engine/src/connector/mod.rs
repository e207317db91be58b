//! A connector: WireGuard to one or several gateways on one side, user-space NAT on the other. One data thread (`plane`)
//! does both, with others beside it where it is told so (`helper`); this side of them answers the control socket. Needs no capability
//! and any uid will do, and waits for nobody: each of its sockets is connected. Given a TUN, it leaves to the kernel what is for other hosts.

mod config;
mod desk;
mod gateways;
mod helper;
mod kernel;
mod outgoing;
mod plane;
mod refusals;
mod role;
mod sending;
mod shard;
mod shared;
mod way;

use std::io;
use std::num::NonZeroU8;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread::JoinHandle;
use std::time::Duration;

use culvert_core::{Aead, SourceCheck, Tunnel, TunnelOptions};
use culvert_netstack::PingDoor;
use rustix::thread::CapabilitySet;

use crate::bell::Bell;
use crate::clock::now;
use crate::control::EventSink;
use crate::entropy::SystemEntropy;
use crate::{log_warn, privileges};
pub use desk::ShardDesk;
pub(crate) use kernel::KernelDoor;
use plane::Plane;
use role::Connector;

pub(crate) fn start(
    kernel: Option<KernelDoor>,
    shards: NonZeroU8,
    aead: Aead,
    events: EventSink,
) -> io::Result<Connector> {
    let interface = kernel.as_ref().map(|kernel| kernel.name().to_owned());
    let bell = Bell::new()?;
    let tunnel = Arc::new(new_tunnel(bell.clone()));
    tunnel.set_aead(aead);
    let (orders, inbox) = channel();
    // Threads inherit rights at their birth, so the rights go first.
    privileges::reduce(rights_for_ping(PingDoor::find()))?;
    let (own_tunnel, own_bell, alarm) = (Arc::clone(&tunnel), bell.clone(), events.clone());
    let plane = Plane::new(own_tunnel, kernel, shards, own_bell, inbox, events)?;
    let has_ended = Arc::new(AtomicBool::new(false));
    let thread = spawn(plane, Arc::clone(&has_ended), alarm)?;
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

fn new_tunnel(waker: Bell) -> Tunnel {
    let options = TunnelOptions {
        entropy: Arc::new(SystemEntropy),
        mtu: 1420,
        // Every gateway speaks for the whole overlay, which allowed-ips cannot say; the NAT checks each source.
        source_check: SourceCheck::Owner,
    };
    let tunnel = Tunnel::new(options, now());
    tunnel.set_waker(Some(Arc::new(move || waker.ring())));
    tunnel
}

fn spawn(plane: Plane, has_ended: Arc<AtomicBool>, alarm: EventSink) -> io::Result<JoinHandle<()>> {
    let thread = std::thread::Builder::new().name("connector".into());
    thread.spawn(move || {
        plane.run();
        has_ended.store(true, Ordering::Release);
        alarm.wake();
    })
}

/// A connector needs no right; one that was given CAP_NET_RAW keeps it where ping has no other door.
fn rights_for_ping(door: PingDoor) -> CapabilitySet {
    match door {
        PingDoor::RawSocket => CapabilitySet::NET_RAW,
        PingDoor::PingSocket | PingDoor::NeedsSysctl => CapabilitySet::empty(),
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
