//! The cross-platform WireGuard UAPI: what `wg show`, `wg set` and `wg setconf` speak over a Unix socket.
//! Grammar and error numbers are those of wireguard-go, with one difference: a script with an error in it changes nothing.

mod configuration;
mod parser;
mod printer;
mod talk;

pub(crate) use configuration::{AllowedIpChange, Change, Configuration, Errno, Peer, PeerChange};
pub(crate) use talk::UapiTalk;
