//! The connector's user-space NAT: inner IP packets of devices on one side, ordinary sockets of this host on the other. It
//! needs no right, no TUN device, no forwarding in the kernel and no listening socket, and nobody in the private network can
//! open anything toward the overlay through it, for there is nothing here that listens.
//!
//! ```text
//!  handle_packet ──▶ flow table ──▶ TcpFlow  (smoltcp ⇄ rings ⇄ connected socket) ──▶ target
//!       ▲              │ new? admission    UdpFlow  (connected socket)
//!   the tunnel         ▼                   EchoFlow (ping socket)
//!       ◀── Batch ◀── RST, ICMP ◀── errno, error queue        handle_ready ◀── one epoll, one timer heap
//! ```
//!
//! Time is a parameter; sockets are not: what a target answers (refused, unreachable, prohibited) is the point of the whole
//! part, and only a socket knows. One thread owns a [`Nat`]. Where one thread is not enough there are several, each with a shard of
//! the flows ([`Nat::shards`]), and an [`Entrance`] that says what comes to which.
//!
//! **Why smoltcp.** A TCP termination of our own would have to be good at loss recovery before it could be better; smoltcp
//! brings CUBIC, fast retransmit, window scaling, zero-window probes and years of fuzzing. What it costs is known: `poll`
//! is linear in the sockets of an interface, so each flow has an interface of its own (`tcp_endpoint`); it has no SACK
//! recovery, so that stands beside it (`loss_repair`); and its timeout ends quiet connections, so ours is used (`tcp_flow`).
#![deny(unsafe_code)] // but in the few files that say why

mod admission;
mod allowance;
mod batch;
mod checksum;
mod clock;
mod complaints;
mod compose;
mod config;
mod datagram_socket;
mod drops;
mod echo_flow;
mod ecn;
mod entrance;
mod error_queue;
mod flow_table;
mod identification;
mod inner;
mod inward;
mod loss_repair;
mod nat;
mod outward;
mod outward_datagrams;
mod outward_tcp;
mod reassembly;
mod ring_memory;
mod socket_calls;
mod tcp_endpoint;
mod tcp_flow;
mod tcp_transfer;
mod timers;
mod trouble;
mod udp_flow;

pub use admission::{Admission, AdmissionRules};
pub use batch::{Batch, HEADROOM, PeerTag, Slot, TAILROOM};
pub use complaints::Refused;
pub use config::{NatConfig, NatLimits};
pub use drops::{NatDrop, NatDrops};
pub use echo_flow::PingDoor;
pub use entrance::{Entrance, Sorted};
pub use nat::Nat;
