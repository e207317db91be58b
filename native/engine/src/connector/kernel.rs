//! Forwarding by this host's kernel: packets that are for other hosts go into a TUN interface, behind which routing and
//! masquerade are the kernel's (set up by whoever starts the engine, for it has no rights any more). The user-space NAT
//! keeps what is for this host itself, IPv6, and whatever has to be refused, so that nothing of the tunnel ever reaches
//! the kernel's own doors, and a rule judges the same packets in both modes.

mod judge;

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use culvert_core::{HEADROOM, TAILROOM};
use culvert_netstack::{NatConfig, PeerTag, Slot};
use culvert_tun::{Batch, Inbox, Outbox, Queue, Room, Taken, Tun, TunFault, TunOptions};

use self::judge::{Addresses, Judge};

const DEFAULT_MTU: u16 = 1420;
/// Packets that are sealed and sent together.
const BATCH_PACKETS: usize = 64;
pub(crate) struct KernelDoor {
    tun: Tun,
    queue: Queue,
    inbox: Inbox,
    writing: Outbox,
    judge: Judge,
    /// Packets that the interface would not take, or that came out of it for nobody.
    dropped: u64,
}

impl KernelDoor {
    /// Needs CAP_NET_ADMIN, this once. The interface goes with the engine.
    pub(crate) fn open(name: &str) -> Result<Self, TunFault> {
        let (tun, queues) = Tun::create(&TunOptions {
            name: name.to_owned(),
            mtu: DEFAULT_MTU,
            sparse_first: false,
        })?;
        Ok(Self {
            tun,
            queue: queues.bulk,
            inbox: Inbox::new(Room {
                before: HEADROOM,
                behind: TAILROOM,
            }),
            writing: Outbox::new(),
            judge: Judge::default(),
            dropped: 0,
        })
    }

    pub(crate) fn name(&self) -> &str {
        self.tun.name()
    }

    pub(super) fn poll_fd(&self) -> BorrowedFd<'_> {
        self.queue.as_fd()
    }

    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    pub(super) fn configure(&mut self, config: &NatConfig) {
        self.judge.configure(config);
    }

    /// Addresses of this host may have come or gone.
    pub(super) fn forget_own_addresses(&mut self) {
        self.judge.forget_own_addresses();
    }

    /// Begins a batch of packets on their way in.
    pub(super) fn enter<'b>(&mut self) -> Entry<'_, 'b> {
        Entry {
            judge: &mut self.judge,
            batch: self.writing.batch(&self.queue),
            dropped: &mut self.dropped,
        }
    }

    /// Takes what waits, at most one batch. False: nothing waits.
    pub(super) fn read(&mut self) -> io::Result<bool> {
        self.inbox.clear();
        while self.inbox.len() < BATCH_PACKETS {
            if self.inbox.receive(&self.queue)? != Taken::Frame {
                break;
            }
        }
        Ok(!self.inbox.is_empty())
    }

    /// What the last read brought for devices, with the room that sealing needs.
    pub(super) fn answers(&mut self) -> impl Iterator<Item = Slot<'_>> {
        let Self {
            inbox,
            judge,
            dropped,
            ..
        } = self;
        inbox.packets().filter_map(|packet| {
            // The kernel announces itself over IPv6 on each interface, to nobody here.
            let device = Addresses::of(packet.bytes())?.destination;
            let Some(peer) = judge.gateway_for(device) else {
                *dropped += 1;
                return None;
            };
            Some(Slot {
                peer,
                len: packet.len,
                buffer: packet.buffer,
            })
        })
    }
}

/// Packets on their way into the kernel.
pub(super) struct Entry<'a, 'b> {
    judge: &'a mut Judge,
    batch: Batch<'a, 'b>,
    dropped: &'a mut u64,
}

impl<'b> Entry<'_, 'b> {
    /// Gives the packet back if it is not the kernel's.
    pub(super) fn push(&mut self, peer: PeerTag, packet: &'b mut [u8]) -> Option<&'b mut [u8]> {
        if !self.judge.is_for_kernel(peer, packet) {
            return Some(packet);
        }
        self.batch.push(packet);
        None
    }

    pub(super) fn write(self) {
        *self.dropped += self.batch.write().dropped as u64;
    }
}
