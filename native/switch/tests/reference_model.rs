//! The switch against its model: random configurations, removals, lost sessions, waits, restarts and packets.
mod model;
mod world;

use culvert_switch::config::Config;
use model::Model;
use model::run::run;
use model::setup::{RuleSetup, Setup};
use model::steps::{CONNECTORS, DEVICES, Packet, RANGES, Step, TARGETS};
use proptest::prelude::*;
use world::World;

fn setups() -> impl Strategy<Value = Setup> {
    let device = (
        prop::bool::weighted(0.9),
        prop::collection::vec(0..4_u8, 0..3),
        prop::option::weighted(0.2, 1..120_u64),
    );
    let connector = (
        prop::bool::weighted(0.9),
        0..3_usize,
        prop::bool::weighted(0.8),
    );
    let network = (
        prop::bool::weighted(0.9),
        prop::collection::vec(0..RANGES.len(), 0..4),
    );
    let rule = (
        prop::bool::weighted(0.75),
        prop::collection::vec(0..5_u8, 1..3),
        prop::collection::vec(0..3_usize, 0..3),
        prop::collection::vec(0..RANGES.len(), 0..2),
        prop_oneof![3 => Just(0_u8), 1 => 1..4_u8],
        prop_oneof![2 => Just(vec![]), 1 => prop::collection::vec(Just((1_u16, 2_u16)), 1)],
    )
        .prop_map(
            |(is_allow, subjects, networks, ranges, protocol, ports)| RuleSetup {
                is_allow,
                subjects,
                networks,
                ranges,
                protocol,
                ports,
            },
        );
    (
        prop::collection::vec(device, DEVICES as usize),
        prop::collection::vec(connector, CONNECTORS as usize),
        prop::collection::vec(network, 3),
        prop::collection::vec(rule, 0..5),
    )
        .prop_map(|(devices, connectors, networks, rules)| Setup {
            devices,
            connectors,
            networks,
            rules,
        })
}

fn steps() -> impl Strategy<Value = Step> {
    let kind = prop_oneof![
        Just(Packet::Syn),
        Just(Packet::Segment),
        Just(Packet::Fin),
        Just(Packet::Reset),
        Just(Packet::Udp),
        Just(Packet::Echo)
    ];
    let outbound = (
        0..DEVICES,
        0..DEVICES,
        0..TARGETS.len(),
        kind.clone(),
        1..4_u16,
    )
        .prop_map(|(device, other, target, kind, port)| {
            // Mostly its own address.
            let source = if (other + target as u32).is_multiple_of(7) {
                other
            } else {
                device
            };
            Step::Outbound {
                device,
                source,
                target,
                kind,
                port,
            }
        });
    let inbound = (0..CONNECTORS, 0..DEVICES, 0..TARGETS.len(), kind, 1..4_u16).prop_map(
        |(connector, device, target, kind, port)| Step::Inbound {
            connector,
            device,
            target,
            kind,
            port,
        },
    );
    prop_oneof![
        1 => setups().prop_map(Step::Configure),
        2 => (0..CONNECTORS, prop::bool::weighted(0.7))
            .prop_map(|(connector, has)| Step::Session { connector, has }),
        1 => Just(Step::Restart),
        2 => prop_oneof![Just(500_u64), Just(5_000), Just(31_000), Just(70_000), Just(3_600_000)]
            .prop_map(|ms| Step::Wait { ms }),
        12 => outbound,
        12 => inbound,
        24 => (0..100_usize, any::<bool>())
            .prop_map(|(nth, is_outbound)| Step::Continue { nth, is_outbound }),
        4 => (0..100_usize, any::<bool>())
            .prop_map(|(nth, is_outbound)| Step::ContinueInPieces { nth, is_outbound }),
        4 => (0..100_usize, any::<bool>(), prop::bool::weighted(0.2))
            .prop_map(|(nth, is_outbound, is_reset)| Step::End { nth, is_outbound, is_reset }),
        1 => Just(Step::Sweep),
        2 => (0..DEVICES, 0..TARGETS.len(), 1..4_u16)
            .prop_map(|(device, target, port)| Step::Ask { device, target, port }),
    ]
}

proptest! {
    // 75 steps each, in the mean: 200,000 and more.
    #![proptest_config(ProptestConfig { cases: 2800, max_shrink_iters: 4000, ..ProptestConfig::default() })]

    #[test]
    fn the_switch_says_what_the_model_says(
        first in setups(),
        steps in prop::collection::vec(steps(), 1..150),
    ) {
        let mut model = Model::default();
        let mut world = World::new(Config::default());
        run(&mut model, &mut world, &Step::Configure(first));
        for connector in 0..CONNECTORS {
            run(&mut model, &mut world, &Step::Session { connector, has: true });
        }
        for step in &steps {
            run(&mut model, &mut world, step);
        }
    }
}
