//! The device role: one TUN, one WireGuard tunnel, two data threads that each finish what they begin (see `division.rs`),
//! and one for handshakes.

mod division;
mod expectation;
mod handshakes;
mod inward;
mod outward;
mod returning;
mod role;
mod shared;
mod unreachable;
pub(crate) mod wireguard;

use std::io;
use std::sync::Arc;
use std::thread;

use culvert_core::{Aead, SourceCheck, Tunnel, TunnelOptions};
use culvert_tun::{LinkWatch, Tun, TunFault, TunOptions};
use culvert_udp::BindFault;
use rustix::thread::CapabilitySet;
use thiserror::Error;

use crate::arguments::DeviceOptions;
use crate::clock::now;
use crate::control::EventSink;
use crate::entropy::SystemEntropy;
use crate::floor_keeper::keep_answers_of;
use crate::replay_floors::{ReplayFloors, StateFault};
use crate::{log_info, privileges};

pub(crate) use outward::is_gone;
pub(crate) use role::DeviceRole;
use role::Settings;
use shared::Shared;

#[derive(Debug, Error)]
pub(crate) enum DeviceFault {
    #[error(transparent)]
    Tun(#[from] TunFault),
    #[error(transparent)]
    Bind(#[from] BindFault),
    #[error(transparent)]
    State(#[from] StateFault),
    #[error("the device {name} can not start: {cause}")]
    Failed { name: String, cause: io::Error },
}

pub(crate) fn start(
    options: &DeviceOptions,
    aead: Aead,
    events: EventSink,
) -> Result<DeviceRole, DeviceFault> {
    let failed = |cause| DeviceFault::Failed {
        name: options.interface.clone(),
        cause,
    };
    let floors = ReplayFloors::keep_at(options.state.as_deref(), now().unix)?;
    let name = options.interface.clone();
    let (tun, queues) = Tun::create(&TunOptions {
        name,
        mtu: options.mtu,
        sparse_first: true,
    })?;
    let lanes = shared::open_doors(0, options.fwmark)?;
    let tunnel = Tunnel::new(
        TunnelOptions {
            entropy: Arc::new(SystemEntropy),
            mtu: usize::from(options.mtu),
            source_check: SourceCheck::AllowedIps,
        },
        now(),
    );
    tunnel.set_aead(aead);
    let sink = events.clone();
    tunnel.set_waker(Some(Arc::new(move || sink.wake())));
    let watch = LinkWatch::open().map_err(failed)?;
    let shared = Shared::new(tunnel, queues, lanes, events.clone()).map_err(failed)?;
    let shared = Arc::new(shared);

    // Threads inherit rights at their birth, so the rights go first.
    privileges::reduce(CapabilitySet::NET_ADMIN).map_err(failed)?;
    let floors = keep_answers_of(&shared.tunnel, floors).map_err(failed)?;
    let threads = vec![
        spawn("outward", &shared, outward::run).map_err(failed)?,
        spawn("inward", &shared, inward::run).map_err(failed)?,
        spawn("handshakes", &shared, handshakes::run).map_err(failed)?,
    ];
    log_info!("{} is up on UDP port {}", tun.name(), shared.doors().port());
    Ok(DeviceRole::new(
        tun,
        watch,
        shared,
        threads,
        Settings {
            fwmark: options.fwmark,
            floors,
        },
        events,
    ))
}

fn spawn(
    name: &str,
    shared: &Arc<Shared>,
    work: fn(&Shared),
) -> io::Result<thread::JoinHandle<()>> {
    let shared = Arc::clone(shared);
    thread::Builder::new()
        .name(name.into())
        .spawn(move || work(&shared))
}
