//! The same crowd at every rest, of peers that nobody has seen before. A table keeps the size that it once needed, and so it
//! is needed at the first rest already, whatever the hours after it bring.
use culvert_switch::config::{Config, PeerHandle};

use crate::model::Model;
use crate::model::run::run;
use crate::model::steps::{NETWORKS, Packet, Sent, Step};
use crate::peers::{Numbers, connector, device, session};
use crate::world::World;
use crate::world::configuration::{allow, ip, network};

/// Peers of each kind: more than ever live in an hour. Twice as many, once, leave such room in every table that later ones
/// find theirs, though places of those who are gone may be in their way.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Crowd {
    Usual = 32,
    Twice = 64,
}

const CONNECTIONS_OF_EACH: u16 = 8;

impl Crowd {
    /// All come, talk, are refused something, and lose their connections at once.
    pub(crate) fn come_and_go(self, model: &mut Model, world: &mut World, numbers: &mut Numbers) {
        let config = config_of(self as u8, numbers);
        for step in arrival(&config) {
            run(model, world, &step);
        }
        for (place, device) in (0..).zip(&config.devices) {
            talk(model, world, place, device.handle);
        }
        let flows = self as usize * usize::from(CONNECTIONS_OF_EACH + 1);
        assert_eq!(world.switch.flow_count(), flows);
        let rules = vec![];
        run(model, world, &Step::Replace(Config { rules, ..config }));
        run(model, world, &Step::Sweep);
    }
}

fn config_of(count: u8, numbers: &mut Numbers) -> Config {
    Config {
        mtu: 0,
        devices: (0..count)
            .map(|place| device(numbers.draw(), place))
            .collect(),
        connectors: (0..count)
            .map(|place| connector(numbers.draw(), place, NETWORKS[0]))
            .collect(),
        // The names of networks are remembered, those of all that come and go too.
        networks: NETWORKS.map(|id| network(id, &["10.0.0.0/8"])).to_vec(),
        rules: vec![allow("all", &["everyone"])],
    }
}

fn arrival(config: &Config) -> Vec<Step> {
    let connectors = config.connectors.iter();
    let sessions = connectors.map(|connector| session(connector.handle, true));
    std::iter::once(Step::Replace(config.clone()))
        .chain(sessions)
        .collect()
}

/// Connections that are answered, a datagram that is answered in pieces, and an address that leads nowhere.
fn talk(model: &mut Model, world: &mut World, place: u8, from: PeerHandle) {
    let send = |target: &str, kind, port| {
        let source = ip(&format!("100.96.0.{place}"));
        let target = ip(target);
        Step::Send(Sent {
            from,
            source,
            target,
            kind,
            port,
        })
    };
    let mut steps: Vec<Step> = (1..=CONNECTIONS_OF_EACH)
        .map(|port| send("10.0.0.1", Packet::Syn, port))
        .collect();
    steps.push(send("10.0.0.1", Packet::Udp, 1));
    steps.push(send("192.168.0.10", Packet::Syn, 1));
    for step in steps {
        run(model, world, &step);
    }
    let last = model.flow_count() - 1;
    for nth in last - usize::from(CONNECTIONS_OF_EACH)..last {
        let is_outbound = false;
        run(model, world, &Step::Continue { nth, is_outbound });
    }
    for is_outbound in [true, false] {
        let nth = last;
        run(model, world, &Step::ContinueInPieces { nth, is_outbound });
    }
}
