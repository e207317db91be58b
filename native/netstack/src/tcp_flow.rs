//! One TCP connection of a device, continued as one connection of this host.
//!
//! ```text
//!   SYN ──▶ Connecting ──target answered──▶ Open ──both sides closed, or one reset──▶ gone
//!               └──refused, unreachable, silent──▶ RST or ICMP, gone
//! ```
//! The SYN is held outside of smoltcp until `connect()` has succeeded, so a closed port looks closed and a filtered one
//! filtered. Nothing is buffered but the two rings of the endpoint: a full one stops the reading on its other side, which is
//! all the back-pressure there is.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

use smoltcp::socket::tcp;
use socket2::{Domain, Protocol, SockAddr, SockRef, Socket, TcpKeepalive, Type};

use crate::clock::Clock;
use crate::compose::{ACK, RST, SYN};
use crate::datagram_socket::set_hop_limit;
use crate::error_queue::{ask_for_errors, take_error};
use crate::inner::Inner;
use crate::tcp_endpoint::{TcpEndpoint, Tunnel};
use crate::tcp_transfer::Ends;
use crate::trouble::Trouble;

pub(crate) struct TcpFlow {
    socket: Socket,
    stage: Stage,
    /// Edge-triggered readiness: true until the kernel has said "would block".
    readable: bool,
    writable: bool,
    /// The target has sent its FIN, and the endpoint was told to send ours.
    target_finished: bool,
    device_fin_seen: bool,
    /// All that the device sent before its FIN was written to the target.
    device_finished: bool,
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

/// A silent target is given up after this; by then the device has sent its SYN five times.
const CONNECT_PATIENCE: Duration = Duration::from_secs(30);
/// A device that asked for a connection and then does not complete it.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(60);
/// As long as Linux goes on retransmitting to a peer that is gone (15 retries).
const UNACKNOWLEDGED_PATIENCE: Duration = Duration::from_secs(924);
/// One side has closed and the other says nothing more.
const HALF_CLOSED_PATIENCE: Duration = Duration::from_secs(3600);
/// An answer that waits for a person to type needs no memory meanwhile.
const QUIET_BEFORE_RELEASE: Duration = Duration::from_secs(2);
/// A laptop closed over the weekend finds its session again.
const IDLE_PATIENCE: Duration = Duration::from_secs(5 * 24 * 3600);

/// Under this hop limit somebody traces the route with SYNs, and the target's network shall see it.
const TRACING_HOP_LIMIT: u8 = 32;

impl TcpFlow {
    /// Starts connecting. The error is the socket's or the immediate answer of `connect()`.
    pub(crate) fn open(target: SocketAddr, syn: &Inner<'_>, now: Instant) -> io::Result<Self> {
        let socket = Socket::new(
            Domain::for_address(target),
            Type::STREAM.nonblocking().cloexec(),
            Some(Protocol::TCP),
        )?;
        let v4 = target.is_ipv4();
        ask_for_errors(socket.as_fd(), v4, true)?;
        if !v4 {
            socket.set_only_v6(true)?;
        }
        socket.set_tcp_nodelay(true)?;
        socket.set_tcp_keepalive(
            &TcpKeepalive::new()
                .with_time(Duration::from_secs(600))
                .with_interval(Duration::from_secs(60)),
        )?;
        if syn.hop_limit < TRACING_HOP_LIMIT {
            set_hop_limit(&socket, v4, i32::from(syn.hop_limit) - 1)?;
        }
        match socket.connect(&SockAddr::from(target)) {
            Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => return Err(error),
            _ => {}
        }
        Ok(Self {
            socket,
            stage: Stage::Connecting {
                syn: syn.bytes.to_vec(),
            },
            readable: true,
            writable: true,
            target_finished: false,
            device_fin_seen: false,
            device_finished: false,
            settled: false,
            opened: now,
            heard: now,
            moved: None,
            unheard_since: None,
        })
    }

    pub(crate) fn socket(&self) -> &Socket {
        &self.socket
    }

    pub(crate) fn note_ready(&mut self) {
        self.readable = true;
        self.writable = true;
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
        if let Some(trouble) = connect_trouble(&self.socket, target) {
            let syn = std::mem::take(syn);
            let (trouble, offender) = trouble;
            return Connected::Failed {
                trouble,
                offender,
                syn,
            };
        }
        if self.socket.peer_addr().is_err() {
            if clock.now < self.opened + CONNECT_PATIENCE {
                return Connected::NotYet;
            }
            let syn = std::mem::take(syn);
            return Connected::Failed {
                trouble: Trouble::Host,
                offender: None,
                syn,
            };
        }
        // From now on a passing ICMP message is no reason to end the connection.
        let _ = ask_for_errors(self.socket.as_fd(), target.is_ipv4(), false);
        let _ = set_hop_limit(&self.socket, target.is_ipv4(), -1);
        let Some(mut endpoint) = TcpEndpoint::new(target, seed, clock, tunnel) else {
            let syn = std::mem::take(syn);
            return Connected::Failed {
                trouble: Trouble::Host,
                offender: None,
                syn,
            };
        };
        endpoint.receive(clock, syn, tunnel);
        self.stage = Stage::Open(Box::new(endpoint));
        self.note_ready();
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
        let mut ends = Ends {
            socket: &self.socket,
            readable: &mut self.readable,
            writable: &mut self.writable,
            target_finished: &mut self.target_finished,
            device_fin_seen: &mut self.device_fin_seen,
            device_finished: &mut self.device_finished,
        };
        let has_come = endpoint.socket().recv_queue() > 0;
        ends.write_to_target(endpoint.socket());
        let before = endpoint.socket().send_queue();
        ends.read_from_target(endpoint.socket());
        if has_come || endpoint.socket().send_queue() != before {
            self.moved = Some(clock.now);
        }
        let released = release_when_quiet(endpoint, &mut self.moved, clock.now);
        let again = !self.settled && endpoint.transmit(clock, tunnel);
        let due = endpoint.poll_at(clock).filter(|_| !self.settled);
        let wake = due.into_iter().chain(released).min();
        let socket = endpoint.socket();
        let over = matches!(socket.state(), tcp::State::TimeWait | tcp::State::Closed) && !again;
        if over && !(self.target_finished && self.device_fin_seen && socket.can_recv()) {
            return self.end();
        }
        self.settled |= over;
        match self.patience(clock.now) {
            Some(deadline) if deadline > clock.now => Pumped::Goes {
                again,
                wake: Some(wake.map_or(deadline, |wake| wake.min(deadline))),
            },
            Some(_) => {
                self.reset(clock, tunnel);
                Pumped::Ended
            }
            None => Pumped::Goes { again, wake },
        }
    }

    /// Cuts both sides at once, with a reset to each.
    pub(crate) fn reset(&mut self, clock: Clock, tunnel: &mut Tunnel<'_>) {
        if let Stage::Open(endpoint) = &mut self.stage {
            endpoint.socket().abort();
            tunnel.budget = tunnel.budget.max(1);
            endpoint.transmit(clock, tunnel);
        }
        reset_on_close(&self.socket);
    }

    fn end(&mut self) -> Pumped {
        let orderly = self.target_finished && self.device_finished;
        if !orderly {
            reset_on_close(&self.socket);
        }
        Pumped::Ended
    }

    fn patience(&mut self, now: Instant) -> Option<Instant> {
        let Stage::Open(endpoint) = &mut self.stage else {
            return None;
        };
        let socket = endpoint.socket();
        if socket.state() == tcp::State::SynReceived {
            return Some(self.opened + CONNECT_PATIENCE + HANDSHAKE_PATIENCE);
        }
        let unacknowledged = socket.send_queue() > 0
            || matches!(
                socket.state(),
                tcp::State::FinWait1 | tcp::State::Closing | tcp::State::LastAck
            );
        if unacknowledged {
            return Some(*self.unheard_since.get_or_insert(now) + UNACKNOWLEDGED_PATIENCE);
        }
        self.unheard_since = None;
        let quiet = if self.target_finished || self.device_finished {
            HALF_CLOSED_PATIENCE
        } else {
            IDLE_PATIENCE
        };
        Some(self.heard + quiet)
    }
}

/// When to try again, if it is too early.
fn release_when_quiet(
    endpoint: &mut TcpEndpoint,
    moved: &mut Option<Instant>,
    now: Instant,
) -> Option<Instant> {
    let at = (*moved)? + QUIET_BEFORE_RELEASE;
    if at > now {
        return Some(at);
    }
    *moved = None;
    endpoint.release_memory();
    None
}

/// Why `connect()` failed, in the words of the error queue if it has any.
fn connect_trouble(socket: &Socket, target: SocketAddr) -> Option<(Trouble, Option<IpAddr>)> {
    let error = match socket.take_error() {
        Ok(Some(error)) | Err(error) => error,
        Ok(None) if is_talking_to_itself(socket, target) => return Some((Trouble::Refused, None)),
        Ok(None) => return None,
    };
    // A reset is the target's own word, whatever ICMP says besides.
    if error.raw_os_error() == Some(libc::ECONNREFUSED) {
        return Some((Trouble::Refused, None));
    }
    let told = take_error(socket.as_fd(), &mut [0; 128]);
    Some(told.map_or((Trouble::from_error(&error), None), |told| {
        (told.trouble, told.offender)
    }))
}

/// On the connector's own host a closed port in the ephemeral range can be picked as the source port as well, and TCP
/// then connects the socket with itself.
pub(crate) fn is_talking_to_itself(socket: &Socket, target: SocketAddr) -> bool {
    socket.local_addr().ok().and_then(|own| own.as_socket()) == Some(target)
}

fn reset_on_close(socket: &Socket) {
    let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
}
