//! Packets on their way: sealed, carried, opened, and delivered or lost for a reason.

use std::net::SocketAddr;
use std::ops::Range;

use culvert_core::{Endpoint, Outbox, Received};

use super::{UNIX_START, World};
use crate::host::{HUB, Outcome, number_in, number_of, packet_of, session_began};
use crate::ledger::Loss;
use crate::wire::Datagram;

const INITIATION: u8 = 1;
const DATA: u8 = 4;
/// A data message without a packet.
const KEEPALIVE_BYTES: usize = 32;

impl World {
    /// One packet, from end to end of a link.
    pub(super) fn send(&mut self, from: usize, to: usize) {
        let packet = self.ledger.open(self.at);
        let (now, mut outbox) = (self.now(), Outbox::new());
        match self.hosts[from].send(now, to, packet, &mut outbox) {
            Outcome::Sealed(bytes) => self.transmit(from, to, bytes, Some(packet)),
            Outcome::Waits { pushed_out } => self.lose_all(pushed_out, Loss::PushedOut),
            Outcome::NoEndpoint => self.ledger.lose(packet, Loss::NoEndpoint),
            Outcome::NoPeer => self.ledger.lose(packet, Loss::Forgotten),
        }
        self.dispatch(from, &outbox);
        self.hear_events(from);
    }

    pub(super) fn lose_all(&mut self, packets: impl IntoIterator<Item = u64>, why: Loss) {
        for packet in packets {
            self.ledger.lose(packet, why);
        }
    }

    /// What a tunnel wants to send by itself.
    pub(super) fn dispatch(&mut self, from: usize, outbox: &Outbox) {
        for (endpoint, bytes) in outbox.iter() {
            let to = number_of(endpoint.remote);
            let is_packet = bytes[0] == DATA && bytes.len() > KEEPALIVE_BYTES;
            let packet = is_packet.then(|| self.hosts[from].unstage(to));
            if bytes[0] == INITIATION {
                self.links[from.max(to)].begin(usize::from(from != HUB), self.at);
            }
            self.transmit_to(endpoint.remote, from, to, bytes.to_vec(), packet);
        }
    }

    fn transmit(&mut self, from: usize, to: usize, bytes: Vec<u8>, packet: Option<u64>) {
        let peer = self.hosts[from].peer(&self.hosts[to]).unwrap();
        let remote = peer.endpoint().unwrap().remote;
        self.transmit_to(remote, from, to, bytes, packet);
    }

    fn transmit_to(
        &mut self,
        remote: SocketAddr,
        from: usize,
        to: usize,
        bytes: Vec<u8>,
        packet: Option<u64>,
    ) {
        let (host, other) = (&self.hosts[from], &self.hosts[to]);
        let datagram = Datagram {
            spoke: from.max(to),
            source: host.address,
            to: remote,
            bytes,
            packet,
            session_began: session_began(host, other, UNIX_START),
            is_copy: false,
        };
        let loss = self.links[datagram.spoke].loss;
        if !self.wire.carry(self.at, datagram, loss, &self.random)
            && let Some(packet) = packet
        {
            self.ledger.lose(packet, Loss::OnTheWire);
        }
    }

    pub(super) fn arrive(&mut self) {
        let Some(mut datagram) = self.wire.take_next() else {
            return;
        };
        let to = number_of(datagram.to);
        if self.hosts[to].address != datagram.to {
            self.lose_if_open(&datagram, Loss::ToAnOldAddress);
            return;
        }
        let (now, source, mut outbox) =
            (self.now(), Endpoint::from(datagram.source), Outbox::new());
        let received = self.hosts[to]
            .tunnel
            .receive(now, source, &mut datagram.bytes, &mut outbox);
        match received {
            Received::Packet { inner, .. } => self.deliver(to, &datagram, inner),
            Received::Handled => assert!(
                datagram.packet.is_none(),
                "a packet was taken for something else"
            ),
            Received::Dropped(reason) => self.judge(to, &datagram, reason),
        }
        self.dispatch(to, &outbox);
        self.hear_events(to);
    }

    fn deliver(&mut self, to: usize, datagram: &Datagram, inner: Range<usize>) {
        let inner = &datagram.bytes[inner];
        let from = if to == HUB { datagram.spoke } else { HUB };
        let packet = number_in(inner);
        assert_eq!(
            inner,
            packet_of(packet, from, to),
            "packet {packet} came out different"
        );
        self.ledger.deliver(packet);
    }
}
