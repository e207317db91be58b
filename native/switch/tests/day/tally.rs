//! What became of the packets, and what happened to everybody.
use std::fmt;

use culvert_switch::drops::DropReason;
use culvert_switch::switch::Switch;

use crate::world::World;

pub(crate) struct Tally {
    shown: u64,
    /// By engines that are no more, by reason.
    before: [u64; DropReason::ALL.len()],
    refused: [u64; DropReason::ALL.len()],
    occasions: Vec<(&'static str, u64)>,
}

/// Room for each from the beginning: what is held is compared to the byte.
const OCCASIONS: usize = 32;

impl Tally {
    pub(crate) fn new() -> Self {
        Self {
            shown: 0,
            before: [0; DropReason::ALL.len()],
            refused: [0; DropReason::ALL.len()],
            occasions: Vec::with_capacity(OCCASIONS),
        }
    }

    pub(crate) fn note(&mut self, what: &'static str) {
        let mut known = self.occasions.iter_mut();
        match known.find(|(name, _)| *name == what) {
            Some((_, count)) => *count += 1,
            None => self.occasions.push((what, 1)),
        }
    }

    /// An engine's own counters end with it.
    pub(crate) fn bury(&mut self, switch: &Switch) {
        self.before = self.sum(switch);
    }

    pub(crate) fn look_at(&mut self, world: &World) {
        self.shown = world.shown;
        self.refused = self.sum(&world.switch);
    }

    pub(crate) fn occasions(&self) -> String {
        let each = self.occasions.iter();
        let each: Vec<String> = each
            .map(|(what, count)| format!("{count} {what}"))
            .collect();
        each.join(", ")
    }

    fn sum(&self, switch: &Switch) -> [u64; DropReason::ALL.len()] {
        let mut sum = self.before;
        for (count, reason) in sum.iter_mut().zip(DropReason::ALL) {
            *count += switch.drops().of(*reason);
        }
        sum
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let forwarded = self.shown - self.refused.iter().sum::<u64>();
        write!(formatter, "{forwarded} forwarded")?;
        for (count, reason) in self.refused.iter().zip(DropReason::ALL) {
            if *count > 0 {
                write!(formatter, ", {count} {}", reason.name())?;
            }
        }
        Ok(())
    }
}
