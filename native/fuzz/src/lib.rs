//! Everything that strangers, peers and callers can send to an engine, as targets that take any bytes. See `README.md`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a target that panics is how a fault is found"
)]

mod aead;
mod control;
mod counting_entropy;
mod decoder;
mod flow_name;
mod gateway_model;
mod macs;
#[path = "../../switch/tests/model/mod.rs"]
mod model;
mod netstack;
mod netstack_shards;
mod packets;
mod pieces;
mod private_network;
mod private_site;
mod site;
mod switch_model;
mod tun_offload;
mod tunnels;
mod uapi;
mod wg_datagram;
mod wg_inner;
mod words;
#[path = "../../switch/tests/world/mod.rs"]
mod world;

/// Takes any bytes, and panics when the engine does what it must not.
pub type Target = fn(&[u8]);

pub const TARGETS: [(&str, Target); 11] = [
    ("wg_datagram", wg_datagram::run),
    ("wg_inner", wg_inner::run),
    ("uapi", uapi::run),
    ("uapi_lines", uapi::run_lines),
    ("control", control::run),
    ("switch_model", switch_model::run),
    ("gateway_model", gateway_model::run),
    ("netstack", netstack::run),
    ("netstack_shards", netstack_shards::run),
    ("tun_offload", tun_offload::run),
    ("aead", aead::run),
];

pub fn target(name: &str) -> Option<Target> {
    let found = TARGETS.iter().find(|(known, _)| *known == name);
    found.map(|(_, target)| *target)
}
