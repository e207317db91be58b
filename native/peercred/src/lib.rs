//! Who is at the other end of a Unix socket, and whether anybody is at that of a pipe, for Node, which can not ask the kernel
//! itself.

use std::io;

use napi::{Error, Result, Status};
use napi_derive::napi;

/// As the kernel knew them when the other end connected.
#[napi(object)]
pub struct PeerCredentials {
    /// 0 when the other end lives in a process namespace that this one can not see.
    pub pid: u32,
    pub uid: u32,
    pub gid: u32,
}

/// Throws when the descriptor is no connected Unix socket.
#[napi]
pub fn peer_credentials(descriptor: i32) -> Result<PeerCredentials> {
    let mut peer = libc::ucred {
        pid: 0,
        uid: 0,
        gid: 0,
    };
    let mut size = size_of::<libc::ucred>() as libc::socklen_t;
    // SAFETY: peer is a whole ucred of this size that outlives the call; a bad descriptor is an error, no harm.
    let done = unsafe {
        let place = (&raw mut peer).cast();
        libc::getsockopt(
            descriptor,
            libc::SOL_SOCKET,
            libc::SO_PEERCRED,
            place,
            &raw mut size,
        )
    };
    if done < 0 {
        return Err(refusal(descriptor, &io::Error::last_os_error()));
    }
    let pid = u32::try_from(peer.pid).unwrap_or(0);
    // A socket that nobody has connected.
    if peer.uid == u32::MAX {
        return Err(refusal(descriptor, &io::ErrorKind::NotConnected.into()));
    }
    Ok(PeerCredentials {
        pid,
        uid: peer.uid,
        gid: peer.gid,
    })
}

/// Whether whoever read the other end of a pipe went away, asked by poll(2), which says so to the writing end as `POLLERR`.
/// False for what is no pipe: a file and a terminal are always read.
#[napi]
pub fn is_unread(descriptor: i32) -> bool {
    let mut end = libc::pollfd {
        fd: descriptor,
        events: 0,
        revents: 0,
    };
    // SAFETY: end is one whole pollfd that outlives the call, which does not wait; a bad descriptor is an answer, no harm.
    let answered = unsafe { libc::poll(&raw mut end, 1, 0) };
    answered > 0 && end.revents & libc::POLLERR != 0
}

fn refusal(descriptor: i32, cause: &io::Error) -> Error {
    let sentence = format!("the other end of descriptor {descriptor} can not be told: {cause}");
    Error::new(Status::InvalidArg, sentence)
}
