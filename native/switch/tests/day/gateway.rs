//! The switch that lives all day. Whoever it serves is there for one sample and then gone, the model with them, so that
//! what is left is the switch's alone.
use crate::chance::Chance;
use crate::life::Life;
use crate::model::Model;
use crate::model::run::run;
use crate::model::steps::Step;
use crate::peers::Numbers;
use crate::rush::Crowd;
use crate::tally::Tally;
use crate::world::World;
use crate::world::configuration::config;

/// No flow is silent for longer.
const LONGEST_PATIENCE_MS: u64 = 24 * 3_600_000;

pub(crate) struct Gateway {
    world: World,
    chance: Chance,
    numbers: Numbers,
    tally: Tally,
}

impl Gateway {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            world: World::new(config()),
            // Neighbouring seeds should have nothing in common, and zero is none.
            chance: Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).max(1)),
            numbers: Numbers::default(),
            tally: Tally::new(),
        }
    }

    pub(crate) fn tally(&mut self) -> &Tally {
        self.tally.look_at(&self.world);
        &self.tally
    }

    /// At the end every flow has run out.
    pub(crate) fn live(&mut self, ms: u64, has_restarts: bool) {
        let mut life = Life::begin(
            &mut self.world,
            &mut self.chance,
            &mut self.numbers,
            &mut self.tally,
        );
        life.go_on(ms, has_restarts);
        life.run_out(LONGEST_PATIENCE_MS);
        assert_eq!(self.world.switch.flow_count(), 0);
    }

    /// Everything that can grow is needed to the same height once more. Then the same few are there to whom nothing ever
    /// happened.
    pub(crate) fn rest(&mut self, crowd: Crowd) {
        let mut model = Model::default();
        crowd.come_and_go(&mut model, &mut self.world, &mut self.numbers);
        run(&mut model, &mut self.world, &Step::Replace(config()));
        run(&mut model, &mut self.world, &Step::Sweep);
        assert_eq!(self.world.switch.flow_count(), 0);
        assert_eq!(self.world.switch.poll_timeout(self.world.now), None);
    }
}
