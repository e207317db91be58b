//! Another process's memory, searched. Needs root.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "for tests only; one that is wrong should say so at once"
)]

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

/// How often these bytes lie in what the process may write.
pub(crate) fn found(process: u32, bytes: &[u8]) -> usize {
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
    let memory = File::open(format!("/proc/{process}/mem")).unwrap();
    let writable = maps.lines().filter(|line| line.contains(" rw"));
    let count = |line: &str| {
        let (from, to) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
        let [from, to] = [from, to].map(|text| u64::from_str_radix(text, 16).unwrap());
        let mut region = vec![0; usize::try_from(to - from).unwrap()];
        let read = memory.read_at(&mut region, from).unwrap_or_default();
        let windows = region[..read].windows(bytes.len());
        windows.filter(|window| *window == bytes).count()
    };
    writable.map(count).sum()
}
