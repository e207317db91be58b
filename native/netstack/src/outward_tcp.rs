//! Segments of devices: into their connection, into a new one, or answered with a reset.

use crate::batch::Batch;
use crate::compose::{ACK, FIN, RST, SYN, push_reset};
use crate::drops::NatDrop;
use crate::flow_table::{FlowKey, Token};
use crate::inner::{Inner, TCP};
use crate::nat::{FlowKind, Nat, tunnel};
use crate::outward::{Arrival, transport_sum};
use crate::tcp_flow::TcpFlow;
use crate::trouble::Trouble;

impl Nat {
    pub(crate) fn handle_tcp(&mut self, arrival: &Arrival<'_>, out: &mut Batch) {
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
        let Some(place) = self.take_place(arrival, out) else {
            return;
        };
        match TcpFlow::open(key.target(), &arrival.inner, arrival.now) {
            Ok(tcp) => {
                let deadline = tcp.connect_deadline();
                let flow = arrival.flow(FlowKind::Tcp(Box::new(tcp)), place);
                if let Some(token) = self.register(arrival, key, flow, out) {
                    self.arm(token, deadline);
                }
            }
            Err(error) => self.answer_open_error(arrival, &error, out),
        }
    }
}

fn tcp_checksum_holds(inner: &Inner<'_>) -> bool {
    transport_sum(inner, inner.transport) == 0
}
