//! From the device to the target: which flow a packet belongs to, and whether it may open one.

use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

use rustix::event::epoll::{self, EventFlags};

use crate::admission::Admission;
use crate::batch::{Batch, PeerTag};
use crate::checksum::{internet_checksum, pseudo_header};
use crate::compose::{ACK, FIN, RST, SYN, Way, push_reset};
use crate::drops::NatDrop;
use crate::echo_flow::{EchoFlow, PingDoor, push_own_reply};
use crate::flow_table::{FlowKey, Token};
use crate::inner::{ICMP, ICMPV6, Inner, TCP, UDP};
use crate::nat::{Flow, FlowKind, MOST_REFUSED, Nat, Refused, tunnel};
use crate::tcp_flow::TcpFlow;
use crate::trouble::Trouble;
use crate::udp_flow::{UDP_HEADER, UdpFlow};

impl Nat {
    /// An inner packet that `peer` delivered. After a batch of them, [`Nat::flush`] has to follow.
    pub fn handle_packet(&mut self, now: Instant, peer: PeerTag, packet: &[u8], out: &mut Batch) {
        let inner = match Inner::parse(packet) {
            Ok(inner) => inner,
            Err(unparsed) => return self.drops.count(unparsed.into()),
        };
        if !self.rules.may_come_from(inner.source) {
            return self.drops.count(NatDrop::SpoofedSource);
        }
        let arrival = Arrival { now, peer, inner };
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

    fn handle_tcp(&mut self, arrival: &Arrival<'_>, out: &mut Batch) {
        let inner = &arrival.inner;
        let (Some((device_port, target_port)), Some(&flags)) =
            (inner.ports(), inner.transport.get(13))
        else {
            return self.drops.count(NatDrop::BadHeader);
        };
        if device_port == 0 || target_port == 0 {
            return self.drops.count(NatDrop::PortZero);
        }
        let key = arrival.key(TCP, device_port, target_port);
        let known = self.flows.find(&key);
        if inner.hop_limit <= 1 && known.is_none() {
            return self.refuse(arrival, NatDrop::HopLimit, Trouble::HopLimit, out);
        }
        if let Some(token) = known {
            return self.continue_tcp(arrival, token, out);
        }
        if !self.admit(arrival, out) {
            return;
        }
        if flags & (SYN | ACK | RST | FIN) == SYN {
            self.open_tcp(arrival, key, out);
        } else {
            self.drops.count(NatDrop::NoFlow);
            push_reset(out, arrival.peer, inner, self.mtu);
        }
    }

    fn continue_tcp(&mut self, arrival: &Arrival<'_>, token: Token, out: &mut Batch) {
        let (clock, mtu) = (self.clock(arrival.now), self.mtu);
        let Some((_, flow)) = self.flows.get_mut(token) else {
            return;
        };
        flow.peer = arrival.peer;
        let FlowKind::Tcp(tcp) = &mut flow.kind else {
            return;
        };
        // An out-of-order segment is answered at once; one packet in makes at most one out.
        if tcp.receive(
            &arrival.inner,
            clock,
            &mut tunnel(out, arrival.peer, mtu, 1),
        ) {
            self.run_soon(token);
        } else {
            self.forget(token);
        }
    }

    fn open_tcp(&mut self, arrival: &Arrival<'_>, key: FlowKey, out: &mut Batch) {
        if !tcp_checksum_holds(&arrival.inner) {
            return self.drops.count(NatDrop::BadChecksum);
        }
        if !self.has_room(arrival, out) {
            return;
        }
        match TcpFlow::open(key.target(), &arrival.inner, arrival.now) {
            Ok(tcp) => {
                let deadline = tcp.connect_deadline();
                let flow = arrival.flow(FlowKind::Tcp(Box::new(tcp)));
                if let Some(token) = self.register(arrival, key, flow, out) {
                    self.arm(token, deadline);
                }
            }
            Err(error) => self.answer_open_error(arrival, &error, out),
        }
    }

    fn handle_udp(&mut self, arrival: &Arrival<'_>, out: &mut Batch) {
        let inner = &arrival.inner;
        let Some(data) = udp_data(inner) else {
            return self.drops.count(NatDrop::BadHeader);
        };
        let Some((device_port, target_port)) = inner.ports() else {
            return;
        };
        if device_port == 0 || target_port == 0 {
            return self.drops.count(NatDrop::PortZero);
        }
        if inner.hop_limit <= 1 {
            return self.refuse(arrival, NatDrop::HopLimit, Trouble::HopLimit, out);
        }
        let key = arrival.key(UDP, device_port, target_port);
        let Some(token) = self
            .flows
            .find(&key)
            .or_else(|| self.open_udp(arrival, key, out))
        else {
            return;
        };
        let Some((_, flow)) = self.flows.get_mut(token) else {
            return;
        };
        flow.peer = arrival.peer;
        let FlowKind::Udp(udp) = &mut flow.kind else {
            return;
        };
        let (hops, v4) = (inner.hop_limit - 1, inner.source.is_ipv4());
        if udp.send(data, hops, v4, arrival.now).is_err() {
            // The socket reports an older datagram's fate first; once told, this one can go.
            self.report_errors(token, arrival.now, out);
            let Some((_, flow)) = self.flows.get_mut(token) else {
                return;
            };
            let FlowKind::Udp(udp) = &mut flow.kind else {
                return;
            };
            if let Err(error) = udp.send(data, hops, v4, arrival.now) {
                let trouble = Trouble::from_error(&error);
                self.refuse(arrival, NatDrop::SendFailed, trouble, out);
            }
        }
    }

    fn open_udp(&mut self, arrival: &Arrival<'_>, key: FlowKey, out: &mut Batch) -> Option<Token> {
        if !self.admit(arrival, out) || !self.has_room(arrival, out) {
            return None;
        }
        match UdpFlow::open(key.target(), arrival.now) {
            Ok(udp) => {
                let deadline = udp.deadline();
                let token = self.register(arrival, key, arrival.flow(FlowKind::Udp(udp)), out)?;
                self.arm(token, deadline);
                Some(token)
            }
            Err(error) => {
                self.answer_open_error(arrival, &error, out);
                None
            }
        }
    }

    fn handle_icmp(&mut self, arrival: &Arrival<'_>, out: &mut Batch) {
        let inner = &arrival.inner;
        let request = if inner.source.is_ipv4() { 8 } else { 128 };
        let &[kind, 0, _, _, i0, i1, _, _, ..] = inner.transport else {
            return self.drops.count(NatDrop::UnsupportedIcmp);
        };
        // Errors of devices about what targets sent them end here: no socket of ours could pass them on.
        if kind != request {
            return self.drops.count(NatDrop::UnsupportedIcmp);
        }
        if !icmp_checksum_holds(inner) {
            return self.drops.count(NatDrop::BadChecksum);
        }
        if self.rules.destination(inner.destination) == Admission::Ourselves {
            let way = arrival.way_back(self.mtu);
            return push_own_reply(out, &way, inner.transport, &mut self.scratch);
        }
        if inner.hop_limit <= 1 {
            return self.refuse(arrival, NatDrop::HopLimit, Trouble::HopLimit, out);
        }
        let key = arrival.key(inner.protocol, u16::from_be_bytes([i0, i1]), 0);
        if let Some(token) = self
            .flows
            .find(&key)
            .or_else(|| self.open_echo(arrival, key, out))
        {
            self.send_echo(arrival, token, out);
        }
    }

    fn send_echo(&mut self, arrival: &Arrival<'_>, token: Token, out: &mut Batch) {
        for last_try in [false, true] {
            let Some((_, flow)) = self.flows.get_mut(token) else {
                return;
            };
            flow.peer = arrival.peer;
            let FlowKind::Echo(echo) = &mut flow.kind else {
                return;
            };
            let inner = &arrival.inner;
            let hops = inner.hop_limit - 1;
            let v4 = inner.source.is_ipv4();
            match echo.send(inner.transport, hops, v4, &mut self.scratch, arrival.now) {
                Ok(()) => return,
                Err(error) if last_try => {
                    let trouble = Trouble::from_error(&error);
                    return self.refuse(arrival, NatDrop::SendFailed, trouble, out);
                }
                Err(_) => self.report_errors(token, arrival.now, out),
            }
        }
    }

    fn open_echo(&mut self, arrival: &Arrival<'_>, key: FlowKey, out: &mut Batch) -> Option<Token> {
        if !self.admit(arrival, out) || !self.has_room(arrival, out) {
            return None;
        }
        if self.ping == PingDoor::NeedsSysctl {
            // Somebody may have followed the advice in the meantime.
            self.ping = PingDoor::find();
        }
        if self.ping == PingDoor::NeedsSysctl {
            self.refuse(arrival, NatDrop::PingNeedsSysctl, Trouble::Prohibited, out);
            return None;
        }
        let ident = self.seed() as u16;
        match EchoFlow::open(key.target, self.ping, ident, arrival.now) {
            Ok(echo) => {
                let deadline = echo.deadline();
                let token = self.register(arrival, key, arrival.flow(FlowKind::Echo(echo)), out)?;
                self.arm(token, deadline);
                Some(token)
            }
            Err(error) => {
                self.answer_open_error(arrival, &error, out);
                None
            }
        }
    }

    /// May this packet go where it wants to? If not, the device is told.
    fn admit(&mut self, arrival: &Arrival<'_>, out: &mut Batch) -> bool {
        let reason = match self.rules.destination(arrival.inner.destination) {
            Admission::Allowed => return true,
            Admission::Ourselves | Admission::OutsideRanges => NatDrop::NoRoute,
            Admission::OnlyIfNamed => NatDrop::HostOnly,
            Admission::NotAHost => NatDrop::NotAHost,
        };
        self.refuse(arrival, reason, Trouble::Prohibited, out);
        false
    }

    fn has_room(&mut self, arrival: &Arrival<'_>, out: &mut Batch) -> bool {
        let of_device = self
            .flows_of
            .get(&arrival.inner.source)
            .copied()
            .unwrap_or(0);
        let reason = if self.flows.len() >= self.limits.flows {
            NatDrop::FlowTableFull
        } else if of_device >= self.limits.flows_per_device {
            NatDrop::DeviceFull
        } else {
            return true;
        };
        self.refuse(arrival, reason, Trouble::Host, out);
        false
    }

    fn register(
        &mut self,
        arrival: &Arrival<'_>,
        key: FlowKey,
        flow: Flow,
        out: &mut Batch,
    ) -> Option<Token> {
        let (socket, interest) = match &flow.kind {
            // Edge-triggered: a flow whose other side is full must not wake the thread over and over.
            FlowKind::Tcp(tcp) => (
                tcp.socket(),
                EventFlags::IN | EventFlags::OUT | EventFlags::RDHUP | EventFlags::ET,
            ),
            FlowKind::Udp(udp) => (udp.socket(), EventFlags::IN),
            FlowKind::Echo(echo) => (echo.socket(), EventFlags::IN),
        };
        let data = epoll::EventData::new_u64(self.flows.next_token().to_u64());
        if let Err(error) = epoll::add(&self.epoll, socket.as_fd(), data, interest) {
            self.answer_open_error(arrival, &io::Error::from(error), out);
            return None;
        }
        Some(self.remember(key, flow))
    }

    fn answer_open_error(&mut self, arrival: &Arrival<'_>, error: &io::Error, out: &mut Batch) {
        match error.raw_os_error() {
            Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM | libc::ENOSPC) => {
                self.refuse(arrival, NatDrop::NoDescriptors, Trouble::Host, out);
            }
            _ => self.answer_trouble(arrival, Trouble::from_error(error), out),
        }
    }

    /// Counted and told.
    fn refuse(
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

    fn answer_trouble(&mut self, arrival: &Arrival<'_>, trouble: Trouble, out: &mut Batch) {
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
struct Arrival<'a> {
    now: Instant,
    peer: PeerTag,
    inner: Inner<'a>,
}

impl Arrival<'_> {
    fn key(&self, protocol: u8, device_port: u16, target_port: u16) -> FlowKey {
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

    fn flow(&self, kind: FlowKind) -> Flow {
        Flow {
            peer: self.peer,
            armed: None,
            queued: false,
            kind,
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

    fn way_back(&self, mtu: usize) -> Way {
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
        }
    }
}

fn tcp_checksum_holds(inner: &Inner<'_>) -> bool {
    transport_sum(inner, inner.transport) == 0
}

fn icmp_checksum_holds(inner: &Inner<'_>) -> bool {
    if inner.source.is_ipv4() {
        internet_checksum(inner.transport, 0) == 0
    } else {
        transport_sum(inner, inner.transport) == 0
    }
}

fn transport_sum(inner: &Inner<'_>, transport: &[u8]) -> u16 {
    let start = pseudo_header(
        inner.source,
        inner.destination,
        inner.protocol,
        transport.len(),
    );
    internet_checksum(transport, start)
}

/// The data of a UDP datagram whose length and checksum are right.
fn udp_data<'a>(inner: &Inner<'a>) -> Option<&'a [u8]> {
    let &[_, _, _, _, l0, l1, c0, c1, ..] = inner.transport else {
        return None;
    };
    let datagram = inner
        .transport
        .get(..usize::from(u16::from_be_bytes([l0, l1])))?;
    let unchecked = inner.source.is_ipv4() && [c0, c1] == [0, 0];
    if !unchecked && transport_sum(inner, datagram) != 0 {
        return None;
    }
    datagram.get(UDP_HEADER..)
}
