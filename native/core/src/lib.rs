//! WireGuard without input or output: datagrams, packets, time and randomness come in as values. See `README.md`.
#![forbid(unsafe_code)]

mod aead;
mod allowed_ips;
#[cfg(test)]
mod conformance;
mod constants;
mod cookie;
mod deadlines;
mod drop_reason;
mod endpoint;
mod entropy;
mod event;
mod hashing;
mod indices;
mod inner;
mod key;
mod load;
mod locks;
mod mac;
mod message;
mod noise;
mod now;
mod outbox;
mod peer;
mod replay;
mod reply_shares;
mod session;
mod tai64n;
mod tunnel;

pub use aead::scrub_stack;
pub use culvert_aead::Way as Aead;
pub use drop_reason::DropReason;
pub use endpoint::{Endpoint, LocalSource};
pub use entropy::Entropy;
pub use event::{Event, EventKind};
pub use key::{PresharedKey, PrivateKey, PublicKey};
pub use now::Now;
pub use outbox::Outbox;
pub use peer::{Peer, PeerStatus};
pub use tai64n::Tai64n;
pub use tunnel::{
    AnswerKeeper, Outgoing, PeerUpdate, Received, Sealed, Sealer, SourceCheck, Tunnel,
    TunnelOptions,
};

/// Bytes that a buffer must have free before an inner packet: the data message's header.
pub const HEADROOM: usize = 16;
/// Bytes that a buffer must have free behind an inner packet: padding (up to 15) and the tag (16).
pub const TAILROOM: usize = 32;
