//! Takes a step in both, switch and model, and compares.
use std::net::IpAddr;

use culvert_switch::config::PeerHandle;
use culvert_switch::explain::Question;
use culvert_switch::packet::Protocol;
use culvert_switch::switch::Verdict;

use super::setup::Setup;
use super::steps::{FIRST_CONNECTOR, Packet, Step, TARGETS};
use super::{Model, Sent, outcome};
use crate::world::World;
use crate::world::configuration::ip;
use crate::world::packets::{ACK, SYN, echo_reply, echo_request, tcp, udp};

pub fn run(model: &mut Model, world: &mut World, step: &Step) {
    model.now_ms = world.now.monotonic_ms;
    model.unix_ms = world.now.unix_ms;
    match step {
        Step::Configure(setup) => configure(model, world, setup),
        Step::Session { connector, has } => {
            let handle = PeerHandle(FIRST_CONNECTOR + connector);
            world.switch.set_session(handle, *has, world.now);
            model.set_session(handle, *has);
        }
        Step::Wait { ms } => world.wait(*ms),
        Step::Restart => {
            world.restart(model.config.clone());
            model.restart();
        }
        Step::Noise { from, bytes } => noise(world, PeerHandle(*from), bytes),
        Step::Outbound {
            device,
            source,
            target,
            kind,
            port,
        } => {
            let target = ip(TARGETS[*target]);
            let sent = Sent {
                from: PeerHandle(*device),
                source: address_of(*source, target),
                target,
                kind: *kind,
                port: *port,
            };
            send(model, world, sent);
        }
        Step::Inbound {
            connector,
            device,
            target,
            kind,
            port,
        } => {
            let target = ip(TARGETS[*target]);
            let sent = Sent {
                from: PeerHandle(FIRST_CONNECTOR + connector),
                source: target,
                target: address_of(*device, target),
                kind: *kind,
                port: *port,
            };
            answer(model, world, sent);
        }
        Step::Continue { nth, is_outbound } => go_on(model, world, *nth, *is_outbound),
        Step::Ask {
            device,
            target,
            port,
        } => ask(model, world, *device, ip(TARGETS[*target]), *port),
    }
}

fn configure(model: &mut Model, world: &mut World, setup: &Setup) {
    let config = setup.to_config(world.now.unix_ms);
    world.configure(config.clone());
    model.configure(config);
    // A sweep changes nothing that a packet could tell, or the model would notice.
    if setup.rules.len().is_multiple_of(2) {
        world.notices();
        model.sweep();
        assert_eq!(world.switch.flow_count(), model.flows.len());
    }
}

fn noise(world: &mut World, from: PeerHandle, bytes: &[u8]) {
    if !may_be_a_flow(bytes) {
        let verdict = world.handle(from, bytes);
        assert!(!matches!(verdict, Verdict::Forward(_)), "{bytes:02x?}");
    }
}

fn go_on(model: &mut Model, world: &mut World, nth: usize, is_outbound: bool) {
    let Some(flow) = model.flows.get(nth % model.flows.len().max(1)) else {
        return;
    };
    if is_outbound {
        let sent = flow.next_packet();
        send(model, world, sent);
    } else {
        let sent = flow.next_answer();
        answer(model, world, sent);
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

fn send(model: &mut Model, world: &mut World, sent: Sent) {
    let (source, target) = (&sent.source.to_string(), &sent.target.to_string());
    let packet = match sent.kind {
        Packet::Echo => echo_request(source, target, sent.port),
        _ => packet_of(&sent),
    };
    let got = world.handle(sent.from, &packet);
    model.outbound(sent, got);
}

fn answer(model: &mut Model, world: &mut World, sent: Sent) {
    let (source, target) = (&sent.source.to_string(), &sent.target.to_string());
    let packet = match sent.kind {
        Packet::Echo => echo_reply(source, target, sent.port),
        _ => packet_of(&sent),
    };
    let got = world.handle(sent.from, &packet);
    let expected = model.inbound(sent);
    assert_eq!(outcome(got), expected, "{sent:?}");
}

fn packet_of(sent: &Sent) -> Vec<u8> {
    let (source, target) = (&sent.source.to_string(), &sent.target.to_string());
    let ports = (sent.port, sent.port);
    match sent.kind {
        Packet::Syn => tcp(source, target, ports, SYN),
        Packet::Segment => tcp(source, target, ports, ACK),
        Packet::Udp => udp(source, target, ports),
        Packet::Echo => panic!("which way?"),
    }
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
