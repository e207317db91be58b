use std::io;
use std::marker::PhantomData;
use std::mem::zeroed;
use std::net::{IpAddr, SocketAddr};

use crate::address::RawAddress;
use crate::ancillary::Space;
use crate::delivery;
use crate::door::Door;
use crate::ecn::Ecn;

/// The kernel takes 64 segments a send (newer ones 128).
const MAX_SEGMENTS: usize = 64;
/// A super-datagram is bound by one IP packet's length before it is bound by segments: 45 of 1452 bytes.
const MAX_SUPER_BYTES_V4: usize = 65_535 - 20 - 8;
const MAX_SUPER_BYTES_V6: usize = 65_535 - 40 - 8;
const MAX_GROUPS: usize = 64;
const MAX_VECTORS: usize = 512;

/// A local address to send from, and the interface it belongs to (0: whichever routing says).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Source {
    pub ip: IpAddr,
    pub interface: u32,
}

/// How a datagram travels. Neighbours with equal routes may travel as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    pub to: SocketAddr,
    pub source: Option<Source>,
    pub ecn: Ecn,
}

impl Route {
    pub fn to(to: SocketAddr) -> Route {
        Route {
            to,
            source: None,
            ecn: Ecn::NotCapable,
        }
    }
}

/// What became of the datagrams handed to a batch.
#[derive(Debug, Default)]
pub struct SendReport {
    pub sent: usize,
    pub dropped: usize,
    /// The local address is gone; the datagrams left from the one that routing chose.
    pub refused_sources: usize,
    /// The kernel refuses super-datagrams on this way, for the first time on this door: datagrams leave one by one for a
    /// while.
    pub has_stopped_segmenting: bool,
    pub last_error: Option<io::Error>,
}

/// Datagrams of one route and one size (the last may be shorter): one message for the kernel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Group {
    pub(crate) route: Route,
    pub(crate) first_vector: usize,
    pub(crate) vectors: usize,
    pub(crate) segment_bytes: usize,
    pub(crate) segments: usize,
    pub(crate) bytes: usize,
}

/// Reusable room for sending. Each sending thread has its own.
#[derive(Debug)]
pub struct Outbox {
    pub(crate) groups: Vec<Group>,
    pub(crate) vectors: Vec<libc::iovec>,
    pub(crate) headers: Vec<libc::mmsghdr>,
    pub(crate) addresses: Vec<RawAddress>,
    pub(crate) controls: Vec<Space>,
}

// SAFETY: the pointers in vectors and headers live only while a Batch borrows the outbox and the bytes; between
// batches nothing reads them, so that the outbox may move to another thread.
unsafe impl Send for Outbox {}

impl Default for Outbox {
    fn default() -> Outbox {
        // SAFETY: mmsghdr is plain data for which all zeroes is a value.
        let header = unsafe { zeroed::<libc::mmsghdr>() };
        Outbox {
            groups: Vec::with_capacity(MAX_GROUPS),
            vectors: Vec::with_capacity(MAX_VECTORS),
            headers: vec![header; MAX_GROUPS],
            addresses: vec![crate::address::empty(); MAX_GROUPS],
            controls: vec![Space::default(); MAX_GROUPS],
        }
    }
}

impl Outbox {
    pub fn new() -> Outbox {
        Outbox::default()
    }

    /// Begins a batch for one door; it leaves at [`Batch::send`], or before when it is full.
    pub fn batch<'a, 'b>(&'a mut self, door: &'a Door) -> Batch<'a, 'b> {
        self.groups.clear();
        self.vectors.clear();
        Batch {
            outbox: self,
            door,
            report: SendReport::default(),
            bytes: PhantomData,
        }
    }
}

/// Datagrams on their way out. They are borrowed, not copied, until the batch is sent.
#[derive(Debug)]
pub struct Batch<'a, 'b> {
    outbox: &'a mut Outbox,
    door: &'a Door,
    report: SendReport,
    bytes: PhantomData<&'b [u8]>,
}

impl<'b> Batch<'_, 'b> {
    /// The destination must be of the door's family.
    pub fn push(&mut self, route: Route, datagram: &'b [u8]) {
        if datagram.is_empty() {
            return;
        }
        if self.joins_last(&route, datagram.len()) {
            return self.join(datagram);
        }
        if self.outbox.groups.len() == MAX_GROUPS {
            self.flush();
        }
        self.begin(route, datagram);
    }

    /// Hands everything to the kernel and tells what became of it, early departures included.
    pub fn send(mut self) -> SendReport {
        self.flush();
        std::mem::take(&mut self.report)
    }

    fn joins_last(&self, route: &Route, bytes: usize) -> bool {
        let Some(group) = self.outbox.groups.last() else {
            return false;
        };
        let most = if route.to.is_ipv4() {
            MAX_SUPER_BYTES_V4
        } else {
            MAX_SUPER_BYTES_V6
        };
        // A group ends with its first shorter datagram.
        let is_even = group.bytes == group.segment_bytes * group.segments;
        self.door.segmentation.is_on()
            && is_even
            && bytes <= group.segment_bytes
            && group.segments < MAX_SEGMENTS
            && group.bytes + bytes <= most
            && self.outbox.vectors.len() < MAX_VECTORS
            && group.route == *route
    }

    fn join(&mut self, datagram: &'b [u8]) {
        let Some(group) = self.outbox.groups.last_mut() else {
            return;
        };
        group.segments += 1;
        group.bytes += datagram.len();
        let start = datagram.as_ptr();
        match self.outbox.vectors.last_mut() {
            Some(last)
                if last
                    .iov_base
                    .cast_const()
                    .cast::<u8>()
                    .wrapping_add(last.iov_len)
                    == start =>
            {
                last.iov_len += datagram.len();
            }
            _ => {
                self.outbox.vectors.push(vector(datagram));
                group.vectors += 1;
            }
        }
    }

    fn begin(&mut self, route: Route, datagram: &'b [u8]) {
        if self.outbox.vectors.len() == MAX_VECTORS {
            self.flush();
        }
        self.outbox.groups.push(Group {
            route,
            first_vector: self.outbox.vectors.len(),
            vectors: 1,
            segment_bytes: datagram.len(),
            segments: 1,
            bytes: datagram.len(),
        });
        self.outbox.vectors.push(vector(datagram));
    }

    fn flush(&mut self) {
        delivery::deliver(self.door, self.outbox, &mut self.report);
        self.outbox.groups.clear();
        self.outbox.vectors.clear();
    }
}

fn vector(bytes: &[u8]) -> libc::iovec {
    libc::iovec {
        iov_base: bytes.as_ptr().cast_mut().cast(),
        iov_len: bytes.len(),
    }
}
