use std::io;
use std::mem::zeroed;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};
use std::ptr;

use crate::LARGEST_DATAGRAM_BYTES;
use crate::address::{self, RawAddress};
use crate::ancillary::{self, SPACE_BYTES, Space};
use crate::door::Door;
use crate::ecn::Ecn;
use crate::outbox::Source;

/// One receive: a datagram, or several of one sender that the kernel has glued.
#[derive(Debug)]
pub struct Message<'a> {
    pub from: SocketAddr,
    /// The local address that it was sent to: answers leave from there.
    pub source: Option<Source>,
    pub ecn: Ecn,
    /// All datagrams have this length, but the last may be shorter.
    pub segment_bytes: usize,
    pub bytes: &'a mut [u8],
}

impl<'a> Message<'a> {
    /// The datagrams, in the order of their arrival.
    pub fn into_segments(self) -> impl Iterator<Item = &'a mut [u8]> {
        self.bytes.chunks_mut(self.segment_bytes.max(1))
    }
}

/// Reusable room for one `recvmmsg`: 64 KB a slot, of which the kernel backs only what traffic touches.
#[derive(Debug)]
pub struct Inbox {
    slab: Vec<u8>,
    headroom: usize,
    headers: Vec<libc::mmsghdr>,
    vectors: Vec<libc::iovec>,
    addresses: Vec<RawAddress>,
    controls: Vec<Space>,
    filled: usize,
}

// SAFETY: the pointers in headers and vectors are set anew from the inbox's own vectors before each system call, and
// nothing reads them in between, so that the inbox may move to another thread.
unsafe impl Send for Inbox {}

impl Inbox {
    /// `headroom` bytes stay free before each message.
    pub fn new(slots: usize, headroom: usize) -> Inbox {
        // SAFETY: mmsghdr and iovec are plain data for which all zeroes is a value.
        let (header, vector) = unsafe { (zeroed::<libc::mmsghdr>(), zeroed::<libc::iovec>()) };
        Inbox {
            slab: vec![0; slots * (headroom + LARGEST_DATAGRAM_BYTES)],
            headroom,
            headers: vec![header; slots],
            vectors: vec![vector; slots],
            addresses: vec![address::empty(); slots],
            controls: vec![Space::default(); slots],
            filled: 0,
        }
    }

    /// Takes what waits at the door, at most one message a slot, and returns how many; 0 when nothing waits.
    pub fn receive(&mut self, door: &Door) -> io::Result<usize> {
        self.filled = 0;
        self.point_headers();
        loop {
            // SAFETY: every header points to live, exclusive parts of this inbox with their true sizes.
            let received = unsafe {
                libc::recvmmsg(
                    door.as_fd().as_raw_fd(),
                    self.headers.as_mut_ptr(),
                    self.headers.len() as libc::c_uint,
                    libc::MSG_DONTWAIT,
                    ptr::null_mut(),
                )
            };
            if let Ok(received) = usize::try_from(received) {
                self.filled = received;
                return Ok(received);
            }
            let cause = io::Error::last_os_error();
            match cause.kind() {
                io::ErrorKind::Interrupted => {}
                io::ErrorKind::WouldBlock => return Ok(0),
                _ => return Err(cause),
            }
        }
    }

    /// Whether the last receive filled every slot, so that more may wait.
    pub fn is_full(&self) -> bool {
        self.filled == self.headers.len()
    }

    /// What the last receive brought.
    pub fn messages(&mut self) -> impl Iterator<Item = Message<'_>> {
        let stride = self.headroom + LARGEST_DATAGRAM_BYTES;
        let headroom = self.headroom;
        self.slab
            .chunks_exact_mut(stride)
            .zip(self.headers.iter().zip(&self.addresses))
            .take(self.filled)
            .filter_map(move |(slot, (header, raw))| {
                read_message(slot.get_mut(headroom..)?, header, raw)
            })
    }

    fn point_headers(&mut self) {
        let stride = self.headroom + LARGEST_DATAGRAM_BYTES;
        let slots = self.slab.chunks_exact_mut(stride).zip(&mut self.vectors);
        let sides = self.addresses.iter_mut().zip(&mut self.controls);
        for ((header, (slot, vector)), (raw, control)) in
            self.headers.iter_mut().zip(slots).zip(sides)
        {
            let room = slot.get_mut(self.headroom..).unwrap_or_default();
            vector.iov_base = room.as_mut_ptr().cast();
            vector.iov_len = room.len();
            let message = &mut header.msg_hdr;
            message.msg_name = ptr::from_mut(raw).cast();
            message.msg_namelen = size_of::<RawAddress>() as libc::socklen_t;
            message.msg_iov = vector;
            message.msg_iovlen = 1;
            message.msg_control = control.as_mut_ptr().cast();
            message.msg_controllen = SPACE_BYTES as _;
            message.msg_flags = 0;
        }
    }
}

/// A truncated message can not be a whole datagram, so it counts as lost.
fn read_message<'a>(
    slot: &'a mut [u8],
    header: &libc::mmsghdr,
    raw: &RawAddress,
) -> Option<Message<'a>> {
    if header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0 {
        return None;
    }
    let bytes = slot.get_mut(..header.msg_len as usize)?;
    let beside = ancillary::decode(&header.msg_hdr);
    Some(Message {
        from: address::decode(raw)?,
        source: beside.source,
        ecn: beside.ecn,
        segment_bytes: beside.segment_bytes.map_or(bytes.len(), usize::from),
        bytes,
    })
}
