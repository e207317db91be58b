//! The memory of a connection's two rings: as much address space as they may ever fill, and pages only where they are
//! filled. From the allocator it would be neither: a ring that another connection has used comes back with all its pages
//! touched, and ten thousand connections cost ten gigabytes.
#![allow(unsafe_code, reason = "memory is mapped by the page, and given back")]

use std::io;
use std::ptr::NonNull;
use std::slice;

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

/// Half a megabyte each way carries 40 Mbit/s over 100 ms and 400 over 10.
pub(crate) const RING_BYTES: usize = 512 * 1024;

pub(crate) struct RingMemory {
    start: NonNull<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ring {
    FromDevice,
    ToDevice,
}

// SAFETY: the mapping belongs to this value alone, whichever thread has it.
unsafe impl Send for RingMemory {}

impl RingMemory {
    pub(crate) fn new() -> io::Result<Self> {
        // SAFETY: a new private mapping at an address of the kernel's choice touches nothing that exists.
        let start = unsafe {
            mmap_anonymous(
                std::ptr::null_mut(),
                2 * RING_BYTES,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE | MapFlags::NORESERVE,
            )
        }?;
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Self { start })
    }

    /// One ring, all zero at first.
    ///
    /// # Safety
    /// Once for each ring, and what is made of it must be gone before this value is.
    pub(crate) unsafe fn ring(&self, ring: Ring) -> &'static mut [u8] {
        // SAFETY: within the mapping, which is readable, writable and initialised by the kernel; the caller makes sure that
        // nobody else has this half and that it ends before the mapping.
        unsafe { slice::from_raw_parts_mut(self.place(ring), RING_BYTES) }
    }

    /// Gives the pages of a ring back. It reads as zeroes afterwards, so nothing may be in it. A kernel that does not take
    /// them leaves them to us, which costs memory only.
    pub(crate) fn release(&mut self, ring: Ring) {
        // SAFETY: whole pages of our own mapping; zeroes are as good bytes as any to whoever holds the ring.
        let _ = unsafe { madvise(self.place(ring).cast(), RING_BYTES, Advice::LinuxDontNeed) };
    }

    fn place(&self, ring: Ring) -> *mut u8 {
        let offset = match ring {
            Ring::FromDevice => 0,
            Ring::ToDevice => RING_BYTES,
        };
        // SAFETY: both offsets lie in the mapping of two rings.
        unsafe { self.start.add(offset) }.as_ptr()
    }
}

impl Drop for RingMemory {
    fn drop(&mut self) {
        // SAFETY: our own mapping, whose rings are gone by the promise of `ring`.
        let unmapped = unsafe { munmap(self.start.as_ptr().cast(), 2 * RING_BYTES) };
        debug_assert!(unmapped.is_ok());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg_attr(miri, ignore = "Miri maps no memory that is reserved nowhere")]
    fn rings_are_apart_and_empty_when_released() {
        let mut memory = RingMemory::new().unwrap();
        // SAFETY: each once, and last used before `memory` ends.
        let (from, to) = unsafe { (memory.ring(Ring::FromDevice), memory.ring(Ring::ToDevice)) };
        from.fill(1);
        to.fill(2);

        memory.release(Ring::FromDevice);

        assert!(from.iter().all(|byte| *byte == 0) && to.iter().all(|byte| *byte == 2));
    }
}
