//! Devices and connectors, each with a number that no other ever gets.
use culvert_switch::config::{Connector, Device, PeerHandle};

use crate::model::steps::{FIRST_CONNECTOR, Step};
use crate::world::configuration;

/// Of all keys that were ever seen.
#[derive(Default)]
pub(crate) struct Numbers(u32);

impl Numbers {
    pub(crate) fn draw(&mut self) -> PeerHandle {
        self.0 += 1;
        PeerHandle(1000 + self.0)
    }
}

/// Its addresses are those of the place that it takes. Whoever has it next has them too.
pub(crate) fn device(handle: PeerHandle, place: u8) -> Device {
    let addresses = [format!("100.96.0.{place}"), format!("fd00::{place}")];
    let id = format!("d{}", handle.0);
    configuration::device(handle, &id, &addresses.each_ref().map(|text| &**text))
}

pub(crate) fn connector(handle: PeerHandle, place: u8, network: &str) -> Connector {
    let id = format!("c{}", handle.0);
    configuration::connector(handle, &id, &format!("100.96.1.{place}"), network)
}

pub(crate) fn session(connector: PeerHandle, has: bool) -> Step {
    Step::Session {
        connector: connector.0 - FIRST_CONNECTOR,
        has,
    }
}
