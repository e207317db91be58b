//! Takes a step in both, switch and model, and compares.
use std::net::IpAddr;

use culvert_switch::config::{Config, PeerHandle};
use culvert_switch::explain::Question;
use culvert_switch::packet::Protocol;
use culvert_switch::switch::Verdict;

use super::Model;
use super::passing::{pass, pass_in_pieces};
use super::steps::{FIRST_CONNECTOR, Packet, Sent, Step, TARGETS};
use crate::world::World;
use crate::world::configuration::ip;

pub fn run(model: &mut Model, world: &mut World, step: &Step) {
    model.now_ms = world.now.monotonic_ms;
    model.unix_ms = world.now.unix_ms;
    match step {
        Step::Configure(setup) => {
            replace(model, world, setup.to_config(world.now.unix_ms));
            // A sweep changes nothing that a packet could tell, or the model would notice.
            if setup.rules.len().is_multiple_of(2) {
                sweep(model, world);
            }
        }
        Step::Replace(config) => replace(model, world, config.clone()),
        Step::Session { connector, has } => {
            let handle = PeerHandle(FIRST_CONNECTOR + connector);
            world.switch.set_session(handle, *has, world.now);
            model.set_session(handle, *has);
        }
        Step::Wait { ms } => world.wait(*ms),
        Step::Sweep => sweep(model, world),
        Step::Restart => {
            world.restart(model.config.clone());
            model.restart();
        }
        Step::Noise { from, bytes } => noise(world, PeerHandle(*from), bytes),
        Step::Ask {
            device,
            target,
            port,
        } => ask(model, world, *device, ip(TARGETS[*target]), *port),
        packet => run_packet(model, world, packet),
    }
}

fn run_packet(model: &mut Model, world: &mut World, step: &Step) {
    match *step {
        Step::Outbound {
            device,
            source,
            target,
            kind,
            port,
        } => {
            let target = ip(TARGETS[target]);
            let sent = Sent {
                from: PeerHandle(device),
                source: address_of(source, target),
                target,
                kind,
                port,
            };
            pass(model, world, sent, true);
        }
        Step::Inbound {
            connector,
            device,
            target,
            kind,
            port,
        } => {
            let source = ip(TARGETS[target]);
            let sent = Sent {
                from: PeerHandle(FIRST_CONNECTOR + connector),
                source,
                target: address_of(device, source),
                kind,
                port,
            };
            pass(model, world, sent, false);
        }
        Step::Send(sent) => pass(model, world, sent, true),
        Step::Answer(sent) => pass(model, world, sent, false),
        Step::Continue { nth, is_outbound } => {
            if let Some(sent) = model.next_of(nth, is_outbound) {
                pass(model, world, sent, is_outbound);
            }
        }
        Step::ContinueInPieces { nth, is_outbound } => {
            let sent = model.next_of(nth, is_outbound);
            if let Some(sent) = sent.filter(|sent| sent.kind != Packet::Segment) {
                pass_in_pieces(model, world, sent, is_outbound);
            }
        }
        Step::End {
            nth,
            is_outbound,
            is_reset,
        } => {
            let sent = model.next_of(nth, is_outbound);
            if let Some(sent) = sent.filter(|sent| sent.kind == Packet::Segment) {
                let kind = [Packet::Fin, Packet::Reset][usize::from(is_reset)];
                pass(model, world, Sent { kind, ..sent }, is_outbound);
            }
        }
        _ => panic!("{step:?} is no packet"),
    }
}

fn replace(model: &mut Model, world: &mut World, config: Config) {
    world.configure(config.clone());
    model.configure(config);
}

fn sweep(model: &mut Model, world: &mut World) {
    world.notices();
    model.sweep();
    assert_eq!(world.switch.flow_count(), model.flow_count());
}

fn noise(world: &mut World, from: PeerHandle, bytes: &[u8]) {
    if !may_be_a_flow(bytes) {
        let verdict = world.handle(from, bytes);
        assert!(!matches!(verdict, Verdict::Forward(_)), "{bytes:02x?}");
    }
}

fn ask(model: &Model, world: &World, device: u32, destination: IpAddr, port: u16) {
    let question = Question {
        device_id: format!("d{device}"),
        destination,
        protocol: Protocol::Tcp,
        port: Some(port),
    };
    let got = world.switch.explain(&question, world.now);
    let got = got
        .ok()
        .map(|explanation| (explanation.answer, explanation.rule_id));
    assert_eq!(got, model.explain(&question), "{question:?}");
}

/// A device's own address, of the family that this target has.
fn address_of(device: u32, target: IpAddr) -> IpAddr {
    match target {
        IpAddr::V4(_) => ip(&format!("100.96.0.{device}")),
        IpAddr::V6(_) => ip(&format!("fd00::{device}")),
    }
}

/// Whether these bytes could open, use or concern a flow: a whole packet of TCP, UDP or ICMP.
fn may_be_a_flow(bytes: &[u8]) -> bool {
    let protocol = match bytes.first().map(|first| first >> 4) {
        Some(4) => bytes.get(9),
        Some(6) => bytes.get(6),
        _ => None,
    };
    // 44: the first piece of an IPv6 datagram.
    matches!(protocol, Some(1 | 6 | 17 | 44 | 58))
}
