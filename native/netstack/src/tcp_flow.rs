//! One TCP connection of a device, continued as one connection of this host.
//!
//! ```text
//!   SYN ──▶ Connecting ──target answered──▶ Open ──both sides closed, or one reset──▶ gone
//!               └──refused, unreachable, silent──▶ RST or ICMP, gone
//! ```
//! The SYN is held outside of smoltcp until `connect()` has succeeded, so a closed port looks closed and a filtered one
//! filtered. Nothing is buffered but the two rings of the endpoint: a full one stops the reading on its other side, which is
//! all the back-pressure there is.

pub(crate) mod connecting;
mod patience;

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use smoltcp::socket::tcp;
use socket2::{SockRef, Socket};

use self::connecting::{connect_trouble, connecting_socket, settle};
use self::patience::{CONNECT_PATIENCE, release_when_quiet};
use crate::clock::Clock;
use crate::compose::{ACK, RST, SYN};
use crate::inner::Inner;
use crate::tcp_endpoint::{TcpEndpoint, Tunnel};
use crate::tcp_transfer::TargetSide;
use crate::trouble::Trouble;

pub(crate) struct TcpFlow {
    target: TargetSide,
    stage: Stage,
    /// Both FINs are through and the last acknowledgement is sent; what remains is to write to a slow target.
    settled: bool,
    opened: Instant,
    heard: Instant,
    /// When bytes last moved, until their memory was given back.
    moved: Option<Instant>,
    /// Since when something waits for the device's acknowledgement without a word from it.
    unheard_since: Option<Instant>,
}

enum Stage {
    Connecting { syn: Vec<u8> },
    Open(Box<TcpEndpoint>),
}

pub(crate) enum Pumped {
    Goes { again: bool, wake: Option<Instant> },
    Ended,
}

pub(crate) enum Connected {
    NotYet,
    Yes,
    Failed {
        trouble: Trouble,
        offender: Option<IpAddr>,
        syn: Vec<u8>,
    },
}

impl TcpFlow {
    /// Starts connecting. The error is the socket's or the immediate answer of `connect()`.
    pub(crate) fn open(target: SocketAddr, syn: &Inner<'_>, now: Instant) -> io::Result<Self> {
        let socket = connecting_socket(target, syn.hop_limit)?;
        let syn = syn.bytes.to_vec();
        Ok(Self {
            target: TargetSide::new(socket),
            stage: Stage::Connecting { syn },
            settled: false,
            opened: now,
            heard: now,
            moved: None,
            unheard_since: None,
        })
    }

    pub(crate) fn socket(&self) -> &Socket {
        &self.target.socket
    }

    /// `more_behind`: see [`TargetSide::note_ready`].
    pub(crate) fn note_ready(&mut self, more_behind: bool) {
        self.target.note_ready(more_behind);
    }

    pub(crate) fn is_connecting(&self) -> bool {
        matches!(self.stage, Stage::Connecting { .. })
    }

    /// When waiting for the target ends.
    pub(crate) fn connect_deadline(&self) -> Instant {
        self.opened + CONNECT_PATIENCE
    }

    /// Asks the kernel how `connect()` went, and opens the device's side if it went well.
    pub(crate) fn finish_connecting(
        &mut self,
        target: SocketAddr,
        seed: u64,
        clock: Clock,
        tunnel: &mut Tunnel<'_>,
    ) -> Connected {
        let Stage::Connecting { syn } = &mut self.stage else {
            return Connected::Yes;
        };
        if let Some((trouble, offender)) = connect_trouble(&self.target.socket, target) {
            return Connected::failed(trouble, offender, syn);
        }
        if self.target.socket.peer_addr().is_err() {
            if clock.now < self.opened + CONNECT_PATIENCE {
                return Connected::NotYet;
            }
            return Connected::failed(Trouble::Host, None, syn);
        }
        settle(&self.target.socket, target);
        let Some(mut endpoint) = TcpEndpoint::new(target, seed, clock, tunnel) else {
            return Connected::failed(Trouble::Host, None, syn);
        };
        endpoint.receive(clock, syn, tunnel);
        self.stage = Stage::Open(Box::new(endpoint));
        self.note_ready(false);
        Connected::Yes
    }

    /// A segment of the device. False: the flow is over, forget it.
    pub(crate) fn receive(
        &mut self,
        inner: &Inner<'_>,
        clock: Clock,
        tunnel: &mut Tunnel<'_>,
    ) -> bool {
        self.heard = clock.now;
        self.unheard_since = None;
        match &mut self.stage {
            Stage::Connecting { syn } => match inner.transport.get(13) {
                Some(flags) if flags & RST != 0 => return false,
                Some(flags) if flags & (SYN | ACK) == SYN => {
                    syn.clear();
                    syn.extend_from_slice(inner.bytes);
                }
                _ => {}
            },
            Stage::Open(endpoint) => {
                endpoint.receive(clock, inner.bytes, tunnel);
            }
        }
        true
    }

    /// Moves what can be moved, both ways, and sends what is due.
    pub(crate) fn pump(&mut self, clock: Clock, tunnel: &mut Tunnel<'_>) -> Pumped {
        let Stage::Open(endpoint) = &mut self.stage else {
            return Pumped::Goes {
                again: false,
                wake: Some(self.opened + CONNECT_PATIENCE),
            };
        };
        if self.target.exchange(endpoint.socket()) {
            self.moved = Some(clock.now);
        }
        let released = release_when_quiet(endpoint, &mut self.moved, clock.now);
        let again = !self.settled && endpoint.transmit(clock, tunnel);
        let due = endpoint.poll_at(clock).filter(|_| !self.settled);
        let wake = due.into_iter().chain(released).min();
        let socket = endpoint.socket();
        let over = matches!(socket.state(), tcp::State::TimeWait | tcp::State::Closed) && !again;
        let is_owed = self.target.finished && self.target.device_fin_seen && socket.can_recv();
        if over && !is_owed {
            return self.end();
        }
        self.settled |= over;
        self.go_on(clock, tunnel, again, wake)
    }

    /// Unless it is time to give it up.
    fn go_on(
        &mut self,
        clock: Clock,
        tunnel: &mut Tunnel<'_>,
        again: bool,
        wake: Option<Instant>,
    ) -> Pumped {
        let deadline = self.patience(clock.now);
        if deadline.is_some_and(|deadline| deadline <= clock.now) {
            self.reset(clock, tunnel);
            return Pumped::Ended;
        }
        let wake = wake.into_iter().chain(deadline).min();
        Pumped::Goes { again, wake }
    }

    /// Cuts both sides at once, with a reset to each.
    pub(crate) fn reset(&mut self, clock: Clock, tunnel: &mut Tunnel<'_>) {
        if let Stage::Open(endpoint) = &mut self.stage {
            endpoint.socket().abort();
            tunnel.budget = tunnel.budget.max(1);
            endpoint.transmit(clock, tunnel);
        }
        reset_on_close(&self.target.socket);
    }

    fn end(&mut self) -> Pumped {
        let orderly = self.target.finished && self.target.device_finished;
        if !orderly {
            reset_on_close(&self.target.socket);
        }
        Pumped::Ended
    }
}

impl Connected {
    fn failed(trouble: Trouble, offender: Option<IpAddr>, syn: &mut Vec<u8>) -> Self {
        let syn = std::mem::take(syn);
        Self::Failed {
            trouble,
            offender,
            syn,
        }
    }
}

fn reset_on_close(socket: &Socket) {
    let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
}
