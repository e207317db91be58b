//! What one thread has for the gateways: packets of the NAT, and what the tunnel itself has to say.

use culvert_core::{Now, Outbox};
use culvert_netstack::{Batch, Slot};

use super::sending::Sending;
use super::shared::Shared;

#[derive(Default)]
pub(super) struct Outgoing {
    pub(super) to_devices: Batch,
    pub(super) handshakes: Outbox,
    sending: Sending,
}

impl Outgoing {
    pub(super) fn send(&mut self, now: Now, shared: &Shared) {
        let slots = self.to_devices.slots_mut();
        let (tunnel, handshakes) = (&shared.tunnel, &mut self.handshakes);
        let sent = self
            .sending
            .send_packets(now, tunnel, &shared.gateways(), slots, handshakes);
        self.to_devices.clear();
        shared.note_sent(&sent);
        self.send_handshakes(now, shared);
    }

    /// Of others than the NAT.
    pub(super) fn send_packets<'b>(
        &mut self,
        now: Now,
        shared: &Shared,
        packets: impl Iterator<Item = Slot<'b>>,
    ) {
        let (tunnel, handshakes) = (&shared.tunnel, &mut self.handshakes);
        let sent = self
            .sending
            .send_packets(now, tunnel, &shared.gateways(), packets, handshakes);
        shared.note_sent(&sent);
    }

    fn send_handshakes(&mut self, now: Now, shared: &Shared) {
        if self.handshakes.is_empty() {
            return;
        }
        shared.prepare_handshakes(now, &self.handshakes);
        let said = self
            .sending
            .send_handshakes(&shared.gateways(), &self.handshakes);
        self.handshakes.clear();
        shared.note_sent(&said);
    }
}
