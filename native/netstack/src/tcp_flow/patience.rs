//! How long a flow waits, for what: until it is given up, or until its memory is given back.

use std::time::{Duration, Instant};

use smoltcp::socket::tcp;

use super::{Stage, TcpFlow};
use crate::tcp_endpoint::TcpEndpoint;

/// A silent target is given up after this; by then the device has sent its SYN five times.
pub(super) const CONNECT_PATIENCE: Duration = Duration::from_secs(30);
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

impl TcpFlow {
    /// When it is given up, as things are.
    pub(super) fn patience(&mut self, now: Instant) -> Option<Instant> {
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
        let quiet = if self.target.finished || self.target.device_finished {
            HALF_CLOSED_PATIENCE
        } else {
            IDLE_PATIENCE
        };
        Some(self.heard + quiet)
    }
}

/// When to try again, if it is too early.
pub(super) fn release_when_quiet(
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
