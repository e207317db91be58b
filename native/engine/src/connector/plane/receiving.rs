//! From the gateways: each message is opened, and what was in it goes to the kernel or to the NAT.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use culvert_core::{Endpoint, Now, Peer};
use culvert_netstack::PeerTag;
use culvert_udp::Message;

use super::super::gateways::{OpenDoor, endpoint_at, tag_of};
use super::super::kernel::KernelDoor;
use super::super::outgoing::Outgoing;
use super::Plane;
use super::translating::Translating;
use crate::congestion;

/// Receives before the targets have their turn.
const RECEIVES_PER_ROUND: usize = 4;

impl Plane {
    pub(super) fn receive(&mut self, now: Now) {
        let doors = self.shared.gateways().open_doors();
        for open in &doors {
            for _ in 0..RECEIVES_PER_ROUND {
                if !self.receive_once(now, open) {
                    break;
                }
            }
        }
    }

    /// True when more may wait.
    fn receive_once(&mut self, now: Now, open: &OpenDoor) -> bool {
        match self.inbox.receive(&open.door) {
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
        self.handle_messages(now, endpoint_at(open.remote, open.tag));
        self.inbox.is_full()
    }

    fn handle_messages(&mut self, now: Now, from: Endpoint) {
        let (shared, outgoing) = (&*self.shared, &mut self.outgoing);
        let Outgoing {
            to_devices,
            handshakes,
            ..
        } = outgoing;
        let mut entry = self.kernel.as_mut().map(KernelDoor::enter);
        let mut translating = Translating {
            now: now.instant,
            entrance: &mut self.entrance,
            nat: &mut self.nat,
            helpers: &self.helpers,
            to_devices,
            left_for: 0,
            overrun: 0,
        };
        let mut congested = 0;
        for message in self.inbox.messages() {
            let Message {
                segment_bytes,
                bytes,
                ecn,
                ..
            } = message;
            let delivered = &mut self.delivered;
            let note = |peer: &Arc<Peer>, inner| delivered.push((tag_of(peer), inner));
            shared
                .tunnel
                .receive_segments(now, from, bytes, segment_bytes, handshakes, note);
            for_each_packet(bytes, self.delivered.drain(..), |peer, packet| {
                if !congestion::bring_in(ecn, packet) {
                    congested += 1;
                    return;
                }
                let packet = match &mut entry {
                    Some(entry) => entry.push(peer, packet),
                    None => Some(packet),
                };
                if let Some(packet) = packet {
                    translating.handle(peer, packet);
                }
            });
        }
        if let Some(entry) = entry {
            entry.write();
        }
        shared.drops.count_overrun(translating.finish());
        shared.drops.count_congestion(congested);
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
