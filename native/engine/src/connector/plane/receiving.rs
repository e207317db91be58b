//! From the gateways: each message is opened, and what was in it goes to the kernel or to the NAT.

use std::io;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;

use culvert_core::{Endpoint, Now, Peer};
use culvert_netstack::PeerTag;
use culvert_udp::{Door, Message};

use super::super::gateways::{endpoint_at, tag_of};
use super::super::kernel::KernelDoor;
use super::Plane;
use crate::congestion;

/// Receives before the targets have their turn.
const RECEIVES_PER_ROUND: usize = 4;

impl Plane {
    pub(super) fn receive(&mut self, now: Now) {
        let gateways = std::mem::take(&mut self.gateways);
        for (tag, remote, door) in gateways.doors() {
            for _ in 0..RECEIVES_PER_ROUND {
                if !self.receive_once(now, tag, remote, door) {
                    break;
                }
            }
        }
        self.gateways = gateways;
    }

    /// True when more may wait.
    fn receive_once(&mut self, now: Now, tag: PeerTag, remote: SocketAddr, door: &Door) -> bool {
        match self.inbox.receive(door) {
            Ok(0) => return false,
            Ok(_) => {}
            // Nobody listens there just now: a gateway that is restarted says hello when it is back.
            Err(cause) if cause.kind() == io::ErrorKind::ConnectionRefused => return true,
            Err(cause) => {
                self.want_renewal();
                let setback = &mut self.setback;
                setback.wait_after("nothing can be received from a gateway just now", cause);
                return false;
            }
        }
        self.handle_messages(now, endpoint_at(remote, tag));
        self.inbox.is_full()
    }

    fn handle_messages(&mut self, now: Now, from: Endpoint) {
        let mut entry = self.kernel.as_mut().map(KernelDoor::enter);
        for message in self.inbox.messages() {
            let Message {
                segment_bytes,
                bytes,
                ecn,
                ..
            } = message;
            let (delivered, handshakes) = (&mut self.delivered, &mut self.handshakes);
            let note = |peer: &Arc<Peer>, inner| delivered.push((tag_of(peer), inner));
            self.tunnel
                .receive_segments(now, from, bytes, segment_bytes, handshakes, note);
            for_each_packet(bytes, self.delivered.drain(..), |peer, packet| {
                if !congestion::bring_in(ecn, packet) {
                    self.congestion_drops += 1;
                    return;
                }
                let packet = match &mut entry {
                    Some(entry) => entry.push(peer, packet),
                    None => Some(packet),
                };
                if let Some(packet) = packet {
                    self.nat
                        .handle_packet(now.instant, peer, packet, &mut self.to_devices);
                }
            });
        }
        if let Some(entry) = entry {
            entry.write();
        }
        self.nat.flush(now.instant, &mut self.to_devices);
    }
}

/// They lie in `bytes` one behind the other.
fn for_each_packet<'b>(
    bytes: &'b mut [u8],
    delivered: impl Iterator<Item = (PeerTag, Range<usize>)>,
    mut handle: impl FnMut(PeerTag, &'b mut [u8]),
) {
    let (mut rest, mut at) = (bytes, 0);
    for (peer, inner) in delivered {
        let Some((taken, behind)) = rest.split_at_mut_checked(inner.end - at) else {
            return;
        };
        handle(peer, taken.get_mut(inner.start - at..).unwrap_or_default());
        (rest, at) = (behind, inner.end);
    }
}
