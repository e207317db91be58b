//! Who is there, who is gone and may be back, and what changes between two configurations.
use std::collections::VecDeque;

use culvert_switch::config::{Config, Connector, Device};

use crate::chance::Chance;
use crate::model::setup::Setup;
use crate::model::steps::NETWORKS;
use crate::peers::{self, Numbers};
use crate::rights::{draw_ranges, draw_rules, draw_subjects};

/// One of them has an address that all others try to reach.
const DEVICES: usize = 12;
const CONNECTORS: usize = 8;
/// Of those who are gone the last so many may come back.
const REMEMBERED: usize = 6;

pub(crate) struct People {
    pub(crate) devices: Places<Device>,
    pub(crate) connectors: Places<Connector>,
    setup: Setup,
}

/// Each has its place or is gone.
pub(crate) struct Places<T> {
    taken: Vec<Option<T>>,
    gone: VecDeque<T>,
}

impl People {
    pub(crate) fn new(chance: &mut Chance, numbers: &mut Numbers) -> Self {
        let mut people = Self {
            devices: Places::new(DEVICES),
            connectors: Places::new(CONNECTORS),
            setup: Setup {
                devices: vec![],
                connectors: vec![],
                networks: NETWORKS.map(|_| (true, draw_ranges(chance))).to_vec(),
                rules: draw_rules(chance),
            },
        };
        for place in 0..DEVICES {
            people.devices.taken[place] = Some(new_device(chance, numbers, place));
        }
        for place in 0..CONNECTORS {
            people.connectors.taken[place] = Some(people.new_connector(chance, numbers, place));
        }
        people
    }

    pub(crate) fn config(&self, unix_ms: u64) -> Config {
        let mut config = self.setup.to_config(unix_ms);
        config.devices = self.devices.all().cloned().collect();
        let is_there = |id: &str| config.networks.iter().any(|network| network.id == id);
        let connectors = self.connectors.all();
        config.connectors = connectors
            .filter(|connector| is_there(&connector.network_id))
            .cloned()
            .collect();
        config
    }

    /// Says what happened.
    pub(crate) fn change(
        &mut self,
        chance: &mut Chance,
        numbers: &mut Numbers,
        unix_ms: u64,
    ) -> &'static str {
        match chance.below(12) {
            0..5 => self.change_device(chance, numbers, unix_ms),
            5..9 => self.change_connector(chance, numbers),
            9 => {
                self.setup.rules = draw_rules(chance);
                "new rules"
            }
            10 => {
                self.setup.networks[chance.below(NETWORKS.len())].1 = draw_ranges(chance);
                "new ranges"
            }
            _ => {
                let is_there = &mut self.setup.networks[chance.below(NETWORKS.len())].0;
                *is_there = !*is_there || chance.below(3) > 0;
                "networks that came, went or stayed"
            }
        }
    }

    fn change_device(
        &mut self,
        chance: &mut Chance,
        numbers: &mut Numbers,
        unix_ms: u64,
    ) -> &'static str {
        let place = chance.below(DEVICES);
        let Some(device) = &mut self.devices.taken[place] else {
            let back = self.devices.maybe_back(chance);
            let newcomer = back.unwrap_or_else(|| new_device(chance, numbers, place));
            self.put_device(newcomer, place);
            return "devices that came";
        };
        let is_over = device.expires_at_unix_ms.is_some_and(|end| end <= unix_ms);
        match chance.below(6) {
            _ if is_over => {
                self.devices.leave(place);
                "devices that went at their end"
            }
            0 => {
                device.subjects = draw_subjects(chance);
                "devices with other groups"
            }
            1 => {
                let seconds = chance.below(120) as u64;
                device.expires_at_unix_ms = Some(unix_ms + 1000 * seconds);
                "devices with an end"
            }
            2 => self.move_device(place),
            3 => {
                self.devices.leave(place);
                self.put_device(new_device(chance, numbers, place), place);
                "devices whose addresses another took"
            }
            _ => {
                self.devices.leave(place);
                "devices that went"
            }
        }
    }

    fn move_device(&mut self, place: usize) -> &'static str {
        let Some(free) = self.devices.taken.iter().position(Option::is_none) else {
            return "devices that had nowhere to move";
        };
        if let Some(device) = self.devices.taken[place].take() {
            self.put_device(device, free);
        }
        "devices with other addresses"
    }

    /// Whoever comes back or moves gets the addresses of its new place.
    fn put_device(&mut self, device: Device, place: usize) {
        self.devices.taken[place] = Some(Device {
            addresses: peers::device(device.handle, place as u8).addresses,
            ..device
        });
    }

    fn change_connector(&mut self, chance: &mut Chance, numbers: &mut Numbers) -> &'static str {
        let place = chance.below(CONNECTORS);
        let Some(connector) = &mut self.connectors.taken[place] else {
            let newcomer = self.new_connector(chance, numbers, place);
            let back = self.connectors.maybe_back(chance);
            self.connectors.taken[place] = Some(match back {
                Some(connector) => Connector {
                    addresses: newcomer.addresses,
                    ..connector
                },
                None => newcomer,
            });
            return "connectors that came";
        };
        match chance.below(4) {
            0 => {
                connector.is_healthy ^= true;
                "connectors that began or ceased to be healthy"
            }
            1 => {
                connector.network_id = NETWORKS[chance.below(NETWORKS.len())].to_owned();
                "connectors of another network"
            }
            _ => {
                self.connectors.leave(place);
                "connectors that went"
            }
        }
    }

    fn new_connector(&self, chance: &mut Chance, numbers: &mut Numbers, place: usize) -> Connector {
        let network = NETWORKS[chance.below(NETWORKS.len())];
        peers::connector(numbers.draw(), place as u8, network)
    }
}

fn new_device(chance: &mut Chance, numbers: &mut Numbers, place: usize) -> Device {
    Device {
        subjects: draw_subjects(chance),
        ..peers::device(numbers.draw(), place as u8)
    }
}

impl<T> Places<T> {
    fn new(count: usize) -> Self {
        Self {
            taken: (0..count).map(|_| None).collect(),
            gone: VecDeque::new(),
        }
    }

    fn all(&self) -> impl Iterator<Item = &T> {
        self.taken.iter().flatten()
    }

    pub(crate) fn one(&self, chance: &mut Chance) -> Option<&T> {
        self.taken[chance.below(self.taken.len())].as_ref()
    }

    pub(crate) fn one_that_is_gone(&self, chance: &mut Chance) -> Option<&T> {
        self.gone.get(chance.below(REMEMBERED))
    }

    fn leave(&mut self, place: usize) {
        self.gone.extend(self.taken[place].take());
        if self.gone.len() > REMEMBERED {
            self.gone.pop_front();
        }
    }

    /// One time in three.
    fn maybe_back(&mut self, chance: &mut Chance) -> Option<T> {
        match chance.below(3) {
            0 => self.gone.pop_front(),
            _ => None,
        }
    }
}
