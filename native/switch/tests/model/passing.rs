//! A packet passes both, switch and model, and both must say the same of it.
use super::steps::{Packet, Sent};
use super::{Model, Outcome, outcome};
use crate::world::World;
use crate::world::packets::{ACK, FIN, RST, SYN, cut, echo_reply, echo_request, tcp, udp};

pub(super) fn pass(model: &mut Model, world: &mut World, sent: Sent, is_outbound: bool) {
    let got = outcome(world.handle(sent.from, &packet_of(&sent, is_outbound)));
    compare(model, sent, is_outbound, got);
}

/// The first piece is judged as the whole would be, and the others go where it went.
pub(super) fn pass_in_pieces(model: &mut Model, world: &mut World, sent: Sent, is_outbound: bool) {
    // No other datagram of these seconds has this number.
    let id = world.shown as u32;
    let pieces = cut(&packet_of(&sent, is_outbound), 8, id);
    let got = outcome(world.handle(sent.from, &pieces[0]));
    compare(model, sent, is_outbound, got);
    for later in &pieces[1..] {
        let then = outcome(world.handle(sent.from, later));
        assert_eq!(then, got.or(Err("fragment")), "a later piece of {sent:?}");
    }
}

fn compare(model: &mut Model, sent: Sent, is_outbound: bool, got: Outcome) {
    match is_outbound {
        true => model.outbound(sent, got),
        false => assert_eq!(got, model.inbound(sent), "{sent:?}"),
    }
}

fn packet_of(sent: &Sent, is_outbound: bool) -> Vec<u8> {
    let (source, target) = (&sent.source.to_string(), &sent.target.to_string());
    let ports = (sent.port, sent.port);
    match sent.kind {
        Packet::Syn => tcp(source, target, ports, SYN),
        Packet::Segment => tcp(source, target, ports, ACK),
        Packet::Fin => tcp(source, target, ports, FIN | ACK),
        Packet::Reset => tcp(source, target, ports, RST),
        Packet::Udp => udp(source, target, ports),
        Packet::Echo if is_outbound => echo_request(source, target, sent.port),
        Packet::Echo => echo_reply(source, target, sent.port),
    }
}
