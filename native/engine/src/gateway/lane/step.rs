//! What becomes of one group of neighbours: opened, decided about, sealed.

use std::ops::Range;
use std::slice::ChunksExactMut;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use culvert_core::{Endpoint, LocalSource, Peer};
use culvert_switch::config::PeerHandle;
use culvert_udp::Ecn;

use super::super::directory::handle_of;
use super::super::moment::Moment;
use super::super::outgoing::Outgoing;
use super::super::shared::Shared;
use crate::congestion;
use crate::neighbours::{Neighbours, Origin};

/// What one batch needs.
pub(super) struct Step<'a, 'b> {
    pub(super) shared: &'a Shared,
    pub(super) now: Moment,
    pub(super) outgoing: Outgoing<'a, 'b>,
    pub(super) tunnel_outbox: &'a mut culvert_core::Outbox,
    pub(super) spares: ChunksExactMut<'b, u8>,
    pub(super) answer_room: &'a mut [u8],
    pub(super) arrivals: &'a mut Vec<Arrival>,
    pub(super) runs: &'a mut Vec<Run>,
}

/// An inner packet: which datagram of its group, and where in it.
pub(super) struct Arrival {
    pub(super) from: PeerHandle,
    pub(super) datagram: usize,
    pub(super) inner: Range<usize>,
}

/// Neighbours that go to the same peer.
pub(super) struct Run {
    pub(super) to: PeerHandle,
    pub(super) peer: Arc<Peer>,
    /// How many arrivals; those that go nowhere are taken out before.
    pub(super) length: usize,
}

impl<'b> Step<'_, 'b> {
    /// Returns how many datagrams were bad handshakes.
    pub(super) fn carry_group(&mut self, mut group: Neighbours<'b>) -> usize {
        let (source, outside) = (endpoint_of(&group.origin), group.origin.ecn);
        let datagrams = group.datagrams();
        self.arrivals.clear();
        let arrivals = &mut *self.arrivals;
        let take = |peer: &Arc<Peer>, datagram, inner| {
            arrivals.push(Arrival {
                from: handle_of(peer),
                datagram,
                inner,
            })
        };
        let outbox = &mut *self.tunnel_outbox;
        let tunnel = &self.shared.tunnel;
        let refused = tunnel.receive_batch(self.now.tunnel, source, datagrams, outbox, take);
        if congestion::is_news(outside) {
            self.bring_in(outside, datagrams);
        }
        if self.arrivals.is_empty() {
            return refused;
        }
        let answers = self.decide(datagrams);
        self.seal_runs(datagrams);
        for answer in answers {
            self.seal_answer(answer);
        }
        refused
    }

    /// What the path says about congestion goes on inside. A packet whose ends do not know of marks goes no further.
    fn bring_in(&mut self, outside: Ecn, datagrams: &mut [&mut [u8]]) {
        let before = self.arrivals.len();
        self.arrivals.retain(|arrival| {
            let datagram = datagrams.get_mut(arrival.datagram);
            let packet = datagram.and_then(|bytes| bytes.get_mut(arrival.inner.clone()));
            packet.is_some_and(|packet| congestion::bring_in(outside, packet))
        });
        let dropped = (before - self.arrivals.len()) as u64;
        let count = &self.shared.drops.congestion;
        count.fetch_add(dropped, Ordering::Relaxed);
    }
}

fn endpoint_of(origin: &Origin) -> Endpoint {
    let local = origin.source.map(|source| LocalSource {
        address: source.ip,
        interface: source.interface,
    });
    Endpoint {
        remote: origin.from,
        local,
        door: 0,
    }
}
