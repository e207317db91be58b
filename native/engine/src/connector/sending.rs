//! Toward the gateways: seals each inner packet in place in its batch, and hands it to the kernel together with its
//! neighbours. Handshakes and keepalives travel along.

use std::sync::Arc;

use culvert_core::{Endpoint, HEADROOM, Now, Outbox, Peer, Tunnel};
use culvert_netstack::{Batch, PeerTag};
use culvert_udp::{Doors, Ecn, Route, Source};

#[derive(Default)]
pub(super) struct Sending {
    v4: culvert_udp::Outbox,
    v6: culvert_udp::Outbox,
}

impl Sending {
    /// Tells how many datagrams the kernel would not send.
    pub(super) fn send<'g>(
        &mut self,
        now: Now,
        tunnel: &Tunnel,
        doors: &Doors,
        gateway: impl Fn(PeerTag) -> Option<&'g Arc<Peer>>,
        packets: &mut Batch,
        handshakes: &mut Outbox,
    ) -> u64 {
        let mut ways = Ways {
            v4: doors.v4.as_ref().map(|door| self.v4.batch(door)),
            v6: doors.v6.as_ref().map(|door| self.v6.batch(door)),
        };
        let mut current = None;
        for slot in packets.slots_mut() {
            // A run of packets for one gateway is the rule, so its keys are looked up once.
            if current.as_ref().is_none_or(|(peer, _)| *peer != slot.peer) {
                current = Some((slot.peer, None));
                if let Some(peer) = gateway(slot.peer) {
                    current = Some((slot.peer, tunnel.sealer(now, peer, handshakes)));
                }
            }
            let inner = HEADROOM..HEADROOM + slot.len;
            match &mut current {
                Some((_, Some(sealer))) => {
                    let endpoint = sealer.endpoint();
                    let Ok(range) = sealer.seal(slot.buffer, inner) else {
                        continue;
                    };
                    let sealed: &[u8] = slot.buffer;
                    ways.push(endpoint, sealed.get(range).unwrap_or_default());
                }
                // No session: a copy waits in the tunnel until there is one.
                _ => {
                    if let (Some(peer), Some(packet)) = (gateway(slot.peer), slot.buffer.get(inner))
                    {
                        tunnel.stage(now, peer, packet, handshakes);
                    }
                }
            }
        }
        drop(current);
        for (endpoint, datagram) in handshakes.iter() {
            ways.push(endpoint, datagram);
        }
        ways.send()
    }
}

/// One batch for each family's door.
struct Ways<'a, 'b> {
    v4: Option<culvert_udp::Batch<'a, 'b>>,
    v6: Option<culvert_udp::Batch<'a, 'b>>,
}

impl<'b> Ways<'_, 'b> {
    fn push(&mut self, endpoint: Endpoint, datagram: &'b [u8]) {
        let way = if endpoint.remote.is_ipv4() {
            &mut self.v4
        } else {
            &mut self.v6
        };
        if let Some(way) = way {
            way.push(route_to(endpoint), datagram);
        }
    }

    fn send(self) -> u64 {
        let ways = self.v4.into_iter().chain(self.v6);
        ways.map(|way| way.send().dropped as u64).sum()
    }
}

fn route_to(endpoint: Endpoint) -> Route {
    Route {
        to: endpoint.remote,
        source: endpoint.local.map(|local| Source {
            ip: local.address,
            interface: local.interface,
        }),
        ecn: Ecn::NotCapable,
    }
}
