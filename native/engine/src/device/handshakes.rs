//! What comes to the doors for handshakes: all that is no data message, and what GRO has glued behind. A thread of its own
//! keeps a flood of them, and the time that each good one takes, away from data.

use std::os::fd::AsFd;
use std::thread::sleep;
use std::time::Instant;

use culvert_udp::{Door, Doors};
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;

use super::inward::Inward;
use super::shared::Shared;
use crate::clean_sleep::poll_cleanly;
use crate::patience::{Patience, let_data_go_first};
use crate::setback::Setback;

pub(super) fn run(shared: &Shared) {
    let_data_go_first();
    let (mut inward, mut setback) = (Inward::new(shared), Setback::default());
    let mut patience = Patience::new(Instant::now());
    while !shared.is_stopping() {
        // Asked for anew each round: the bell has rung if they were exchanged.
        let doors = shared.handshake_doors();
        match wait(shared, doors.as_deref()) {
            Ok(ready) => {
                let ready = ready.into_iter().flatten();
                let refused = ready.map(|door| inward.empty(door)).sum();
                if let Some(pause) = patience.pause(refused, Instant::now()) {
                    sleep(pause);
                }
            }
            Err(Errno::INTR) => {}
            Err(errno) => setback.wait_after("waiting for handshakes failed", errno),
        }
    }
}

/// The doors at which something waits.
fn wait<'d>(shared: &Shared, doors: Option<&'d Doors>) -> Result<[Option<&'d Door>; 2], Errno> {
    let bell = shared.handshake_bell.as_fd();
    let v4 = doors.and_then(|doors| doors.v4.as_ref());
    let v6 = doors.and_then(|doors| doors.v6.as_ref());
    // What is not there is replaced by the bell once more.
    let [at_v4, at_v6] = [v4, v6].map(|door| door.map_or(bell, AsFd::as_fd));
    let mut fds = [&bell, &at_v4, &at_v6].map(|fd| PollFd::new(fd, PollFlags::IN));
    poll_cleanly(&mut fds, None)?;
    let [at_bell, at_v4, at_v6] = fds.map(|fd| !fd.revents().is_empty());
    if at_bell {
        shared.handshake_bell.silence();
    }
    Ok([v4.filter(|_| at_v4), v6.filter(|_| at_v6)])
}
