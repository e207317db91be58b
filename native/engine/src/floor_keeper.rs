//! Writes down when peers began, on a thread of its own, so that no disk holds up a thread that carries packets.
//!
//! ```text
//!   data threads ── raise ──▶ what waits to be written ──▶ keeper ── pwrite ──▶ file
//!        ◀── written, or [`PATIENCE`] is over ────────────────┘
//! ```
//! An answer waits until its handshake is written down: microseconds, as a rule. A disk that takes longer, or refuses, is
//! waited for once; from then on answers leave at once, until it has written all that it owes.

use std::collections::BTreeMap;
use std::fs::File;
use std::mem::take;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{io, thread};

use culvert_core::{PublicKey, Tai64n, Tunnel};

use crate::replay_floors::{RECORD, ReplayFloors};
use crate::{log_info, log_warn};

/// Longer than any write that only goes to memory takes on a busy machine, and short enough to be suffered once.
const PATIENCE: Duration = Duration::from_millis(20);
/// Before a refused write is tried again.
const BETWEEN_TRIES: Duration = Duration::from_secs(1);

/// Shared by who configures peers and the threads that answer them.
#[derive(Clone)]
pub(crate) struct SharedFloors(Arc<Desk>);

#[derive(Default)]
struct Desk {
    state: Mutex<State>,
    has_work: Condvar,
    has_written: Condvar,
}

#[derive(Default)]
struct State {
    floors: ReplayFloors,
    /// By their places in the file. At most one each: what is newer replaces what was not written yet.
    waiting: BTreeMap<usize, [u8; RECORD]>,
    /// How many were handed over, and how many of these are written down or were replaced.
    handed: u64,
    written: u64,
    /// Nobody waits for the disk, and that was said.
    is_late: bool,
}

/// From now on nothing is answered before it is written down. Starts a thread if there is a file, which inherits the rights
/// of this one.
pub(crate) fn keep_answers_of(
    tunnel: &Tunnel,
    mut floors: ReplayFloors,
) -> io::Result<SharedFloors> {
    let Some(file) = floors.take_file() else {
        return Ok(SharedFloors(Arc::default()));
    };
    let shared = SharedFloors::start(floors, file)?;
    let own = shared.clone();
    tunnel.set_answer_keeper(Some(Arc::new(move |peer, floor| own.raise(peer, floor))));
    Ok(shared)
}

impl SharedFloors {
    fn start(floors: ReplayFloors, file: File) -> io::Result<SharedFloors> {
        let desk = Arc::new(Desk {
            state: Mutex::new(State {
                floors,
                ..State::default()
            }),
            ..Desk::default()
        });
        let own = Arc::clone(&desk);
        thread::Builder::new()
            .name("keeper".into())
            .spawn(move || keep(&own, &file))?;
        Ok(SharedFloors(desk))
    }

    /// When this peer last began, as far as is known.
    pub(crate) fn of(&self, peer: &PublicKey) -> Option<Tai64n> {
        self.0.locked().floors.of(peer)
    }

    fn raise(&self, peer: &PublicKey, floor: Tai64n) {
        let desk = &*self.0;
        let mut state = desk.locked();
        let Some((number, record)) = state.floors.raise(peer, floor) else {
            return;
        };
        state.waiting.insert(number, record);
        state.handed += 1;
        let own = state.handed;
        desk.has_work.notify_one();
        let is_waited_for = |state: &mut State| state.written < own && !state.is_late;
        let (mut state, outcome) = desk
            .has_written
            .wait_timeout_while(state, PATIENCE, is_waited_for)
            .unwrap_or_else(PoisonError::into_inner);
        if outcome.timed_out() {
            state.be_late("the disk takes too long");
        }
    }
}

impl Desk {
    fn locked(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_for_work(&self) {
        let has_none = |state: &mut State| state.waiting.is_empty();
        drop(self.has_work.wait_while(self.locked(), has_none));
    }

    /// False: not all could be written.
    fn write_waiting(&self, file: &File) -> bool {
        let (records, handed) = {
            let mut state = self.locked();
            (take(&mut state.waiting), state.handed)
        };
        let outcome = records
            .iter()
            .try_for_each(|(number, record)| file.write_all_at(record, place_of(*number)));
        let mut state = self.locked();
        match &outcome {
            Ok(()) => state.have_written(handed),
            Err(cause) => {
                for (number, record) in records {
                    state.waiting.entry(number).or_insert(record);
                }
                state.be_late(&cause.to_string());
            }
        }
        self.has_written.notify_all();
        outcome.is_ok()
    }
}

impl State {
    fn be_late(&mut self, cause: &str) {
        if !self.is_late {
            self.is_late = true;
            log_warn!(
                "when peers began can not be written down just now, so recorded handshakes may work after a restart: {cause}"
            );
        }
    }

    fn have_written(&mut self, handed: u64) {
        self.written = handed;
        if self.is_late && self.waiting.is_empty() {
            self.is_late = false;
            log_info!("when peers began is written down again");
        }
    }
}

/// The thread, for as long as the engine runs.
fn keep(desk: &Desk, file: &File) -> ! {
    loop {
        desk.wait_for_work();
        if !desk.write_waiting(file) {
            thread::sleep(BETWEEN_TRIES);
        }
    }
}

/// In front of the records is what kind of file it is.
fn place_of(number: usize) -> u64 {
    u64::try_from((number + 1) * RECORD).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Instant;

    use super::*;

    const NOW: Duration = Duration::from_secs(1_800_000_000);

    #[test]
    fn what_was_raised_is_in_the_file_when_raising_it_returns() {
        let path = std::env::temp_dir().join(format!("culvert-keeper-{}", std::process::id()));
        let mut floors = ReplayFloors::keep_at(Some(&path), NOW).unwrap();
        let file = floors.take_file().unwrap();
        let shared = SharedFloors::start(floors, file).unwrap();

        for number in 0..50 {
            shared.raise(&PublicKey([number; 32]), stamp(1));
            // A machine that is so busy has said so, and makes up for it later.
            let is_late = shared.0.locked().is_late;
            let written = fs::read(&path).unwrap();
            let record = written.chunks(RECORD).nth(usize::from(number) + 1);
            assert!(is_late || record.unwrap()[..32] == [number; 32]);
        }

        fs::remove_file(&path).unwrap();
        assert_eq!(shared.of(&PublicKey([7; 32])), Some(stamp(1)));
    }

    #[test]
    fn a_disk_that_takes_nothing_holds_nobody_up_twice() {
        let full = fs::OpenOptions::new()
            .write(true)
            .open("/dev/full")
            .unwrap();
        let shared = SharedFloors::start(ReplayFloors::default(), full).unwrap();
        shared.raise(&PublicKey([0; 32]), stamp(1));

        let began = Instant::now();
        for seconds in 2..10_000 {
            shared.raise(&PublicKey([7; 32]), stamp(seconds));
        }

        assert!(began.elapsed() < Duration::from_millis(500));
        let state = shared.0.locked();
        assert_eq!((state.is_late, state.waiting.len()), (true, 2));
        assert_eq!(state.floors.of(&PublicKey([7; 32])), Some(stamp(9999)));
    }

    fn stamp(seconds: u64) -> Tai64n {
        let mut stamp = [0; 12];
        stamp[..8]
            .copy_from_slice(&(0x4000_0000_0000_000a + NOW.as_secs() + seconds).to_be_bytes());
        Tai64n(stamp)
    }
}
