//! What people send each other, and what strangers try.
use std::net::IpAddr;

use culvert_switch::config::{Device, PeerHandle};

use crate::chance::Chance;
use crate::model::Model;
use crate::model::steps::{Packet, Sent, Step, TARGETS};
use crate::people::People;
use crate::world::configuration::ip;

/// A flow more, and the oldest is reset.
const MOST_FLOWS: usize = 100;
/// Those that began last are talked in the most; the others fall silent one by one.
const LIVELY: usize = 16;
const PORTS: usize = 6;

/// `None`: nobody was there.
pub(crate) fn draw_packet(chance: &mut Chance, people: &People, model: &Model) -> Option<Step> {
    let flows = model.flow_count();
    let is_outbound = chance.below(2) == 0;
    let nth = draw_flow(chance, flows);
    match chance.below(100) {
        0..10 if flows < MOST_FLOWS => draw_beginning(chance, people),
        0..10 => Some(Step::End {
            nth: 0,
            is_outbound,
            is_reset: true,
        }),
        10..14 => Some(Step::End {
            nth,
            is_outbound,
            is_reset: chance.below(6) == 0,
        }),
        14..20 => Some(Step::ContinueInPieces { nth, is_outbound }),
        20..23 => draw_nuisance(chance, people),
        23 => draw_wrong_answer(chance, people, model.next_of(nth, false)?),
        24 => draw_question(chance, people),
        _ => Some(Step::Continue { nth, is_outbound }),
    }
}

fn draw_flow(chance: &mut Chance, flows: usize) -> usize {
    match chance.below(64) {
        0 => chance.below(flows.max(1)),
        _ => flows.saturating_sub(1 + chance.below(LIVELY)),
    }
}

fn draw_beginning(chance: &mut Chance, people: &People) -> Option<Step> {
    let device = people.devices.one(chance)?;
    Some(Step::Send(draw_first(chance, device, device.handle)))
}

fn draw_first(chance: &mut Chance, owner: &Device, from: PeerHandle) -> Sent {
    let target = ip(TARGETS[chance.below(TARGETS.len())]);
    let kinds = [
        Packet::Syn,
        Packet::Syn,
        Packet::Udp,
        Packet::Echo,
        Packet::Segment,
    ];
    Sent {
        from,
        source: address_of(owner, target),
        target,
        kind: kinds[chance.below(kinds.len())],
        port: 1 + chance.below(PORTS) as u16,
    }
}

/// Somebody in another's name, somebody who is gone, an answer that nobody asked for, or bytes.
fn draw_nuisance(chance: &mut Chance, people: &People) -> Option<Step> {
    let device = people.devices.one(chance)?;
    let other = people.devices.one(chance)?;
    Some(match chance.below(4) {
        0 => Step::Send(draw_first(chance, other, device.handle)),
        1 => {
            let gone = people.devices.one_that_is_gone(chance)?;
            Step::Send(draw_first(chance, device, gone.handle))
        }
        2 => {
            let connector = people.connectors.one(chance)?;
            let asked = draw_first(chance, device, device.handle);
            Step::Answer(Sent {
                from: connector.handle,
                source: asked.target,
                target: asked.source,
                ..asked
            })
        }
        _ => Step::Noise {
            from: device.handle.0,
            bytes: (0..chance.below(60))
                .map(|_| chance.below(256) as u8)
                .collect(),
        },
    })
}

/// What the flow's connector would say next, from one that may be another.
fn draw_wrong_answer(chance: &mut Chance, people: &People, answer: Sent) -> Option<Step> {
    let from = people.connectors.one(chance)?.handle;
    Some(Step::Answer(Sent { from, ..answer }))
}

fn draw_question(chance: &mut Chance, people: &People) -> Option<Step> {
    Some(Step::Ask {
        device: people.devices.one(chance)?.handle.0,
        target: chance.below(TARGETS.len()),
        port: 1 + chance.below(PORTS) as u16,
    })
}

/// The one of the target's family.
fn address_of(device: &Device, target: IpAddr) -> IpAddr {
    let mut addresses = device.addresses.iter();
    *addresses
        .find(|address| address.is_ipv4() == target.is_ipv4())
        .unwrap()
}
