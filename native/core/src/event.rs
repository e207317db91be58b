use std::sync::Arc;
use std::time::Duration;

use crate::{Endpoint, Peer};

/// Something about a peer that people want to know.
#[derive(Clone, Debug)]
pub struct Event {
    pub peer: Arc<Peer>,
    pub kind: EventKind,
    /// Since the Unix epoch.
    pub at: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EventKind {
    /// A new session is confirmed: data can flow both ways.
    HandshakeDone { endpoint: Option<Endpoint> },
    /// The last session is 180 s old, and no handshake has replaced it.
    PeerLost,
    /// 90 s of handshake attempts without an answer; staged packets are gone. New traffic tries again.
    HandshakeGaveUp,
}
