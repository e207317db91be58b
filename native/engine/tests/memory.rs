//! What an engine remembers of keys that it was told to forget: its whole memory is searched. Needs root.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that is wrong should say so at once"
)]

mod lab;

use std::fs::{self, File};
use std::os::unix::fs::FileExt;

use lab::{Host, exchange, uapi_socket, unique};

const PRIVATE: [u8; 32] = *b"\x40private key that is looked for\x41";
const PRESHARED: [u8; 32] = *b"@preshared key, searched for too";
const PEER: &str = "e84b5a6d2717c1003a13b431570353dbaca9146cf150c5f8575680feba52027a";

#[test]
fn a_key_that_is_taken_away_is_nowhere_in_memory() {
    let host = Host::new();
    let name = unique("a");
    let engine = host.start_engine(&name, "");
    let socket = uapi_socket(&name);
    let [private, preshared] = [PRIVATE, PRESHARED].map(|key| hex(&key));
    let script =
        format!("set=1\nprivate_key={private}\npublic_key={PEER}\npreshared_key={preshared}\n\n");
    assert_eq!(exchange(&socket, script.as_bytes()), "errno=0\n\n");
    assert!(exchange(&socket, b"get=1\n\n").contains(&preshared));
    assert!(
        found(engine.pid(), &PRIVATE) > 0,
        "the search finds nothing"
    );

    let zero = hex(&[0; 32]);
    let script = format!("set=1\nprivate_key={zero}\npublic_key={PEER}\nremove=true\n\n");
    assert_eq!(exchange(&socket, script.as_bytes()), "errno=0\n\n");
    exchange(&socket, b"get=1\n\n");

    for (what, bytes) in [
        ("private key", PRIVATE.to_vec()),
        ("private key as text", private.into_bytes()),
        ("preshared key", PRESHARED.to_vec()),
        ("preshared key as text", preshared.into_bytes()),
    ] {
        assert_eq!(found(engine.pid(), &bytes), 0, "{what}");
    }
}

/// How often these bytes lie in what the process may write.
fn found(process: u32, bytes: &[u8]) -> usize {
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

fn hex(key: &[u8]) -> String {
    key.iter().map(|byte| format!("{byte:02x}")).collect()
}
