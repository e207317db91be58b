//! Nothing before or behind a message is read or written: the pages there are forbidden.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test stops where it cannot go on")]

use std::ptr;
use std::slice;

use culvert_aead::{Key, Packet, TAG, Way};
use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

const PAGE: usize = 4096;

#[test]
fn a_message_may_end_where_its_memory_ends() {
    let (fast, ring) = (Key::new(&[5; 32]), Key::with_way(Way::Ring, &[5; 32]));
    let mut memory = Guarded::new();
    for length in 0..=PAGE - TAG {
        let text: Vec<_> = (0..length + TAG).map(|at| at as u8).collect();
        let mut expected = text.clone();
        assert!(ring.seal(1, &mut expected));
        for at_end in [true, false] {
            let message = memory.message(length + TAG, at_end);
            message.copy_from_slice(&text);

            assert!(fast.seal(1, message));

            assert!(message == expected, "{length}");
            assert_eq!(fast.open(1, message), Some(length));
            assert!(message[..length] == text[..length], "{length}");
        }
    }
}

#[test]
fn messages_of_a_batch_may_end_where_their_memory_ends() {
    let key = Key::new(&[6; 32]);
    let mut memory: Vec<_> = (0..18).map(|_| Guarded::new()).collect();
    for length in (0..400).chain([1_419, 1_420, 1_436, 4_080]) {
        for at_end in [true, false] {
            let mut packets: Vec<_> = memory
                .iter_mut()
                .enumerate()
                .map(|(nth, memory)| {
                    let message = memory.message((length + nth).min(PAGE), at_end);
                    message.fill(nth as u8);
                    Packet::new(nth as u64, message)
                })
                .collect();

            key.seal_all(&mut packets);
            key.open_all(&mut packets);

            for (nth, packet) in packets.iter().enumerate() {
                let text = packet.message.split_last_chunk::<TAG>();
                assert_eq!(packet.is_done, text.is_some());
                let text = text.map_or(&[][..], |(text, _)| text);
                assert!(text.iter().all(|byte| *byte == nth as u8));
            }
        }
    }
}

/// A page between two that nobody may touch.
struct Guarded(*mut u8);

impl Guarded {
    fn new() -> Self {
        let rights = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping, and only its own middle page is made accessible.
        unsafe {
            let all = ProtFlags::empty();
            let start = mmap_anonymous(ptr::null_mut(), 3 * PAGE, all, MapFlags::PRIVATE).unwrap();
            let middle = start.byte_add(PAGE);
            mprotect(middle, PAGE, MprotectFlags::from_bits_retain(rights.bits())).unwrap();
            Self(middle.cast())
        }
    }

    fn message(&mut self, length: usize, at_end: bool) -> &mut [u8] {
        assert!(length <= PAGE);
        let before = if at_end { PAGE - length } else { 0 };
        // SAFETY: inside the middle page, which lives as long as `self` and has no other reference now.
        unsafe { slice::from_raw_parts_mut(self.0.add(before), length) }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        // SAFETY: the whole mapping, to which no reference is left.
        unsafe { munmap(self.0.sub(PAGE).cast(), 3 * PAGE).unwrap() }
    }
}
