//! The protocol's lines, held in virtual time. Each test is named after the line of the requirements that it holds.
#![allow(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "virtual time starts at some moment, and one test looks through its own memory"
)]

mod pair;

mod admission;
mod batch_sealing;
mod configuration;
mod constant_time;
mod crafted;
mod cryptokey_routing;
mod floods;
mod handshakes;
mod hostile;
mod recorded;
mod replays;
mod sessions;
mod timers;
