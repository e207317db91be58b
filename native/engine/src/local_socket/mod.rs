//! Unix sockets that a single thread serves: made safely, for the same user and root only, never blocking.

mod conversation;
mod listener;
mod server;

pub(crate) use listener::{Listener, SocketFault};
pub(crate) use server::{Next, Server, Talk};
