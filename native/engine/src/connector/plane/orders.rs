//! What the control thread asks of the data thread, and what it is told.

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
        let tunnel = &self.shared.tunnel;
        tunnel.set_mtu(config.nat.mtu);
        tunnel.set_private_key(now, Some(config.private_key.clone()));
        self.shared
            .gateways_mut()
            .apply(now, tunnel, config, &mut self.outgoing.handshakes);
        self.entrance.configure(&config.nat);
        let out = &mut self.outgoing.to_devices;
        self.nat.configure(now.instant, &config.nat, out);
        for helper in &self.helpers {
            let mut nat = helper.as_ref().nat();
            nat.configure(now.instant, &config.nat, out);
        }
        if let Some(kernel) = &mut self.kernel {
            kernel.configure(&config.nat);
        }
    }

    pub(super) fn tell_events(&mut self) {
        for event in self.shared.tunnel.take_events() {
            let Some(id) = self.shared.gateways().id(&event.peer) else {
                continue;
            };
            let at = unix_milliseconds(event.at);
            match event.kind {
                EventKind::HandshakeDone { endpoint } => {
                    self.shared.gateways_mut().note_answer(&event.peer);
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

    fn report(&self) -> Report {
        let mut report = Report::default();
        report.count_nat(&self.nat);
        for helper in &self.helpers {
            report.count_nat(&helper.as_ref().nat());
        }
        let of_tunnel = self.shared.tunnel.drop_counts().into_iter();
        report.count_drops(of_tunnel.map(|(reason, count)| (reason.as_str(), count)));
        report.count_drops(self.entrance.drops().counted());
        report.count_drops(self.shared.drops.counts().into_iter());
        let not_carried = self.kernel.as_ref().map_or(0, KernelDoor::dropped);
        report.count_drops([("interface-dropped", not_carried)].into_iter());
        report
    }
}
