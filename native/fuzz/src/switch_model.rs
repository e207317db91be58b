//! Configurations, sessions, restarts, time and packets: the switch against its reference model.

use culvert_switch::config::Config;

use crate::decoder::Decoder;
use crate::model::Model;
use crate::model::run::run as take;
use crate::model::setup::{RuleSetup, Setup};
use crate::model::steps::{
    CONNECTORS, DEVICES, FIRST_CONNECTOR, NETWORKS, Packet, RANGES, Step, TARGETS,
};
use crate::world::World;

const MOST_STEPS: usize = 400;
const WAITS_MS: [u64; 5] = [1, 500, 5_000, 31_000, 70_000];

pub(crate) fn run(data: &[u8]) {
    let mut decoder = Decoder::new(data);
    let mut world = World::new(Config::default());
    let mut model = begin(&mut decoder, &mut world);
    for _ in 0..MOST_STEPS {
        if decoder.is_empty() {
            break;
        }
        let step = step(&mut decoder);
        take(&mut model, &mut world, &step);
    }
}

/// With a first configuration, and a session for each of its connectors.
pub(crate) fn begin(decoder: &mut Decoder, world: &mut World) -> Model {
    let mut model = Model::default();
    take(&mut model, world, &Step::Configure(setup(decoder)));
    for connector in 0..CONNECTORS {
        let has = true;
        take(&mut model, world, &Step::Session { connector, has });
    }
    model
}

pub(crate) fn step(decoder: &mut Decoder) -> Step {
    let kinds = [Packet::Syn, Packet::Segment, Packet::Udp, Packet::Echo];
    match decoder.choice(16) {
        0 => Step::Configure(setup(decoder)),
        1 => Step::Session {
            connector: number(decoder, CONNECTORS),
            has: decoder.flag(),
        },
        2 => Step::Wait {
            ms: decoder.one_of(&WAITS_MS),
        },
        3 => Step::Restart,
        4 => Step::Noise {
            from: number(decoder, DEVICES + FIRST_CONNECTOR + CONNECTORS),
            bytes: decoder.blob(200).to_vec(),
        },
        5 => Step::Ask {
            device: number(decoder, DEVICES),
            target: decoder.choice(TARGETS.len()),
            port: port(decoder),
        },
        6..=8 => {
            let device = number(decoder, DEVICES);
            Step::Outbound {
                device,
                source: if decoder.choice(7) == 6 {
                    (device + 1) % DEVICES
                } else {
                    device
                },
                target: decoder.choice(TARGETS.len()),
                kind: decoder.one_of(&kinds),
                port: port(decoder),
            }
        }
        9 | 10 => Step::Inbound {
            connector: number(decoder, CONNECTORS),
            device: number(decoder, DEVICES),
            target: decoder.choice(TARGETS.len()),
            kind: decoder.one_of(&kinds),
            port: port(decoder),
        },
        _ => Step::Continue {
            nth: usize::from(decoder.byte()),
            is_outbound: decoder.flag(),
        },
    }
}

fn setup(decoder: &mut Decoder) -> Setup {
    Setup {
        devices: (0..DEVICES).map(|_| device(decoder)).collect(),
        connectors: (0..CONNECTORS)
            .map(|_| {
                (
                    is_there(decoder),
                    decoder.choice(NETWORKS.len()),
                    is_there(decoder),
                )
            })
            .collect(),
        networks: NETWORKS
            .map(|_| (is_there(decoder), places(decoder, RANGES.len(), 3)))
            .to_vec(),
        rules: (0..decoder.choice(5)).map(|_| rule(decoder)).collect(),
    }
}

fn device(decoder: &mut Decoder) -> (bool, Vec<u8>, Option<u64>) {
    let groups = (0..decoder.choice(3)).map(|_| decoder.byte() % 4).collect();
    let expiry = match decoder.byte() {
        seconds @ 1..120 => Some(u64::from(seconds)),
        _ => None,
    };
    (is_there(decoder), groups, expiry)
}

fn rule(decoder: &mut Decoder) -> RuleSetup {
    RuleSetup {
        is_allow: is_there(decoder),
        subjects: (0..=decoder.choice(2))
            .map(|_| decoder.byte() % 5)
            .collect(),
        networks: places(decoder, NETWORKS.len(), 2),
        ranges: places(decoder, RANGES.len(), 1),
        protocol: decoder.byte().saturating_sub(128) % 4,
        ports: if decoder.choice(3) == 2 {
            vec![(1, 2)]
        } else {
            vec![]
        },
    }
}

/// Mostly.
fn is_there(decoder: &mut Decoder) -> bool {
    decoder.choice(8) != 7
}

fn places(decoder: &mut Decoder, among: usize, most: usize) -> Vec<usize> {
    (0..decoder.choice(most + 1))
        .map(|_| decoder.choice(among))
        .collect()
}

fn number(decoder: &mut Decoder, below: u32) -> u32 {
    u32::from(decoder.byte()) % below
}

fn port(decoder: &mut Decoder) -> u16 {
    1 + u16::from(decoder.byte() % 3)
}
