use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::event::{EventfdFlags, eventfd};

/// Wakes a thread that polls: any clone rings, the owner polls and then silences.
#[derive(Clone, Debug)]
pub(crate) struct Bell {
    descriptor: Arc<OwnedFd>,
}

impl Bell {
    pub(crate) fn new() -> io::Result<Bell> {
        let descriptor = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Bell {
            descriptor: Arc::new(descriptor),
        })
    }

    /// A bell that rings already stays so; that is all an error here could mean.
    pub(crate) fn ring(&self) {
        let _ = rustix::io::write(&*self.descriptor, &1u64.to_ne_bytes());
    }

    pub(crate) fn silence(&self) {
        let _ = rustix::io::read(&*self.descriptor, &mut [0; 8]);
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}
