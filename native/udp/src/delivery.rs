//! The way into the kernel: `sendmmsg`, and what to do about what it refuses.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use crate::address::{self, RawAddress};
use crate::ancillary::{Space, Writer};
use crate::door::Door;
use crate::ecn::Ecn;
use crate::outbox::{Group, Outbox, Route, SendReport};

/// How long a full send buffer may hold up a thread that waits for room ([`crate::Binding::waits_for_room`]).
const FULL_BUFFER_PATIENCE_MS: libc::c_int = 20;

pub(crate) fn deliver(door: &Door, outbox: &mut Outbox, report: &mut SendReport) {
    point_headers(door, outbox);
    let mut done = 0;
    while let Some(group) = outbox.groups.get(done).copied() {
        let waiting = outbox
            .headers
            .get_mut(done..outbox.groups.len())
            .unwrap_or_default();
        match send_many(door, waiting) {
            Ok(sent) => {
                let gone = outbox.groups.iter().skip(done).take(sent);
                report.sent += gone.map(|group| group.segments).sum::<usize>();
                done += sent.max(1);
            }
            Err(cause) => {
                let vectors = outbox.vectors.get(group.first_vector..).unwrap_or_default();
                let vectors = vectors.get(..group.vectors).unwrap_or_default();
                retry(door, &group, vectors, cause, report);
                done += 1;
            }
        }
    }
}

fn point_headers(door: &Door, outbox: &mut Outbox) {
    let sides = outbox.addresses.iter_mut().zip(&mut outbox.controls);
    for ((group, header), (raw, control)) in
        outbox.groups.iter().zip(&mut outbox.headers).zip(sides)
    {
        let segment = if group.segments > 1 {
            u16::try_from(group.segment_bytes).ok()
        } else {
            None
        };
        let vectors = outbox
            .vectors
            .get_mut(group.first_vector..)
            .unwrap_or_default();
        point_header(
            door,
            &mut header.msg_hdr,
            &group.route,
            segment,
            raw,
            control,
        );
        header.msg_hdr.msg_iov = vectors.as_mut_ptr();
        header.msg_hdr.msg_iovlen = group.vectors as _;
    }
}

fn point_header(
    door: &Door,
    header: &mut libc::msghdr,
    route: &Route,
    segment: Option<u16>,
    raw: &mut RawAddress,
    control: &mut Space,
) {
    let mut writer = Writer::new(control);
    if door.is_connected() {
        header.msg_name = std::ptr::null_mut();
        header.msg_namelen = 0;
    } else {
        header.msg_namelen = address::encode(route.to, raw);
        header.msg_name = std::ptr::from_mut(raw).cast();
        if let Some(source) = route.source {
            writer.source(source);
        }
    }
    header.msg_flags = 0;
    if route.ecn != Ecn::NotCapable {
        writer.ecn(route.ecn, route.to.is_ipv6());
    }
    if let Some(bytes) = segment {
        writer.segment_bytes(bytes);
    }
    header.msg_controllen = writer.used_bytes() as _;
    header.msg_control = control.as_mut_ptr().cast();
}

/// Sends as many messages as the kernel takes; an error concerns the first of them.
fn send_many(door: &Door, headers: &mut [libc::mmsghdr]) -> io::Result<usize> {
    let (mut waited, mut was_refused) = (false, false);
    loop {
        // SAFETY: point_headers has set each header to live parts of the outbox and to bytes that the batch borrows.
        let sent = unsafe {
            let count = headers.len() as libc::c_uint;
            libc::sendmmsg(
                door.as_fd().as_raw_fd(),
                headers.as_mut_ptr(),
                count,
                libc::MSG_DONTWAIT,
            )
        };
        if let Ok(sent) = usize::try_from(sent) {
            return Ok(sent);
        }
        let cause = io::Error::last_os_error();
        match cause.kind() {
            io::ErrorKind::Interrupted => {}
            io::ErrorKind::WouldBlock if !waited && door.waits_for_room() => {
                wait_for_room(door);
                waited = true;
            }
            // What a connected socket has heard about an earlier datagram. It says so once, and has sent nothing yet.
            io::ErrorKind::ConnectionRefused if !was_refused => was_refused = true,
            _ => return Err(cause),
        }
    }
}

fn wait_for_room(door: &Door) {
    let mut poll = libc::pollfd {
        fd: door.as_fd().as_raw_fd(),
        events: libc::POLLOUT,
        revents: 0,
    };
    // SAFETY: poll is one valid pollfd.
    unsafe { libc::poll(&raw mut poll, 1, FULL_BUFFER_PATIENCE_MS) };
}

/// The kernel refused a whole group. Two of its reasons do not concern the datagrams: this path can not take
/// super-datagrams, or the local address is gone.
fn retry(
    door: &Door,
    group: &Group,
    vectors: &[libc::iovec],
    cause: io::Error,
    report: &mut SendReport,
) {
    let reason = cause.raw_os_error().unwrap_or(0);
    if reason == libc::EIO && group.segments > 1 {
        report.has_stopped_segmenting |= door.segmentation.rest();
    }
    let is_about_segments =
        group.segments > 1 && matches!(reason, libc::EIO | libc::EINVAL | libc::EMSGSIZE);
    let is_about_source = group.route.source.is_some()
        && matches!(
            reason,
            libc::EINVAL | libc::EADDRNOTAVAIL | libc::ENETUNREACH | libc::ENODEV
        );
    if !is_about_segments && !is_about_source {
        report.dropped += group.segments;
        report.last_error = Some(cause);
        return;
    }
    for vector in vectors {
        let mut left = *vector;
        while left.iov_len > 0 {
            let len = left.iov_len.min(group.segment_bytes);
            retry_one(
                door,
                &group.route,
                libc::iovec {
                    iov_len: len,
                    ..left
                },
                report,
            );
            left.iov_base = left.iov_base.cast::<u8>().wrapping_add(len).cast();
            left.iov_len -= len;
        }
    }
}

fn retry_one(door: &Door, route: &Route, vector: libc::iovec, report: &mut SendReport) {
    let Err(first) = send_one(door, route, vector) else {
        report.sent += 1;
        return;
    };
    if route.source.is_some()
        && send_one(
            door,
            &Route {
                source: None,
                ..*route
            },
            vector,
        )
        .is_ok()
    {
        report.sent += 1;
        report.refused_sources += 1;
        return;
    }
    report.dropped += 1;
    report.last_error = Some(first);
}

fn send_one(door: &Door, route: &Route, mut vector: libc::iovec) -> io::Result<usize> {
    let (mut raw, mut control) = (address::empty(), Space::default());
    // SAFETY: mmsghdr is plain data for which all zeroes is a value.
    let mut header = unsafe { std::mem::zeroed::<libc::mmsghdr>() };
    point_header(
        door,
        &mut header.msg_hdr,
        route,
        None,
        &mut raw,
        &mut control,
    );
    header.msg_hdr.msg_iov = &raw mut vector;
    header.msg_hdr.msg_iovlen = 1;
    send_many(door, std::slice::from_mut(&mut header))
}
