//! What happens, and how often.

use std::cmp::Reverse;
use std::time::Duration;

use culvert_core::{PeerUpdate, PresharedKey};

use super::{SPOKES, World};
use crate::host::HUB;
use crate::ledger::Loss;

/// Who talks on a link.
#[derive(Clone, Copy)]
pub(super) enum Habit {
    Both,
    Spoke,
    Hub,
    Nobody,
    /// Many packets at once, and then nothing for a while.
    Bursts,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Occasion {
    Talk(usize),
    ChangeHabit(usize),
    Roam(usize),
    Remove(usize),
    Return(usize),
    Restart(usize),
    RestartHub,
    Storm(usize),
    StormIsOver(usize),
    NewPresharedKey(usize),
    NewMtu(usize),
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = Duration::from_secs(60);

impl World {
    pub(super) fn plan_everything(&mut self) {
        for spoke in 1..=SPOKES {
            self.plan(SECOND, Occasion::Talk(spoke));
            self.plan(3 * MINUTE, Occasion::ChangeHabit(spoke));
            self.plan(5 * MINUTE, Occasion::Roam(spoke));
            self.plan(8 * MINUTE, Occasion::Remove(spoke));
            self.plan(15 * MINUTE, Occasion::Restart(spoke));
            self.plan(6 * MINUTE, Occasion::Storm(spoke));
            self.plan(10 * MINUTE, Occasion::NewPresharedKey(spoke));
            self.plan(4 * MINUTE, Occasion::NewMtu(spoke));
        }
        self.plan(25 * MINUTE, Occasion::RestartHub);
    }

    fn plan(&mut self, about: Duration, occasion: Occasion) {
        self.planned += 1;
        let at = self.at + self.random.about(about);
        self.agenda.push(Reverse((at, self.planned, occasion)));
    }

    pub(super) fn happen(&mut self, occasion: Occasion) {
        if let Occasion::Talk(spoke) = occasion {
            return self.talk(spoke);
        }
        if self.is_calm {
            return;
        }
        match occasion {
            Occasion::Talk(_) => {}
            Occasion::ChangeHabit(spoke) => self.change_habit(spoke),
            Occasion::Roam(spoke) => self.roam(spoke),
            Occasion::Remove(spoke) => self.remove(spoke),
            Occasion::Return(spoke) => self.come_back(spoke),
            Occasion::Restart(spoke) => self.restart_spoke(spoke, None),
            Occasion::RestartHub => self.restart_hub(),
            Occasion::Storm(spoke) => self.begin_storm(spoke),
            Occasion::StormIsOver(spoke) => self.links[spoke].loss = 0,
            Occasion::NewPresharedKey(spoke) => self.change_preshared_key(spoke),
            Occasion::NewMtu(spoke) => self.change_mtu(spoke),
        }
        self.plan_again(occasion);
    }

    fn plan_again(&mut self, occasion: Occasion) {
        match occasion {
            Occasion::Talk(_) | Occasion::Return(_) | Occasion::StormIsOver(_) => {}
            Occasion::ChangeHabit(_) => self.plan(4 * MINUTE, occasion),
            Occasion::Roam(_) => self.plan(10 * MINUTE, occasion),
            Occasion::Remove(spoke) => {
                self.plan(20 * MINUTE, occasion);
                self.plan(15 * SECOND, Occasion::Return(spoke));
            }
            Occasion::Restart(_) => self.plan(40 * MINUTE, occasion),
            Occasion::RestartHub => self.plan(120 * MINUTE, occasion),
            Occasion::Storm(spoke) => {
                self.plan(30 * MINUTE, occasion);
                self.plan(MINUTE, Occasion::StormIsOver(spoke));
            }
            Occasion::NewPresharedKey(_) => self.plan(30 * MINUTE, occasion),
            Occasion::NewMtu(_) => self.plan(10 * MINUTE, occasion),
        }
    }

    fn talk(&mut self, spoke: usize) {
        let pause = match self.links[spoke].habit {
            Habit::Both => {
                self.send(spoke, HUB);
                self.send(HUB, spoke);
                SECOND / 5
            }
            Habit::Spoke => {
                self.send(spoke, HUB);
                SECOND / 10
            }
            Habit::Hub => {
                self.send(HUB, spoke);
                SECOND / 10
            }
            Habit::Nobody => 5 * SECOND,
            Habit::Bursts => {
                let count = self.random.below(200);
                for _ in 0..count {
                    self.send(spoke, HUB);
                    self.send(HUB, spoke);
                }
                30 * SECOND
            }
        };
        self.plan(pause, Occasion::Talk(spoke));
    }

    fn change_habit(&mut self, spoke: usize) {
        let habits = [
            Habit::Both,
            Habit::Both,
            Habit::Spoke,
            Habit::Hub,
            Habit::Nobody,
            Habit::Bursts,
        ];
        self.links[spoke].habit = habits[self.random.below(habits.len())];
    }

    fn roam(&mut self, spoke: usize) {
        self.note("roams");
        self.hosts[spoke].roam(&self.random);
    }

    fn remove(&mut self, spoke: usize) {
        if !self.links[spoke].is_known {
            return;
        }
        self.note("removals");
        self.keep_floor(spoke);
        self.hosts[HUB]
            .tunnel
            .remove_peer(&self.hosts[spoke].public_key());
        self.links[spoke].is_known = false;
        self.links[spoke].forgot[0] = self.at;
        let waiting = self.hosts[HUB].drop_staged(spoke);
        self.lose_all(waiting, Loss::Forgotten);
    }

    /// What the hub would have on disk.
    fn keep_floor(&mut self, spoke: usize) {
        if let Some(peer) = self.hosts[HUB].peer(&self.hosts[spoke]) {
            self.links[spoke].replay_floor = Some(peer.status().received_timestamp);
        }
    }

    /// With its old key, or as somebody new.
    fn come_back(&mut self, spoke: usize) {
        if self.links[spoke].is_known {
            return;
        }
        if self.random.one_in(2) {
            self.links[spoke].replay_floor = None;
            let mut key = [0; 32];
            culvert_core::Entropy::fill(&self.random, &mut key);
            self.restart_spoke(spoke, Some(key));
        }
        self.introduce_to_hub(spoke);
    }

    fn restart_spoke(&mut self, spoke: usize, key: Option<[u8; 32]>) {
        self.note("restarts of a spoke");
        let (now, seed) = (self.now(), self.random.number());
        let waiting = self.hosts[spoke].restart(now, key, seed);
        self.lose_all(waiting, Loss::Forgotten);
        self.links[spoke].forgot[1] = self.at;
        self.links[spoke].keepalive_seconds = [0, 0, 25][self.random.below(3)];
        self.introduce_to_spoke(spoke);
    }

    fn restart_hub(&mut self) {
        self.note("restarts of the hub");
        for spoke in 1..=SPOKES {
            self.keep_floor(spoke);
        }
        let (now, seed) = (self.now(), self.random.number());
        let waiting = self.hosts[HUB].restart(now, None, seed);
        self.lose_all(waiting, Loss::Forgotten);
        for spoke in 1..=SPOKES {
            self.links[spoke].forgot[0] = self.at;
            if self.links[spoke].is_known {
                self.introduce_to_hub(spoke);
            }
        }
    }

    fn begin_storm(&mut self, spoke: usize) {
        self.note("storms");
        self.links[spoke].loss = [5, 20, 50, 100][self.random.below(4)];
    }

    /// At both ends: it counts from the next handshake on.
    fn change_preshared_key(&mut self, spoke: usize) {
        self.note("new preshared keys");
        let key = [self.random.below(256) as u8; 32];
        self.links[spoke].preshared_key = key;
        for (host, other) in [(HUB, spoke), (spoke, HUB)] {
            let update = PeerUpdate {
                update_only: true,
                preshared_key: Some(PresharedKey::from_bytes(key)),
                ..PeerUpdate::new(self.hosts[other].public_key())
            };
            self.hosts[host].tunnel.update_peer(self.now(), update);
        }
    }

    fn change_mtu(&mut self, spoke: usize) {
        let mtu = [1280, 1420, 9000, 65_535][self.random.below(4)];
        self.hosts[spoke].tunnel.set_mtu(mtu);
    }
}
