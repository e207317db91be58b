//! The gateway's decisions, one inner packet at a time: who sent it, which network it is for, which rule covers it,
//! which connector carries it, and to which flow it belongs.
//!
//! Sans-IO: packets and the time come in, verdicts go out; no socket, no clock, no randomness of its own, no WireGuard.
//! [`policy::Policy`] is the immutable half, compiled once per configuration; [`switch::Switch`] is the half that
//! changes per packet, and allocates nothing for a packet of a flow that it knows.
#![forbid(unsafe_code)]

pub mod checksum;
pub mod config;
pub mod drops;
pub mod explain;
mod flow;
mod flow_table;
mod inbound;
mod ip;
mod liveness;
mod notices;
pub mod numbers;
mod outbound;
pub mod packet;
pub mod policy;
mod quoted;
mod ranges;
pub mod rate;
pub mod refusal;
mod rejection;
mod rendezvous;
mod review;
mod rule;
mod rule_list;
mod seeded_hash;
pub mod switch;
pub mod time;
mod tracking;
mod trails;
mod tuple;
