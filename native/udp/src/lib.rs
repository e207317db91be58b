//! The UDP door: batches of datagrams in and out of non-blocking sockets, with the kernel's offloads where it has them.
//!
//! - [`Door`] is one socket of one family, for anybody or ([`Door::connect`]) for one other end; [`Doors`] is the pair on
//!   one port that a WireGuard endpoint needs, and [`Lanes`] are several such pairs, one of them for handshakes.
//! - [`Inbox`] receives: one `recvmmsg`, every message possibly many segments that `UDP_GRO` has glued.
//! - [`Outbox`] sends: neighbours with one destination and one size travel as one `UDP_SEGMENT` super-datagram.
//!
//! Nothing here allocates after its constructor. It uses the system calls itself: the well-known crate for this sends one
//! message a call, turns GSO off for good after the first destination that refuses it, and sets the don't-fragment bit.

mod address;
mod ancillary;
mod delivery;
mod door;
mod doors;
mod ecn;
mod inbox;
mod lanes;
mod outbox;
mod segmentation;
mod steering;

pub use door::{BindFault, Binding, Door, RECEIVE_BUFFER_BYTES, source_towards};
pub use doors::Doors;
pub use ecn::Ecn;
pub use inbox::{Inbox, Message};
pub use lanes::Lanes;
pub use outbox::{Batch, Outbox, Route, SendReport, Source};

/// The largest receive that the kernel can hand over: a GRO super-datagram.
pub const LARGEST_DATAGRAM_BYTES: usize = 65_535;
