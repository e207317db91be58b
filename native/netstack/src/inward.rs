//! From the targets to the devices: sockets that are ready, deadlines that have come, flows that have something to send.

use std::mem::MaybeUninit;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use rustix::event::epoll::{self, EventFlags};

use crate::batch::Batch;
use crate::compose::{Way, push_reset};
use crate::echo_flow::quote_request;
use crate::ecn::NOT_CAPABLE;
use crate::error_queue::QueuedError;
use crate::flow_table::{FlowKey, Token};
use crate::inner::Inner;
use crate::nat::{Flow, FlowKind, Nat, tunnel};
use crate::tcp_flow::{Connected, Pumped};
use crate::trouble::Trouble;
use crate::udp_flow::quote_datagram;

/// How many packets one flow sends before the next has its turn.
const PACKETS_PER_TURN: usize = 64;
/// How full the batch gets before the caller has to empty it.
const BATCH_PACKETS: usize = 512;
/// Sockets that are ready and served before the caller has its turn.
const EVENTS_PER_TURN: usize = 256;
/// With these, more may wait behind what a read brings: an end, an error, or what follows urgent data.
const MORE_BEHIND: EventFlags = EventFlags::RDHUP
    .union(EventFlags::HUP)
    .union(EventFlags::ERR)
    .union(EventFlags::PRI);
/// A flow that wants to be woken "now" but has nothing to send would spin otherwise.
const SHORTEST_SLEEP: Duration = Duration::from_millis(1);

impl Nat {
    /// Serves what is ready and due. It stops at a full batch; [`Nat::poll_timeout`] then says "at once".
    pub fn handle_ready(&mut self, now: Instant, out: &mut Batch) {
        let mut room = [const { MaybeUninit::uninit() }; EVENTS_PER_TURN];
        let at_once = rustix::event::Timespec::default();
        // An interrupted wait is a wait that found nothing.
        if let Ok((events, _)) = epoll::wait(&self.epoll, &mut room, Some(&at_once)) {
            for event in events {
                self.handle_event(Token::from_u64(event.data.u64()), event.flags, now, out);
            }
        }
        while let Some(token) = self.timers.take_due(now) {
            self.handle_deadline(token, now);
        }
        self.reassembly.handle_timeout(now);
        self.flush(now, out);
    }

    /// Sends what the packets handled since the last time have made ready to go.
    pub fn flush(&mut self, now: Instant, out: &mut Batch) {
        // Beside whatever is there: answers to a flood keep no flow waiting.
        let enough = out.len() + BATCH_PACKETS;
        for _ in 0..self.runnable.len() {
            if out.len() >= enough {
                return;
            }
            if let Some(token) = self.runnable.pop_front() {
                self.run(token, now, out);
            }
        }
    }

    fn handle_event(&mut self, token: Token, flags: EventFlags, now: Instant, out: &mut Batch) {
        let (mtu, full) = (self.mtu, out.len() >= BATCH_PACKETS);
        let Some((key, flow)) = self.flows.get_mut(token) else {
            return;
        };
        let way = way_back(key, flow, mtu);
        match &mut flow.kind {
            FlowKind::Tcp(tcp) => {
                tcp.note_ready(flags.intersects(MORE_BEHIND));
                return self.run_soon(token);
            }
            // Level-triggered: what is left comes up again.
            _ if full => return,
            FlowKind::Udp(udp) => udp.receive(key, &way, &mut self.identification, out, now),
            FlowKind::Echo(echo) => {
                echo.receive(
                    key,
                    &way,
                    &mut self.identification,
                    out,
                    &mut self.scratch,
                    now,
                );
            }
        }
        if flags.contains(EventFlags::ERR) {
            self.report_errors(token, now, out);
        }
    }

    fn handle_deadline(&mut self, token: Token, now: Instant) {
        let Some((_, flow)) = self.flows.get_mut(token) else {
            return;
        };
        flow.armed = None;
        let (is_tcp, deadline) = match &flow.kind {
            FlowKind::Tcp(_) => (true, flow.wants),
            FlowKind::Udp(udp) => (false, Some(udp.deadline())),
            FlowKind::Echo(echo) => (false, Some(echo.deadline())),
        };
        match deadline {
            Some(later) if later > now => self.arm(token, later),
            _ if is_tcp => self.run_soon(token),
            _ => self.forget(token),
        }
    }

    fn run(&mut self, token: Token, now: Instant, out: &mut Batch) {
        let (clock, mtu) = (self.clock(now), self.mtu);
        let seed = match self.flows.get_mut(token) {
            Some((
                _,
                Flow {
                    kind: FlowKind::Tcp(tcp),
                    ..
                },
            )) if tcp.is_connecting() => self.seed(),
            _ => 0,
        };
        let Some((key, flow)) = self.flows.get_mut(token) else {
            return;
        };
        let key = *key;
        flow.queued = false;
        flow.wants = None;
        let peer = flow.peer;
        let FlowKind::Tcp(tcp) = &mut flow.kind else {
            return;
        };
        let tunnel = &mut tunnel(out, peer, mtu, PACKETS_PER_TURN);
        if tcp.is_connecting()
            && let Connected::Failed {
                trouble,
                offender,
                syn,
            } = tcp.finish_connecting(key.target(), seed, clock, tunnel)
        {
            self.forget(token);
            return self.answer_failed_connect(&key, &syn, (trouble, offender), (now, peer), out);
        }
        match tcp.pump(clock, tunnel) {
            Pumped::Ended => self.forget(token),
            Pumped::Goes { again, wake } => {
                if let Some(wake) = wake {
                    self.arm(token, wake.max(now + SHORTEST_SLEEP));
                }
                if again {
                    self.run_soon(token);
                }
            }
        }
    }

    fn answer_failed_connect(
        &mut self,
        key: &FlowKey,
        syn: &[u8],
        (trouble, offender): (Trouble, Option<IpAddr>),
        (now, peer): (Instant, crate::batch::PeerTag),
        out: &mut Batch,
    ) {
        if trouble == Trouble::Refused {
            if let Ok(inner) = Inner::parse(syn) {
                push_reset(out, peer, &inner, self.mtu);
            }
            return;
        }
        let from = self.speaker(trouble, offender, key.target);
        self.complain(now, trouble, from, (key.device, peer), syn, out);
    }

    /// Passes on what routers and the target said about the flow's datagrams. Gives back the MTU of this host's own that a
    /// datagram did not fit.
    pub(crate) fn report_errors(
        &mut self,
        token: Token,
        now: Instant,
        out: &mut Batch,
    ) -> Option<u32> {
        let (key, flow) = self.flows.get_mut(token)?;
        let (key, peer) = (*key, flow.peer);
        let mut told: Vec<(QueuedError, [u8; 128], usize)> = Vec::new();
        let mut quote = [0; 128];
        let narrow = match &mut flow.kind {
            FlowKind::Udp(udp) => udp.report_errors(|error, data| {
                let len = quote_datagram(&key, data, &mut quote);
                told.push((error, quote, len));
            }),
            FlowKind::Echo(echo) => echo.report_errors(|error, message| {
                let len = quote_request(&key, message, &mut quote);
                told.push((error, quote, len));
            }),
            FlowKind::Tcp(_) => None,
        };
        for (error, quote, len) in told {
            let from = self.speaker(error.trouble, error.offender, key.target);
            let original = quote.get(..len).unwrap_or_default();
            self.complain(now, error.trouble, from, (key.device, peer), original, out);
        }
        narrow
    }
}

fn way_back(key: &FlowKey, flow: &Flow, mtu: usize) -> Way {
    Way {
        peer: flow.peer,
        source: key.target,
        destination: key.device,
        mtu,
        ecn: NOT_CAPABLE,
    }
}
