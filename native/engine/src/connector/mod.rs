use crate::control::{EventSink, Role, Status};
use crate::uapi::Configuration;

/// Replaced by the role as soon as it exists.
pub(crate) enum Absent {}

pub(crate) fn start(_events: EventSink) -> Result<Absent, std::io::Error> {
    Err(std::io::Error::other(
        "this engine was built without the connector role",
    ))
}

impl Role for Absent {
    fn kind(&self) -> crate::control::RoleKind {
        match *self {}
    }
    fn status(&mut self) -> Status {
        match *self {}
    }
    fn wireguard(&mut self) -> Configuration {
        match *self {}
    }
    fn stop(self: Box<Self>) {}
}
