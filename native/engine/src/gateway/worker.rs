use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Builder, JoinHandle, sleep};
use std::time::Instant;

use culvert_udp::{Door, Doors};
use rustix::event::{PollFd, PollFlags};
use rustix::io::Errno;

use super::lane::Lane;
use super::shared::Shared;
use crate::bell::Bell;
use crate::clean_sleep::poll_cleanly;
use crate::patience::{Patience, let_data_go_first};
use crate::setback::Setback;

/// A thread that waits at its doors and carries what comes.
#[derive(Debug)]
pub(super) struct Worker {
    bell: Bell,
    is_leaving: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

/// What comes to its doors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Duty {
    Data,
    /// A thread of its own keeps a flood of them, and the time that each good one takes, away from data.
    Handshakes,
}

impl Worker {
    /// For the lane of this number.
    pub(super) fn start(shared: Arc<Shared>, number: usize, duty: Duty) -> io::Result<Worker> {
        let bell = Bell::new()?;
        let is_leaving = Arc::new(AtomicBool::new(false));
        let (own_bell, leaving) = (bell.clone(), Arc::clone(&is_leaving));
        let name = match duty {
            Duty::Data => format!("lane {number}"),
            Duty::Handshakes => "handshakes".to_owned(),
        };
        let thread = Builder::new()
            .name(name)
            .spawn(move || run(&shared, number, duty, &own_bell, &leaving))?;
        Ok(Worker {
            bell,
            is_leaving,
            thread,
        })
    }

    /// Makes it look at the doors again.
    pub(super) fn ring(&self) {
        self.bell.ring();
    }

    pub(super) fn stop(self) {
        self.is_leaving.store(true, Ordering::Release);
        self.bell.ring();
        // A thread that panicked has ended the process before.
        let _ = self.thread.join();
    }
}

fn run(shared: &Shared, number: usize, duty: Duty, bell: &Bell, is_leaving: &AtomicBool) {
    let (mut lane, mut setback) = (Lane::new(), Setback::default());
    let mut patience = Patience::new(Instant::now());
    if duty == Duty::Handshakes {
        let_data_go_first();
    }
    while !is_leaving.load(Ordering::Acquire) {
        let doors = shared.doors(number);
        let doors = doors.as_deref();
        match wait(bell, doors) {
            Ok(ready) => {
                if ready.bell {
                    bell.silence();
                }
                let mut refused = 0;
                for door in ready.doors.into_iter().flatten() {
                    if let Some(doors) = doors {
                        refused += lane.carry(shared, doors, door);
                    }
                }
                if duty == Duty::Handshakes
                    && let Some(pause) = patience.pause(refused, Instant::now())
                {
                    sleep(pause);
                }
            }
            Err(Errno::INTR) => {}
            Err(errno) => setback.wait_after("waiting for packets failed", errno),
        }
    }
}

struct Ready<'a> {
    bell: bool,
    doors: [Option<&'a Door>; 2],
}

fn wait<'a>(bell: &Bell, doors: Option<&'a Doors>) -> Result<Ready<'a>, Errno> {
    let v4 = doors.and_then(|doors| doors.v4.as_ref());
    let v6 = doors.and_then(|doors| doors.v6.as_ref());
    // Without a door its place is held by the bell.
    let watch = |door: Option<&'a Door>| match door {
        Some(door) => PollFd::new(door, PollFlags::IN),
        None => PollFd::new(bell, PollFlags::empty()),
    };
    let mut fds = [PollFd::new(bell, PollFlags::IN), watch(v4), watch(v6)];
    poll_cleanly(&mut fds, None)?;
    let [at_bell, at_v4, at_v6] = fds.map(|fd| !fd.revents().is_empty());
    Ok(Ready {
        bell: at_bell,
        doors: [v4.filter(|_| at_v4), v6.filter(|_| at_v6)],
    })
}
