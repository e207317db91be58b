//! The channel double: frames as the kernel would hand them over become packets, and packets become what it would get.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    reason = "for tests only; each file uses its part"
)]

use std::os::fd::{AsFd, AsRawFd};

use culvert_tun::{Inbox, Offloads, Outbox, Queue, Room, Taken};

pub const ROOM: Room = Room {
    before: 16,
    behind: 32,
};
pub const ALL: Offloads = Offloads {
    tcp: true,
    udp: true,
};

pub fn cut(frame: &[u8]) -> Vec<Vec<u8>> {
    let (kernel, ours) = Queue::pair(ALL).unwrap();
    send_raw(&kernel, frame);
    let mut inbox = Inbox::new(ROOM);
    let mut packets = Vec::new();
    loop {
        inbox.clear();
        while inbox.receive(&ours).unwrap() == Taken::Frame {}
        packets.extend(inbox.packets().map(|packet| packet.bytes().to_vec()));
        if inbox.is_empty() {
            assert_eq!(inbox.malformed(), 0);
            return packets;
        }
    }
}

pub fn glue(packets: &[Vec<u8>]) -> (Vec<Vec<u8>>, usize) {
    glue_with(packets, ALL)
}

pub fn glue_with(packets: &[Vec<u8>], offloads: Offloads) -> (Vec<Vec<u8>>, usize) {
    let (kernel, ours) = Queue::pair(offloads).unwrap();
    let mut packets = packets.to_vec();
    let mut outbox = Outbox::new();
    let mut batch = outbox.batch(&ours);
    packets.iter_mut().for_each(|packet| batch.push(packet));
    let report = batch.write();
    assert!(report.last_error.is_none(), "{report:?}");
    let mut frames = Vec::new();
    while let Some(frame) = receive_raw(&kernel) {
        frames.push(frame);
    }
    (frames, report.writes)
}

pub fn send_raw(queue: &Queue, frame: &[u8]) {
    // SAFETY: frame is readable for its length.
    let sent = unsafe {
        libc::write(
            queue.as_fd().as_raw_fd(),
            frame.as_ptr().cast(),
            frame.len(),
        )
    };
    assert_eq!(sent, frame.len() as isize);
}

pub fn receive_raw(queue: &Queue) -> Option<Vec<u8>> {
    let mut frame = vec![0; 70_000];
    // SAFETY: frame is writable for its length.
    let read = unsafe {
        libc::read(
            queue.as_fd().as_raw_fd(),
            frame.as_mut_ptr().cast(),
            frame.len(),
        )
    };
    frame.truncate(usize::try_from(read).ok()?);
    Some(frame)
}
