//! What a switch has around it when it stands in a site: its packets are sealed, and go where the peers are.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use culvert_core::{Outbox, PeerUpdate};
use culvert_switch::config::{Config, PeerHandle};

use super::{GATEWAY_KEY, Site, gateway_address, key_of, public, seal, tunnel};
use crate::world::Carrier;

/// The switch's way to a site that the target keeps, too.
pub(crate) struct Way(pub(crate) Rc<RefCell<Site>>);

impl Carrier for Way {
    fn configure(&mut self, config: &Config) {
        let site = &mut *self.0.borrow_mut();
        site.keep_floors();
        let devices = config.devices.iter().map(|device| device.handle);
        let handles: Vec<_> = devices
            .chain(config.connectors.iter().map(|connector| connector.handle))
            .collect();
        let updates = handles.iter().map(|handle| PeerUpdate {
            tag: Some(u64::from(handle.0)),
            replay_floor: site.floors.get(handle).copied(),
            ..PeerUpdate::new(public(key_of(*handle)))
        });
        site.gateway.replace_peers(site.now, updates.collect());
        site.heard.retain(|handle, _| handles.contains(handle));
        for (handle, member) in &mut site.members {
            member.is_stale |= !handles.contains(handle);
        }
        site.assert_endpoints();
    }

    fn restart(&mut self) {
        let site = &mut *self.0.borrow_mut();
        site.keep_floors();
        site.gateway = tunnel(GATEWAY_KEY, &site.entropy, site.now);
        site.heard.clear();
        site.members
            .values_mut()
            .for_each(|member| member.is_stale = true);
    }

    fn wait(&mut self, ms: u64) {
        let site = &mut *self.0.borrow_mut();
        site.now.instant += Duration::from_millis(ms);
        site.now.unix += Duration::from_millis(ms);
        let mut datagrams = Vec::new();
        let mut outbox = Outbox::new();
        site.gateway.handle_timeout(site.now, &mut outbox);
        let sent = outbox.iter();
        datagrams.extend(sent.map(|(to, bytes)| (gateway_address(), to.remote, bytes.to_vec())));
        for member in site.members.values() {
            let mut outbox = Outbox::new();
            member
                .tunnel
                .handle_timeout(member.clock(site.now), &mut outbox);
            let sent = outbox.iter();
            datagrams.extend(sent.map(|(to, bytes)| (member.address, to.remote, bytes.to_vec())));
        }
        site.carry(datagrams);
    }

    fn arrive(&mut self, from: PeerHandle, packet: &[u8]) -> Option<(PeerHandle, Vec<u8>)> {
        let site = &mut *self.0.borrow_mut();
        let is_peer = site.peer(from).is_some();
        if is_peer && site.members.get(&from)?.is_stale {
            site.renew(from);
        }
        let mut arrived = site.send(from, packet);
        assert!(is_peer || arrived.is_empty(), "{from:?} is no peer");
        if is_peer && is_sound(packet) {
            assert_eq!(
                arrived,
                [(from, packet.to_vec())],
                "what a peer sends, arrives"
            );
        }
        arrived.pop()
    }

    /// It goes to where the peer was heard last, and comes out there if it is there still.
    fn leave(&mut self, to: PeerHandle, packet: &[u8]) {
        let site = &mut *self.0.borrow_mut();
        let Some(peer) = site.peer(to) else {
            panic!("a packet for {to:?}, who is no peer");
        };
        if !site.heard.contains_key(&to) {
            // A peer that has not spoken since the gateway began is where nobody knows.
            site.renew(to);
            site.send(to, &[]);
        }
        let datagrams = seal(&site.gateway, site.now, &peer, packet);
        let heard = site.heard[&to];
        assert!(datagrams.iter().all(|(address, _)| *address == heard));
        let is_there = site.members[&to].address == heard && !site.members[&to].is_stale;
        let sent = datagrams.into_iter();
        let arrived = site.carry(
            sent.map(|(to, bytes)| (gateway_address(), to, bytes))
                .collect(),
        );
        if is_there {
            assert_eq!(
                arrived,
                [(to, packet.to_vec())],
                "it goes to where the peer is"
            );
        } else {
            assert!(arrived.is_empty(), "somebody else got it");
        }
    }
}

/// A packet whose length is what its header says.
fn is_sound(packet: &[u8]) -> bool {
    match packet.first().map(|first| first >> 4) {
        Some(4) => {
            packet.len() >= 20
                && u16::from_be_bytes([packet[2], packet[3]]) as usize == packet.len()
        }
        Some(6) => {
            packet.len() >= 40
                && u16::from_be_bytes([packet[4], packet[5]]) as usize + 40 == packet.len()
        }
        _ => false,
    }
}
