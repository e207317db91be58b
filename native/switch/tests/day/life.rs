//! What happens to a gateway while it serves these people.
use crate::chance::Chance;
use crate::model::Model;
use crate::model::run::run;
use crate::model::steps::Step;
use crate::peers::{Numbers, session};
use crate::people::People;
use crate::tally::Tally;
use crate::traffic::draw_packet;
use crate::world::World;

/// Between two things that happen, on average.
const PAUSE_MS: usize = 10;

pub(crate) struct Life<'a> {
    model: Model,
    people: People,
    world: &'a mut World,
    chance: &'a mut Chance,
    numbers: &'a mut Numbers,
    tally: &'a mut Tally,
}

impl<'a> Life<'a> {
    pub(crate) fn begin(
        world: &'a mut World,
        chance: &'a mut Chance,
        numbers: &'a mut Numbers,
        tally: &'a mut Tally,
    ) -> Self {
        let mut life = Self {
            model: Model::default(),
            people: People::new(chance, numbers),
            world,
            chance,
            numbers,
            tally,
        };
        life.configure();
        life
    }

    pub(crate) fn go_on(&mut self, ms: u64, has_restarts: bool) {
        let end = self.world.now.monotonic_ms + ms;
        while self.world.now.monotonic_ms < end {
            let ms = 1 + self.chance.below(2 * PAUSE_MS) as u64;
            self.take(&Step::Wait { ms });
            self.do_what_is_due();
            self.happen(has_restarts);
        }
    }

    /// Nobody says anything any more. After each wait, a little longer each time, as many flows are left as the model has.
    pub(crate) fn run_out(&mut self, longest_patience_ms: u64) {
        let mut waited_ms = 0;
        while waited_ms < longest_patience_ms {
            let ms = 1000 + waited_ms / 100;
            self.take(&Step::Wait { ms });
            self.take(&Step::Sweep);
            waited_ms += ms;
        }
    }

    fn take(&mut self, step: &Step) {
        run(&mut self.model, self.world, step);
    }

    /// A little late, as a busy gateway is: packets may come first.
    fn do_what_is_due(&mut self) {
        let due = self.world.switch.poll_timeout(self.world.now);
        let is_due = due.is_some_and(|due| due <= self.world.now.monotonic_ms);
        if is_due && self.chance.below(8) == 0 {
            self.take(&Step::Sweep);
        }
    }

    fn happen(&mut self, has_restarts: bool) {
        match self.chance.below(6000) {
            0 if has_restarts => self.restart(),
            0..30 => {
                let unix_ms = self.world.now.unix_ms;
                let what = self.people.change(self.chance, self.numbers, unix_ms);
                self.tally.note(what);
                self.configure();
            }
            30..90 => self.change_session(),
            _ => {
                let packet = draw_packet(self.chance, &self.people, &self.model);
                if let Some(packet) = packet {
                    self.take(&packet);
                }
            }
        }
    }

    fn configure(&mut self) {
        let config = self.people.config(self.world.now.unix_ms);
        self.take(&Step::Replace(config));
    }

    fn restart(&mut self) {
        self.tally.note("restarts");
        self.tally.bury(&self.world.switch);
        self.take(&Step::Restart);
    }

    /// Three of four are there.
    fn change_session(&mut self) {
        let Some(connector) = self.people.connectors.one(self.chance) else {
            return;
        };
        let has = self.chance.below(4) > 0;
        self.tally.note(match has {
            true => "sessions",
            false => "lost sessions",
        });
        self.take(&session(connector.handle, has));
    }
}
