//! Toward the gateways: seals each inner packet in place in its batch, and hands it to the kernel together with its
//! neighbours for the same gateway. Handshakes and keepalives follow.

use std::io::ErrorKind;
use std::iter::{from_fn, once};

use culvert_core::{HEADROOM, Now, Outbox, Tunnel};
use culvert_netstack::{PeerTag, Slot};
use culvert_udp::{Route, SendReport};

use super::gateways::Gateways;
use crate::congestion;
use crate::send_news::tell_news;

#[derive(Default)]
pub(super) struct Sending {
    outbox: culvert_udp::Outbox,
}

/// What became of a round's datagrams.
#[derive(Debug, Default)]
pub(super) struct Sent {
    /// The kernel would not send them, knew no way to their gateway, or that was taken away meanwhile.
    pub(super) dropped: u64,
    /// An address or a route of this host may be gone.
    pub(super) was_refused: bool,
}

impl Sending {
    /// A run of packets for one gateway is the rule, so its keys are looked up once a run.
    pub(super) fn send_packets<'b>(
        &mut self,
        now: Now,
        tunnel: &Tunnel,
        gateways: &Gateways,
        packets: impl Iterator<Item = Slot<'b>>,
        handshakes: &mut Outbox,
    ) -> Sent {
        let mut sent = Sent::default();
        let mut slots = packets.peekable();
        while let Some(first) = slots.next() {
            let tag = first.peer;
            let run = once(first).chain(from_fn(|| slots.next_if(|slot| slot.peer == tag)));
            sent.count(self.send_run(now, tunnel, gateways, tag, run, handshakes));
        }
        sent
    }

    /// What the tunnel itself has to say, after [`Gateways::prepare_handshakes`].
    pub(super) fn send_handshakes(&mut self, gateways: &Gateways, handshakes: &Outbox) -> Sent {
        let mut sent = Sent::default();
        for (endpoint, datagram) in handshakes.iter() {
            let Some((remote, door)) = gateways.door(PeerTag(endpoint.door)) else {
                sent.dropped += 1;
                continue;
            };
            let mut batch = self.outbox.batch(door);
            batch.push(Route::to(remote), datagram);
            sent.count(batch.send());
        }
        sent
    }

    fn send_run<'b>(
        &mut self,
        now: Now,
        tunnel: &Tunnel,
        gateways: &Gateways,
        tag: PeerTag,
        run: impl Iterator<Item = Slot<'b>>,
        handshakes: &mut Outbox,
    ) -> SendReport {
        let mut report = SendReport::default();
        let Some(peer) = gateways.peer(tag) else {
            report.dropped = run.count();
            return report;
        };
        let mut way = gateways
            .door(tag)
            .map(|(remote, door)| (Route::to(remote), self.outbox.batch(door)));
        let mut sealer = tunnel.sealer(now, peer, handshakes);
        for slot in run {
            let inner = HEADROOM..HEADROOM + slot.len;
            match (&mut sealer, &mut way) {
                (Some(sealer), Some((route, batch))) => {
                    let ecn = slot.buffer.get(inner.clone()).map(congestion::of_packet);
                    let Ok(range) = sealer.seal(slot.buffer, inner) else {
                        continue;
                    };
                    let sealed: &'b [u8] = slot.buffer;
                    let route = Route {
                        ecn: ecn.unwrap_or_default(),
                        ..*route
                    };
                    batch.push(route, sealed.get(range).unwrap_or_default());
                }
                (Some(_), None) => report.dropped += 1,
                // No session: a copy waits in the tunnel until there is one.
                (None, _) => {
                    if let Some(packet) = slot.buffer.get(inner) {
                        tunnel.stage(now, peer, packet, handshakes);
                    }
                }
            }
        }
        match way {
            Some((_, batch)) => batch.send(),
            None => report,
        }
    }
}

impl Sent {
    pub(super) fn count(&mut self, report: SendReport) {
        tell_news(&report);
        self.dropped += report.dropped as u64;
        // A full buffer says nothing about the way.
        let refusal = report.last_error.map(|cause| cause.kind());
        self.was_refused |= refusal.is_some_and(|kind| kind != ErrorKind::WouldBlock);
    }
}
