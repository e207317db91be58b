//! Datagrams and pings of devices.

use crate::admission::Admission;
use crate::batch::Batch;
use crate::checksum::internet_checksum;
use crate::drops::NatDrop;
use crate::echo_flow::{EchoFlow, PingDoor, push_own_reply};
use crate::flow_table::{FlowKey, Token};
use crate::inner::{Inner, UDP};
use crate::nat::{FlowKind, Nat};
use crate::outward::{Arrival, transport_sum};
use crate::trouble::Trouble;
use crate::udp_flow::{UDP_HEADER, UdpFlow};

impl Nat {
    pub(crate) fn handle_udp(&mut self, arrival: &Arrival<'_>, out: &mut Batch) {
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
        self.send_datagram(arrival, token, data, out);
    }

    /// `data`: of a UDP datagram; of an echo the whole message.
    fn send_datagram(&mut self, arrival: &Arrival<'_>, token: Token, data: &[u8], out: &mut Batch) {
        for last_try in [false, true] {
            let Some((_, flow)) = self.flows.get_mut(token) else {
                return;
            };
            flow.peer = arrival.peer;
            let (onward, now) = (arrival.onward(), arrival.now);
            let sent = match &mut flow.kind {
                FlowKind::Udp(udp) => udp.send(data, onward, now),
                FlowKind::Echo(echo) => echo.send(data, onward, &mut self.scratch, now),
                FlowKind::Tcp(_) => return,
            };
            let Err(error) = sent else { return };
            // The socket reports an older datagram's fate first; once told, this one can go.
            let narrow = self.report_errors(token, now, out);
            if let Some(mtu) = narrow
                && error.raw_os_error() == Some(libc::EMSGSIZE)
            {
                return self.answer_trouble(arrival, Trouble::TooBig { mtu }, out);
            }
            if last_try {
                let trouble = Trouble::from_error(&error);
                return self.refuse(arrival, NatDrop::SendFailed, trouble, out);
            }
        }
    }

    fn open_udp(&mut self, arrival: &Arrival<'_>, key: FlowKey, out: &mut Batch) -> Option<Token> {
        if !self.admit(arrival, out) {
            return None;
        }
        let place = self.take_place(arrival, out)?;
        match UdpFlow::open(key.target(), arrival.now) {
            Ok(udp) => {
                let deadline = udp.deadline();
                let flow = arrival.flow(FlowKind::Udp(udp), place);
                let token = self.register(arrival, key, flow, out)?;
                self.arm(token, deadline);
                Some(token)
            }
            Err(error) => {
                self.answer_open_error(arrival, &error, out);
                None
            }
        }
    }

    pub(crate) fn handle_icmp(&mut self, arrival: &Arrival<'_>, out: &mut Batch) {
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
            self.send_datagram(arrival, token, inner.transport, out);
        }
    }

    fn open_echo(&mut self, arrival: &Arrival<'_>, key: FlowKey, out: &mut Batch) -> Option<Token> {
        if !self.admit(arrival, out) {
            return None;
        }
        let place = self.take_place(arrival, out)?;
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
                let flow = arrival.flow(FlowKind::Echo(echo), place);
                let token = self.register(arrival, key, flow, out)?;
                self.arm(token, deadline);
                Some(token)
            }
            Err(error) => {
                self.answer_open_error(arrival, &error, out);
                None
            }
        }
    }
}

fn icmp_checksum_holds(inner: &Inner<'_>) -> bool {
    if inner.source.is_ipv4() {
        internet_checksum(inner.transport, 0) == 0
    } else {
        transport_sum(inner, inner.transport) == 0
    }
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
