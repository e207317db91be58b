//! The TUN door: inner packets in and out of the kernel, with its offloads.
//!
//! - [`Tun`] makes the interface; a [`Queue`] is one descriptor of it, and [`Queue::pair`] a double for tests that speaks
//!   the same frames over a socket pair. An interface may have two [`Queues`], one for what must not wait; [`Turns`] reads
//!   what an [`Ask`] names.
//! - [`Inbox`] reads: one read may bring a super-packet of 64 KB, which it cuts into packets of the interface's MTU, each
//!   with room before and behind it for what will be put around it.
//! - [`Outbox`] writes: neighbours of one TCP stream (or UDP flow) in a batch are glued into one super-packet.
//!
//! Nothing here allocates after its constructor.

mod bulk_flows;
mod checksum;
mod cut;
mod fields;
mod flow;
mod glue;
mod inbox;
mod interface;
mod link_watch;
mod outbox;
mod queue;
mod queues;
mod virtio;

pub use inbox::{Inbox, Packet, Room, Taken};
pub use interface::{Tun, TunFault, TunOptions};
pub use link_watch::LinkWatch;
pub use outbox::{Batch, Outbox, WriteReport};
pub use queue::{Offloads, Queue};
pub use queues::{Ask, Queues, Turns};
