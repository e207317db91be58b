#![allow(unsafe_code, reason = "who is at the other end is asked by getsockopt")]

use std::fs::{self, DirBuilder, Metadata, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::{DirBuilderExt, FileTypeExt, MetadataExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};

use rustix::fs::Mode;
use rustix::process::{geteuid, umask};
use thiserror::Error;

use crate::log_warn;

#[derive(Debug, Error)]
pub(crate) enum SocketFault {
    #[error("the socket {} belongs to a running program: stop that program first", .0.display())]
    Taken(PathBuf),
    #[error("{} exists and is not a socket: remove it or choose another path", .0.display())]
    NotASocket(PathBuf),
    #[error("the socket {} can not be made: {}", path.display(), explain(cause))]
    Failed { path: PathBuf, cause: io::Error },
}

fn explain(cause: &io::Error) -> String {
    match cause.kind() {
        ErrorKind::PermissionDenied => {
            "no permission (run as root, or choose another folder)".into()
        }
        ErrorKind::NotFound => "its folder does not exist".into(),
        ErrorKind::InvalidInput => {
            "its path is longer than the 107 bytes that a socket may have".into()
        }
        _ => cause.to_string(),
    }
}

/// A listening socket with mode 0600. Its file goes when it does.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: UnixListener,
    path: PathBuf,
    identity: (u64, u64),
}

impl Listener {
    /// Replaces what a dead program has left at `path`; a live one keeps it.
    pub(crate) fn open(path: &Path) -> Result<Listener, SocketFault> {
        refuse_taken(path)?;
        Listener::make(path).map_err(|cause| SocketFault::Failed {
            path: path.to_owned(),
            cause,
        })
    }

    /// The folder as wireguard-go makes it, if it is missing.
    pub(crate) fn open_with_folder(path: &Path) -> Result<Listener, SocketFault> {
        if let Some(folder) = path.parent() {
            DirBuilder::new()
                .mode(0o755)
                .recursive(true)
                .create(folder)
                .map_err(|cause| SocketFault::Failed {
                    path: path.to_owned(),
                    cause,
                })?;
        }
        Listener::open(path)
    }

    /// Nobody sees the socket before it listens and has its mode: it gets its name last.
    fn make(path: &Path) -> io::Result<Listener> {
        let mut draft = path.as_os_str().to_owned();
        draft.push(format!(".{}", std::process::id()));
        let draft = PathBuf::from(draft);
        let _ = fs::remove_file(&draft);
        let before = umask(Mode::from_raw_mode(0o177));
        let bound = UnixListener::bind(&draft);
        umask(before);
        let named = bound.and_then(|socket| Ok((name(&socket, &draft, path)?, socket)));
        if named.is_err() {
            // Its file is there before it listens.
            let _ = fs::remove_file(&draft);
        }
        let (made, socket) = named?;
        Ok(Listener {
            socket,
            path: path.to_owned(),
            identity: identity(&made),
        })
    }

    /// The next caller who may talk to us, if one waits. Others are hung up on.
    pub(super) fn accept(&self) -> io::Result<Option<UnixStream>> {
        loop {
            match self.socket.accept() {
                Ok((stream, _)) if may_talk(&stream) => {
                    stream.set_nonblocking(true)?;
                    return Ok(Some(stream));
                }
                Ok(_) => log_warn!("{}: refused a caller of another user", self.path.display()),
                Err(cause) if cause.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(cause) if cause.kind() == ErrorKind::Interrupted => {}
                Err(cause) if cause.raw_os_error() == Some(libc::ECONNABORTED) => {}
                Err(cause) => return Err(cause),
            }
        }
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Listener {
    /// Another engine may have taken the name since; its file is not ours to remove.
    fn drop(&mut self) {
        if fs::symlink_metadata(&self.path).is_ok_and(|now| identity(&now) == self.identity) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

fn refuse_taken(path: &Path) -> Result<(), SocketFault> {
    let Ok(found) = fs::symlink_metadata(path) else {
        return Ok(());
    };
    if !found.file_type().is_socket() {
        return Err(SocketFault::NotASocket(path.to_owned()));
    }
    match UnixStream::connect(path) {
        Err(cause) if cause.kind() == ErrorKind::ConnectionRefused => Ok(()),
        Err(cause) if cause.kind() == ErrorKind::NotFound => Ok(()),
        Err(cause) => Err(SocketFault::Failed {
            path: path.to_owned(),
            cause,
        }),
        Ok(_) => Err(SocketFault::Taken(path.to_owned())),
    }
}

fn name(socket: &UnixListener, draft: &Path, path: &Path) -> io::Result<Metadata> {
    socket.set_nonblocking(true)?;
    fs::set_permissions(draft, Permissions::from_mode(0o600))?;
    let made = fs::symlink_metadata(draft)?;
    fs::rename(draft, path)?;
    Ok(made)
}

fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

fn may_talk(stream: &UnixStream) -> bool {
    let caller = user_of(stream);
    caller == Some(0) || caller == Some(geteuid().as_raw())
}

/// Not rustix's: that one can not express the process number 0, which a caller from another container has.
fn user_of(stream: &UnixStream) -> Option<u32> {
    let mut peer = libc::ucred {
        pid: 0,
        uid: 0,
        gid: 0,
    };
    let mut size = size_of::<libc::ucred>() as libc::socklen_t;
    let place = (&raw mut peer).cast();
    let (level, name) = (libc::SOL_SOCKET, libc::SO_PEERCRED);
    // SAFETY: peer is a whole ucred of this size that outlives the call, and the descriptor is open.
    let done = unsafe { libc::getsockopt(stream.as_raw_fd(), level, name, place, &raw mut size) };
    (done == 0).then_some(peer.uid)
}
