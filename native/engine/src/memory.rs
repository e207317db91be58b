//! Whether there is memory for what is about to be done. An allocation that fails ends the program, and with it everybody's
//! traffic; where a caller decides how much is needed, it is asked for first.

use std::hint::black_box;

/// Under a limit (`RLIMIT_AS`, a service manager's) the kernel says so here; where it promises more than it has, it does not.
pub(crate) fn is_there_room_for(bytes: usize) -> bool {
    let mut room: Vec<u8> = Vec::new();
    let is_there = room.try_reserve_exact(bytes).is_ok();
    // Or else the compiler sees that nobody uses it, and asks for nothing.
    black_box(&room);
    is_there
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_room_for_a_little_and_none_for_more_than_an_address_space() {
        assert!(is_there_room_for(0));
        assert!(is_there_room_for(1 << 20));
        assert!(!is_there_room_for(1 << 50));
    }
}
