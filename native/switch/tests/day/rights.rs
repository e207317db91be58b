//! Who may reach what: drawn, but so that most of what is tried is allowed.
use crate::chance::Chance;
use crate::model::setup::RuleSetup;
use crate::model::steps::{NETWORKS, RANGES};

const EVERYONE: u8 = 4;

pub(crate) fn draw_subjects(chance: &mut Chance) -> Vec<String> {
    let groups = (0..chance.below(3)).map(|_| format!("group:{}", chance.below(4)));
    std::iter::once("everyone".to_owned())
        .chain(groups)
        .collect()
}

pub(crate) fn draw_ranges(chance: &mut Chance) -> Vec<usize> {
    (0..1 + chance.below(5))
        .map(|_| chance.below(RANGES.len()))
        .collect()
}

/// Some for few, and at the end one for everybody.
pub(crate) fn draw_rules(chance: &mut Chance) -> Vec<RuleSetup> {
    let mut rules: Vec<RuleSetup> = (0..chance.below(4)).map(|_| draw_rule(chance)).collect();
    rules.push(RuleSetup {
        is_allow: true,
        subjects: vec![EVERYONE],
        networks: vec![],
        ranges: vec![],
        protocol: 0,
        ports: vec![],
    });
    rules
}

fn draw_rule(chance: &mut Chance) -> RuleSetup {
    RuleSetup {
        is_allow: chance.below(3) == 0,
        subjects: vec![chance.below(5) as u8],
        networks: one_or_none(chance, NETWORKS.len()),
        ranges: one_or_none(chance, RANGES.len()),
        protocol: chance.below(4) as u8,
        ports: (0..chance.below(2)).map(|_| (1, 3)).collect(),
    }
}

fn one_or_none(chance: &mut Chance, count: usize) -> Vec<usize> {
    (0..chance.below(2)).map(|_| chance.below(count)).collect()
}
