//! The protocol's numbers (whitepaper section 6) and the bounds that we add.

use std::time::Duration;

pub(crate) const REKEY_AFTER_MESSAGES: u64 = 1 << 60;
pub(crate) const REJECT_AFTER_MESSAGES: u64 = u64::MAX - (1 << 13);
pub(crate) const REKEY_AFTER_TIME: Duration = Duration::from_secs(120);
pub(crate) const REJECT_AFTER_TIME: Duration = Duration::from_secs(180);
pub(crate) const REKEY_TIMEOUT: Duration = Duration::from_secs(5);
pub(crate) const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
pub(crate) const COOKIE_LIFETIME: Duration = Duration::from_secs(120);

/// Retries spread over a third of a second, so that many devices do not knock in step.
pub(crate) const RETRY_JITTER: Duration = Duration::from_millis(333);
/// REKEY_ATTEMPT_TIME (90 s) in tries of REKEY_TIMEOUT.
pub(crate) const HANDSHAKE_TRIES: u32 = 18;
/// Without data sent for so long, the last chance to rekey is when something arrives.
pub(crate) const REKEY_ON_RECEIVE_AFTER: Duration = Duration::from_secs(180 - 10 - 5);
/// No new session for so long: every key of the peer is erased.
pub(crate) const ERASE_KEYS_AFTER: Duration = Duration::from_secs(3 * 180);
/// Two initiations of one peer that come closer than this are a flood.
pub(crate) const INITIATION_GAP: Duration = Duration::from_millis(20);

/// Packets that wait for a session, per peer; the oldest goes first.
pub(crate) const STAGED_PACKETS: usize = 128;
/// Events that wait to be fetched. A caller that never fetches must not make us grow.
pub(crate) const WAITING_EVENTS: usize = 65_536;

pub(crate) const DATA_HEADER: usize = 16;
pub(crate) const TAG: usize = 16;
pub(crate) const PADDING: usize = 16;
