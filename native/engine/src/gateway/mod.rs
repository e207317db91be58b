//! The gateway role: many peers on one UDP port, no TUN, no rights. Packets go from peer to peer as the switch decides.

mod config;
mod denials;
mod directory;
mod explain;
mod lane;
mod moment;
mod outgoing;
mod pulse;
mod role;
mod shared;
mod worker;

pub(crate) use role::start;
