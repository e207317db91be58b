//! When each peer last began, kept in a file: after a restart, and after `kill -9`, a recorded initiation is as old as before.
//!
//! The file has a record of 64 bytes for each peer, written over in place: none crosses a page, so that no crash leaves half
//! of one (`floor_keeper.rs` writes them). It is not synchronised to the disk. Who loses power loses the last seconds, and
//! an attacker would have to know.

use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use culvert_core::{PublicKey, Tai64n};
use thiserror::Error;

pub(crate) const RECORD: usize = 64;
const MAGIC: &[u8; RECORD] =
    b"culvert: when each WireGuard peer last began, version 1\n\0\0\0\0\0\0\0\0";
/// 4 MB. Of more peers than this the one that began the longest ago is forgotten.
const MOST_PEERS: usize = 65_536;
/// A peer whose clock once ran ahead could not begin for as long; a floor that lies further ahead is no floor.
const AHEAD_AT_MOST: Duration = Duration::from_secs(24 * 3600);

#[derive(Debug, Error)]
pub(crate) enum StateFault {
    #[error("the state file {path} can not be used: {cause}")]
    Failed { path: PathBuf, cause: io::Error },
    #[error(
        "the state file {path} belongs to a running engine: stop that one or choose another path"
    )]
    InUse { path: PathBuf },
    #[error("{path} exists and is no state file of this engine: remove it or choose another path")]
    Foreign { path: PathBuf },
}

/// Without a file it remembers nothing, for the tunnel itself does while the engine runs.
#[derive(Debug, Default)]
pub(crate) struct ReplayFloors {
    file: Option<File>,
    places: HashMap<PublicKey, Place>,
    /// Records in the file, used or left out.
    records: usize,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    number: usize,
    floor: Tai64n,
}

impl ReplayFloors {
    /// `now`: since the Unix epoch.
    pub(crate) fn keep_at(path: Option<&Path>, now: Duration) -> Result<ReplayFloors, StateFault> {
        let Some(path) = path else {
            return Ok(ReplayFloors::default());
        };
        let path = path.to_owned();
        match read_locked(&path) {
            Ok(Some((file, bytes))) if bytes.is_empty() || bytes.starts_with(MAGIC) => {
                ReplayFloors::begin(file, &bytes, now)
                    .map_err(|cause| StateFault::Failed { path, cause })
            }
            Ok(Some(_)) => Err(StateFault::Foreign { path }),
            Ok(None) => Err(StateFault::InUse { path }),
            Err(cause) => Err(StateFault::Failed { path, cause }),
        }
    }

    fn begin(file: File, bytes: &[u8], now: Duration) -> io::Result<ReplayFloors> {
        if bytes.is_empty() {
            file.write_all_at(MAGIC, 0)?;
        }
        let records = bytes.get(RECORD..).unwrap_or_default();
        Ok(ReplayFloors {
            file: Some(file),
            places: read_places(records, now),
            records: (records.len() / RECORD).min(MOST_PEERS),
        })
    }

    pub(crate) fn of(&self, peer: &PublicKey) -> Option<Tai64n> {
        self.places.get(peer).map(|place| place.floor)
    }

    /// What the record of this number has to be from now on, if it is another.
    pub(crate) fn raise(
        &mut self,
        peer: &PublicKey,
        floor: Tai64n,
    ) -> Option<(usize, [u8; RECORD])> {
        if self.of(peer).is_some_and(|known| known >= floor) {
            return None;
        }
        let number = self.number_for(peer);
        self.places.insert(*peer, Place { number, floor });
        Some((number, record(peer, floor)))
    }

    /// For who writes the records.
    pub(crate) fn take_file(&mut self) -> Option<File> {
        self.file.take()
    }

    fn number_for(&mut self, peer: &PublicKey) -> usize {
        if let Some(place) = self.places.get(peer) {
            return place.number;
        }
        if self.records < MOST_PEERS {
            self.records += 1;
            return self.records - 1;
        }
        let oldest = self.places.iter().min_by_key(|(_, place)| place.floor);
        let oldest = oldest.map(|(peer, _)| *peer);
        let place = oldest.and_then(|oldest| self.places.remove(&oldest));
        place.map_or(0, |place| place.number)
    }
}

fn record(peer: &PublicKey, floor: Tai64n) -> [u8; RECORD] {
    let mut record = [0; RECORD];
    let bytes = peer.0.iter().chain(&floor.0);
    record
        .iter_mut()
        .zip(bytes)
        .for_each(|(to, from)| *to = *from);
    record
}

/// `None`: another engine has it.
fn read_locked(path: &Path) -> io::Result<Option<(File, Vec<u8>)>> {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(cause)) => return Err(cause),
    }
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(Some((file, bytes)))
}

fn read_places(bytes: &[u8], now: Duration) -> HashMap<PublicKey, Place> {
    let records = bytes.chunks_exact(RECORD).take(MOST_PEERS).enumerate();
    let read = records.filter_map(|(number, record)| {
        let peer = PublicKey(*record.first_chunk()?);
        let floor = Tai64n(*record.get(32..)?.first_chunk()?);
        (floor.since_epoch() <= now + AHEAD_AT_MOST).then_some((peer, Place { number, floor }))
    });
    read.collect()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const NOW: Duration = Duration::from_secs(1_800_000_000);

    #[test]
    fn what_was_raised_is_there_after_a_restart() {
        let file = Scratch::new("restart");
        let mut floors = file.floors().unwrap();
        for peer in 0..100 {
            raise(&mut floors, &key(peer), stamp(u64::from(peer)));
        }
        raise(&mut floors, &key(7), stamp(500));
        raise(&mut floors, &key(7), stamp(400));
        drop(floors);

        let floors = file.floors().unwrap();

        assert_eq!(floors.of(&key(7)), Some(stamp(500)));
        assert_eq!(floors.of(&key(99)), Some(stamp(99)));
        assert_eq!(floors.of(&key(100)), None);
        assert_eq!(fs::metadata(&file.0).unwrap().len(), 101 * 64);
    }

    #[test]
    fn a_floor_of_a_clock_that_ran_ahead_does_not_lock_its_peer_out_for_years() {
        let file = Scratch::new("ahead");
        let mut floors = file.floors().unwrap();
        raise(&mut floors, &key(1), stamp(3600));
        raise(&mut floors, &key(2), stamp(10 * 365 * 24 * 3600));
        drop(floors);

        let mut floors = file.floors().unwrap();

        assert_eq!(floors.of(&key(1)), Some(stamp(3600)));
        assert_eq!(floors.of(&key(2)), None);
        raise(&mut floors, &key(2), stamp(5));
        drop(floors);
        assert_eq!(file.floors().unwrap().of(&key(2)), Some(stamp(5)));
    }

    #[test]
    fn a_file_that_is_not_ours_or_in_use_is_left_alone() {
        let file = Scratch::new("foreign");
        fs::write(&file.0, "somebody's").unwrap();

        assert!(matches!(file.floors(), Err(StateFault::Foreign { .. })));
        assert_eq!(fs::read_to_string(&file.0).unwrap(), "somebody's");
        fs::remove_file(&file.0).unwrap();
        let _first = file.floors().unwrap();
        assert!(matches!(file.floors(), Err(StateFault::InUse { .. })));
    }

    #[test]
    fn a_record_that_was_cut_off_is_left_out() {
        let file = Scratch::new("cut");
        let mut floors = file.floors().unwrap();
        raise(&mut floors, &key(1), stamp(1));
        raise(&mut floors, &key(2), stamp(2));
        drop(floors);
        let whole = fs::read(&file.0).unwrap();
        fs::write(&file.0, &whole[..whole.len() - 1]).unwrap();

        let floors = file.floors().unwrap();

        assert_eq!(floors.of(&key(1)), Some(stamp(1)));
        assert_eq!(floors.of(&key(2)), None);
    }

    #[test]
    fn of_too_many_peers_the_one_that_began_longest_ago_is_forgotten() {
        let file = Scratch::new("most");
        let mut floors = file.floors().unwrap();
        for number in 0..u32::try_from(MOST_PEERS).unwrap() {
            raise(&mut floors, &key(number), stamp(u64::from(number)));
        }

        raise(&mut floors, &key(1 << 20), stamp(80_000));

        assert_eq!(floors.of(&key(0)), None);
        assert_eq!(floors.of(&key(1)), Some(stamp(1)));
        drop(floors);
        let size = fs::metadata(&file.0).unwrap().len();
        assert_eq!(size, (MOST_PEERS as u64 + 1) * 64);
        assert_eq!(
            file.floors().unwrap().of(&key(1 << 20)),
            Some(stamp(80_000))
        );
    }

    /// As the keeper does it.
    fn raise(floors: &mut ReplayFloors, peer: &PublicKey, floor: Tai64n) {
        if let Some((number, record)) = floors.raise(peer, floor) {
            let file = floors.file.as_ref().unwrap();
            file.write_all_at(&record, (number as u64 + 1) * 64)
                .unwrap();
        }
    }

    fn key(number: u32) -> PublicKey {
        let mut key = [7; 32];
        key[..4].copy_from_slice(&number.to_be_bytes());
        PublicKey(key)
    }

    /// So many seconds after [`NOW`].
    fn stamp(seconds: u64) -> Tai64n {
        let tai = 0x4000_0000_0000_000a_u64 + NOW.as_secs() + seconds;
        let mut stamp = [0; 12];
        stamp[..8].copy_from_slice(&tai.to_be_bytes());
        Tai64n(stamp)
    }

    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Scratch {
            let name = format!("culvert-floors-{}-{name}", std::process::id());
            Scratch(std::env::temp_dir().join(name))
        }

        fn floors(&self) -> Result<ReplayFloors, StateFault> {
            ReplayFloors::keep_at(Some(&self.0), NOW)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_file(&self.0);
        }
    }
}
