#![allow(unsafe_code, reason = "signals are masked and read through libc")]

use std::io;
use std::mem::zeroed;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};

/// SIGTERM and SIGINT as something to poll; SIGPIPE and SIGHUP are ignored.
#[derive(Debug)]
pub(crate) struct Signals {
    descriptor: OwnedFd,
}

impl Signals {
    /// Call before the first thread starts: threads inherit the mask.
    pub(crate) fn catch() -> io::Result<Signals> {
        // SAFETY: sigset_t is plain data that sigemptyset initialises; the calls get valid pointers to it.
        let raw = unsafe {
            libc::signal(libc::SIGPIPE, libc::SIG_IGN);
            libc::signal(libc::SIGHUP, libc::SIG_IGN);
            let mut set = zeroed::<libc::sigset_t>();
            libc::sigemptyset(&raw mut set);
            libc::sigaddset(&raw mut set, libc::SIGTERM);
            libc::sigaddset(&raw mut set, libc::SIGINT);
            libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut());
            libc::signalfd(-1, &raw const set, libc::SFD_CLOEXEC | libc::SFD_NONBLOCK)
        };
        if raw < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: signalfd has just made this descriptor for us alone.
        let descriptor = unsafe { OwnedFd::from_raw_fd(raw) };
        Ok(Signals { descriptor })
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}
