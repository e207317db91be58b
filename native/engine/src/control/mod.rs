//! The control socket: JSON lines, as `native/client/protocol.ts` defines them, for all three roles.
//! A role implements [`Role`]; everything else here is shared.

pub(crate) mod events;
mod message;
mod role;
mod talk;

pub(crate) use events::{Event, EventSink};
pub(crate) use role::{PeerStatus, Refusal, Role, RoleKind, Status};
pub(crate) use talk::{ControlTalk, Engine};
