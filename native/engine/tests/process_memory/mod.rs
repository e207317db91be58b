//! Another process's memory, searched. Needs root.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "for tests only; one that is wrong should say so at once"
)]

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

/// How often these bytes lie in what the process may write.
pub(crate) fn found(process: u32, bytes: &[u8]) -> usize {
    let count = |region: Vec<u8>| {
        let windows = region.windows(bytes.len());
        windows.filter(|window| *window == bytes).count()
    };
    writable(process).map(count).sum()
}

/// What the process may write, region by region.
pub(crate) fn writable(process: u32) -> impl Iterator<Item = Vec<u8>> {
    let maps = fs::read_to_string(format!("/proc/{process}/maps")).unwrap();
    let memory = File::open(format!("/proc/{process}/mem")).unwrap();
    let ranges: Vec<[u64; 2]> = maps
        .lines()
        .filter(|line| line.contains(" rw"))
        .map(|line| {
            let (from, to) = line.split_once(' ').unwrap().0.split_once('-').unwrap();
            [from, to].map(|text| u64::from_str_radix(text, 16).unwrap())
        })
        .collect();
    ranges.into_iter().map(move |[from, to]| {
        let mut region = vec![0; usize::try_from(to - from).unwrap()];
        let read = memory.read_at(&mut region, from).unwrap_or_default();
        region.truncate(read);
        region
    })
}
