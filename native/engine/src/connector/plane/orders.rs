//! What the control thread asks of the data thread, and what it is told.

use std::collections::BTreeMap;

use culvert_core::{EventKind, Now, scrub_stack};

use super::super::config::ConnectorConfig;
use super::super::kernel::KernelDoor;
use super::super::role::{Order, Report};
use super::super::unix_milliseconds;
use super::Plane;
use crate::control::Event;
use crate::log_debug;

impl Plane {
    /// False: stop.
    pub(super) fn take_orders(&mut self, now: Now) -> bool {
        self.bell.silence();
        while let Ok(order) = self.orders.try_recv() {
            match order {
                Order::Configure { config, done } => {
                    self.apply(now, &config);
                    // Keys were moved through many hands.
                    scrub_stack();
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

    pub(super) fn tell_events(&mut self) {
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

    pub(super) fn log_refused(&mut self) {
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
        let of_tunnel = self.tunnel.drop_counts().into_iter();
        let of_tunnel = of_tunnel.map(|(reason, count)| (reason.as_str(), count));
        let not_carried = self.kernel.as_ref().map_or(0, KernelDoor::dropped);
        let own = [
            ("interface-dropped", not_carried),
            ("udp-send-failed", self.send_failures),
            ("congestion", self.congestion_drops),
        ];
        let all = self.nat.drops().counted().chain(of_tunnel).chain(own);
        let mut drops = BTreeMap::new();
        for (name, count) in all.filter(|(_, count)| *count > 0) {
            *drops.entry(name.to_owned()).or_default() += count;
        }
        Report {
            flows: self.nat.flows() as u64,
            drops,
        }
    }
}
