//! From the device to the target: which flow a packet belongs to, and whether it may open one.

use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

use rustix::event::epoll::{self, EventFlags};

use crate::admission::Admission;
use crate::allowance::Place;
use crate::batch::{Batch, PeerTag};
use crate::checksum::{internet_checksum, pseudo_header};
use crate::complaints::{MOST_REFUSED, Refused};
use crate::compose::{Way, push_reset};
use crate::datagram_socket::Onward;
use crate::drops::NatDrop;
use crate::ecn::NOT_CAPABLE;
use crate::entrance::Sorted;
use crate::flow_table::{FlowKey, Token};
use crate::inner::{ICMP, ICMPV6, Inner, TCP, UDP, Unparsed};
use crate::nat::{Flow, FlowKind, Nat};
use crate::reassembly::arrivals::put_together;
use crate::trouble::Trouble;

impl Nat {
    /// An inner packet that `peer` delivered. After a batch of them, [`Nat::flush`] has to follow.
    pub fn handle_packet(&mut self, now: Instant, peer: PeerTag, packet: &[u8], out: &mut Batch) {
        match Inner::parse(packet) {
            Ok(inner) => self.handle_whole(Arrival { now, peer, inner }, out),
            Err(Unparsed::Fragment) => self.handle_piece(now, peer, packet, out),
            Err(unparsed) => self.drops.count(unparsed.into()),
        }
    }

    fn handle_piece(&mut self, now: Instant, peer: PeerTag, packet: &[u8], out: &mut Batch) {
        match put_together(&mut self.reassembly, &self.rules, now, packet) {
            Ok(None) => {}
            Ok(Some(whole)) => self.handle_reassembled(now, peer, &whole, out),
            Err(reason) => self.drops.count(reason),
        }
    }

    /// As [`Nat::handle_packet`], of what an [`crate::Entrance`] says is for this shard.
    pub fn handle_sorted(
        &mut self,
        now: Instant,
        peer: PeerTag,
        sorted: &Sorted<'_>,
        out: &mut Batch,
    ) {
        if sorted.came_in_pieces {
            self.handle_reassembled(now, peer, &sorted.packet, out);
        } else {
            self.handle_packet(now, peer, &sorted.packet, out);
        }
    }

    fn handle_reassembled(&mut self, now: Instant, peer: PeerTag, whole: &[u8], out: &mut Batch) {
        match Inner::parse(whole) {
            Ok(mut inner) => {
                // Its sender has cut it, so others may.
                inner.dont_fragment = false;
                self.handle_whole(Arrival { now, peer, inner }, out);
            }
            Err(unparsed) => self.drops.count(unparsed.into()),
        }
    }

    fn handle_whole(&mut self, arrival: Arrival<'_>, out: &mut Batch) {
        let inner = &arrival.inner;
        if !self.rules.may_come_from(inner.source) {
            return self.drops.count(NatDrop::SpoofedSource);
        }
        match inner.protocol {
            TCP => self.handle_tcp(&arrival, out),
            UDP => self.handle_udp(&arrival, out),
            ICMP if inner.source.is_ipv4() => self.handle_icmp(&arrival, out),
            ICMPV6 if inner.source.is_ipv6() => self.handle_icmp(&arrival, out),
            _ => self.refuse(
                &arrival,
                NatDrop::UnsupportedProtocol,
                Trouble::Prohibited,
                out,
            ),
        }
    }

    /// May this packet go where it wants to? If not, the device is told.
    pub(crate) fn admit(&mut self, arrival: &Arrival<'_>, out: &mut Batch) -> bool {
        let reason = match self.rules.destination(arrival.inner.destination) {
            Admission::Allowed => return true,
            Admission::Ourselves | Admission::OutsideRanges => NatDrop::NoRoute,
            Admission::OnlyIfNamed => NatDrop::HostOnly,
            Admission::NotAHost => NatDrop::NotAHost,
        };
        self.refuse(arrival, reason, Trouble::Prohibited, out);
        false
    }

    pub(crate) fn take_place(&mut self, arrival: &Arrival<'_>, out: &mut Batch) -> Option<Place> {
        let place = self.allowance.take_place(arrival.inner.source);
        place
            .map_err(|reason| self.refuse(arrival, reason, Trouble::Host, out))
            .ok()
    }

    pub(crate) fn register(
        &mut self,
        arrival: &Arrival<'_>,
        key: FlowKey,
        flow: Flow,
        out: &mut Batch,
    ) -> Option<Token> {
        let (fd, interest) = match &flow.kind {
            // Edge-triggered: a flow whose other side is full must not wake the thread over and over.
            FlowKind::Tcp(tcp) => (
                tcp.socket().as_fd(),
                EventFlags::IN
                    | EventFlags::OUT
                    | EventFlags::PRI
                    | EventFlags::RDHUP
                    | EventFlags::ET,
            ),
            FlowKind::Udp(udp) => (udp.fd(), EventFlags::IN),
            FlowKind::Echo(echo) => (echo.fd(), EventFlags::IN),
        };
        let data = epoll::EventData::new_u64(self.flows.next_token().to_u64());
        if let Err(error) = epoll::add(&self.epoll, fd, data, interest) {
            self.answer_open_error(arrival, &io::Error::from(error), out);
            return None;
        }
        Some(self.flows.insert(key, flow))
    }

    pub(crate) fn answer_open_error(
        &mut self,
        arrival: &Arrival<'_>,
        error: &io::Error,
        out: &mut Batch,
    ) {
        match error.raw_os_error() {
            Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM | libc::ENOSPC) => {
                self.refuse(arrival, NatDrop::NoDescriptors, Trouble::Host, out);
            }
            _ => self.answer_trouble(arrival, Trouble::from_error(error), out),
        }
    }

    /// Counted and told.
    pub(crate) fn refuse(
        &mut self,
        arrival: &Arrival<'_>,
        reason: NatDrop,
        trouble: Trouble,
        out: &mut Batch,
    ) {
        self.drops.count(reason);
        if self.refused.len() < MOST_REFUSED {
            self.refused.push(arrival.refused(reason));
        }
        self.answer_trouble(arrival, trouble, out);
    }

    pub(crate) fn answer_trouble(
        &mut self,
        arrival: &Arrival<'_>,
        trouble: Trouble,
        out: &mut Batch,
    ) {
        let inner = &arrival.inner;
        if inner.protocol == TCP && trouble == Trouble::Refused {
            return push_reset(out, arrival.peer, inner, self.mtu);
        }
        let from = self.speaker(trouble, None, inner.destination);
        let to = (inner.source, arrival.peer);
        self.complain(arrival.now, trouble, from, to, inner.bytes, out);
    }
}

/// A packet that was understood, and how it came.
pub(crate) struct Arrival<'a> {
    pub(crate) now: Instant,
    pub(crate) peer: PeerTag,
    pub(crate) inner: Inner<'a>,
}

impl Arrival<'_> {
    /// As a router passes it on, one hop further.
    pub(crate) fn onward(&self) -> Onward {
        Onward {
            hop_limit: self.inner.hop_limit.saturating_sub(1),
            dont_fragment: self.inner.dont_fragment,
            ecn: self.inner.ecn,
        }
    }

    pub(crate) fn key(&self, protocol: u8, device_port: u16, target_port: u16) -> FlowKey {
        let Inner {
            source: device,
            destination: target,
            ..
        } = self.inner;
        FlowKey {
            protocol,
            device,
            device_port,
            target,
            target_port,
        }
    }

    pub(crate) fn flow(&self, kind: FlowKind, place: Place) -> Flow {
        Flow {
            peer: self.peer,
            armed: None,
            wants: None,
            queued: false,
            kind,
            _place: place,
        }
    }

    fn refused(&self, reason: NatDrop) -> Refused {
        let Inner {
            source: device,
            destination,
            protocol,
            ..
        } = self.inner;
        let ports = self.inner.ports().filter(|_| matches!(protocol, TCP | UDP));
        Refused {
            device,
            destination,
            protocol,
            port: ports.map(|(_, port)| port),
            reason,
        }
    }

    pub(crate) fn way_back(&self, mtu: usize) -> Way {
        let Inner {
            source: destination,
            destination: source,
            ..
        } = self.inner;
        Way {
            peer: self.peer,
            source,
            destination,
            mtu,
            ecn: NOT_CAPABLE,
        }
    }
}

pub(crate) fn transport_sum(inner: &Inner<'_>, transport: &[u8]) -> u16 {
    let start = pseudo_header(
        inner.source,
        inner.destination,
        inner.protocol,
        transport.len(),
    );
    internet_checksum(transport, start)
}
