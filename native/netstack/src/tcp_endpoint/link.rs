//! The tunnel as smoltcp sees it: one packet in, and what goes out is written straight into the batch.

use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant;

use super::Tunnel;
use crate::loss_repair::{Latest, LossRepair, Segment};

/// Made anew for each call.
pub(super) struct Link<'a, 'b> {
    pub(super) incoming: Option<&'a [u8]>,
    pub(super) tunnel: &'a mut Tunnel<'b>,
    pub(super) repair: &'a mut LossRepair,
    pub(super) latest: &'a mut Option<Latest>,
    pub(super) now: std::time::Instant,
}

impl<'b> Device for Link<'_, 'b> {
    type RxToken<'c>
        = Incoming<'c>
    where
        Self: 'c;
    type TxToken<'c>
        = Outgoing<'c, 'b>
    where
        Self: 'c;

    fn receive(&mut self, _now: Instant) -> Option<(Incoming<'_>, Outgoing<'_, 'b>)> {
        let packet = self.incoming.take()?;
        Some((Incoming(packet), self.outgoing()))
    }

    fn transmit(&mut self, _now: Instant) -> Option<Outgoing<'_, 'b>> {
        (self.tunnel.budget > 0).then(|| self.outgoing())
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = self.tunnel.mtu;
        capabilities
    }
}

impl<'b> Link<'_, 'b> {
    fn outgoing(&mut self) -> Outgoing<'_, 'b> {
        Outgoing {
            tunnel: self.tunnel,
            repair: self.repair,
            latest: self.latest,
            now: self.now,
        }
    }
}

pub(super) struct Incoming<'a>(&'a [u8]);

impl RxToken for Incoming<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(self.0)
    }
}

pub(super) struct Outgoing<'a, 'b> {
    tunnel: &'a mut Tunnel<'b>,
    repair: &'a mut LossRepair,
    latest: &'a mut Option<Latest>,
    now: std::time::Instant,
}

impl TxToken for Outgoing<'_, '_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let Tunnel {
            batch,
            peer,
            budget,
            ..
        } = self.tunnel;
        *budget = budget.saturating_sub(1);
        batch.push(*peer, len, |packet| {
            let result = write(packet);
            self.repair.note_sent(self.now, packet);
            if let Some(segment) = Segment::of(packet) {
                *self.latest = Some(Latest {
                    acknowledgement: segment.acknowledgement,
                    window: segment.window,
                });
            }
            result
        })
    }
}
