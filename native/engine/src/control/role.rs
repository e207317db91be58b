use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use serde::{Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::uapi;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum RoleKind {
    Device,
    Gateway,
    Connector,
}

/// What a role is to the thread that serves control, UAPI and timers. All calls come from that one thread, between
/// polls, so they must be short; data threads are the role's own.
pub(crate) trait Role {
    fn kind(&self) -> RoleKind;

    /// `params` of `configure`. Whole, applied at once or not at all.
    fn configure(&mut self, config: &RawValue) -> Result<(), Refusal> {
        let _ = config;
        Err(Refusal::not_for_this_role("configure"))
    }

    fn status(&mut self) -> Status;

    fn explain(&mut self, params: &RawValue) -> Result<Value, Refusal> {
        let _ = params;
        Err(Refusal::not_for_this_role("explain"))
    }

    /// What `hello` says of the echo door (`works`, `needs-sysctl`).
    fn ping(&self) -> Option<&'static str> {
        None
    }

    /// What `hello` says of a connector's TUN: behind it the kernel forwards.
    fn interface(&self) -> Option<&str> {
        None
    }

    /// For `wg show`.
    fn wireguard(&mut self) -> uapi::Configuration;

    /// For `wg set`. The roles that the control socket configures are read-only here.
    fn set_wireguard(&mut self, changes: Vec<uapi::Change>) -> Result<(), uapi::Errno> {
        let _ = changes;
        Err(uapi::Errno::NOT_PERMITTED)
    }

    /// When [`Role::wake`] wants to be called next; asked before each poll.
    fn next_wakeup(&self) -> Option<Instant> {
        None
    }

    /// Called at or after that moment, and after every request.
    fn wake(&mut self, now: Instant) {
        let _ = now;
    }

    /// Something more to poll for reading on this thread.
    fn watched(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// `watched` is readable.
    fn handle_watched(&mut self) {}

    /// Why this engine can not go on, if so: it cleans up and exits 1.
    fn failure(&mut self) -> Option<String> {
        None
    }

    /// Stops the data threads and removes what the role has made.
    fn stop(self: Box<Self>);
}

/// The role understood and says no; what it had stays as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Refusal {
    pub(crate) code: &'static str,
    pub(crate) message: String,
}

impl Refusal {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Refusal {
        Refusal {
            code,
            message: message.into(),
        }
    }

    pub(crate) fn bad_config(message: impl Into<String>) -> Refusal {
        Refusal::new("bad-config", message)
    }

    pub(crate) fn not_for_this_role(method: &str) -> Refusal {
        Refusal::new(
            "not-for-this-role",
            format!("an engine of this role does not take {method:?}"),
        )
    }
}

/// `EngineStatus` without what the control module knows by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Status {
    pub(crate) listen_port: u16,
    pub(crate) peers: Vec<PeerStatus>,
    pub(crate) flows: u64,
    pub(crate) drops: BTreeMap<String, u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct PeerStatus {
    pub(crate) id: String,
    /// Standard base64.
    pub(crate) public_key: String,
    pub(crate) endpoint: Option<String>,
    /// Unix milliseconds.
    pub(crate) last_handshake_at: Option<u64>,
    /// Milliseconds, to the microsecond; only where this side began the handshake.
    #[serde(rename = "handshakeRttMs")]
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "as_millis")]
    pub(crate) handshake_rtt: Option<Duration>,
    pub(crate) rx_bytes: u64,
    pub(crate) tx_bytes: u64,
}

fn as_millis<S: Serializer>(rtt: &Option<Duration>, serializer: S) -> Result<S::Ok, S::Error> {
    let micros = rtt.unwrap_or_default().as_micros();
    serializer.serialize_f64(micros as f64 / 1000.0)
}
