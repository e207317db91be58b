use std::sync::atomic::Ordering;

use culvert_core::Endpoint;
use culvert_udp::{Batch, Doors, Ecn, Outbox, Route, Source};

use super::shared::Drops;
use crate::log_debug;
use crate::send_news::tell_news;

/// Reusable room to send from, for both families.
#[derive(Debug, Default)]
pub(super) struct Outboxes {
    v4: Outbox,
    v6: Outbox,
}

/// A batch for each family's door.
#[derive(Debug)]
pub(super) struct Outgoing<'a, 'b> {
    v4: Option<Batch<'a, 'b>>,
    v6: Option<Batch<'a, 'b>>,
    /// For a family that this host has no more.
    homeless: u64,
}

impl Outboxes {
    pub(super) fn begin<'a, 'b>(&'a mut self, doors: &'a Doors) -> Outgoing<'a, 'b> {
        Outgoing {
            v4: doors.v4.as_ref().map(|door| self.v4.batch(door)),
            v6: doors.v6.as_ref().map(|door| self.v6.batch(door)),
            homeless: 0,
        }
    }

    /// Sends what the tunnel itself has to say, and empties its outbox.
    pub(super) fn send_all(
        &mut self,
        doors: &Doors,
        outbox: &mut culvert_core::Outbox,
        drops: &Drops,
    ) {
        if outbox.is_empty() {
            return;
        }
        let mut outgoing = self.begin(doors);
        for (endpoint, datagram) in outbox.iter() {
            outgoing.push(endpoint, Ecn::NotCapable, datagram);
        }
        outgoing.send(drops);
        outbox.clear();
    }
}

impl<'b> Outgoing<'_, 'b> {
    pub(super) fn push(&mut self, endpoint: Endpoint, ecn: Ecn, datagram: &'b [u8]) {
        let batch = if endpoint.remote.is_ipv4() {
            &mut self.v4
        } else {
            &mut self.v6
        };
        match batch {
            Some(batch) => batch.push(route(endpoint, ecn), datagram),
            None => self.homeless += 1,
        }
    }

    pub(super) fn send(self, drops: &Drops) {
        drops.not_sent.fetch_add(self.homeless, Ordering::Relaxed);
        for batch in [self.v4, self.v6].into_iter().flatten() {
            let report = batch.send();
            tell_news(&report);
            let dropped = report.dropped as u64;
            drops.not_sent.fetch_add(dropped, Ordering::Relaxed);
            if let Some(cause) = report.last_error {
                log_debug!("{} datagrams could not be sent: {cause}", report.dropped);
            }
        }
    }
}

fn route(endpoint: Endpoint, ecn: Ecn) -> Route {
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
