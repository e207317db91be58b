//! Session keys that nobody told us: what passes by is recorded, and each 32 bytes of an engine's memory are tried on it.
//! Needs root.
#![allow(
    unsafe_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "for tests only; one that is wrong should say so at once"
)]

use std::collections::BTreeSet;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};

use crate::process_memory::writable;

const PATIENCE: Duration = Duration::from_secs(5);
const HEADER: usize = 16;
const TAG: usize = 16;

/// Data messages, as they pass the interfaces of the network that this was made in.
pub(crate) struct Tap(OwnedFd);

impl Tap {
    /// packet(7)
    pub(crate) fn open() -> Tap {
        let every_protocol = i32::from((libc::ETH_P_ALL as u16).to_be());
        // SAFETY: no pointers; the descriptor that comes back is nobody else's.
        let socket = unsafe {
            let socket = libc::socket(libc::AF_PACKET, libc::SOCK_DGRAM, every_protocol);
            assert!(socket >= 0, "{}", std::io::Error::last_os_error());
            OwnedFd::from_raw_fd(socket)
        };
        let soon = libc::timeval {
            tv_sec: 0,
            tv_usec: 100_000,
        };
        // SAFETY: the kernel reads the whole of `soon`, which outlives the call.
        let done = unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_RCVTIMEO,
                (&raw const soon).cast(),
                size_of_val(&soon) as libc::socklen_t,
            )
        };
        assert_eq!(done, 0);
        Tap(socket)
    }

    /// One data message from this UDP port, and one to it.
    pub(crate) fn both_ways(&self, port: u16) -> [Vec<u8>; 2] {
        let (mut out, mut back) = (None, None);
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            match self.next() {
                Some((from, _, message)) if from == port => out = Some(message),
                Some((_, to, message)) if to == port => back = Some(message),
                _ => {}
            }
            if let (Some(out), Some(back)) = (&out, &back) {
                return [out.clone(), back.clone()];
            }
        }
        panic!("no data messages passed by");
    }

    /// Ports, and what is between them.
    fn next(&self) -> Option<(u16, u16, Vec<u8>)> {
        let mut packet = vec![0; 65_536];
        // SAFETY: the kernel writes at most `packet.len()` bytes into it.
        let length = unsafe {
            libc::recv(
                self.0.as_raw_fd(),
                packet.as_mut_ptr().cast(),
                packet.len(),
                0,
            )
        };
        let packet = packet.get(..usize::try_from(length).ok()?)?;
        let is_udp = packet.first()? >> 4 == 4 && *packet.get(9)? == 17;
        let datagram = packet.get(20..).filter(|_| is_udp)?;
        let [f0, f1, t0, t1] = *datagram.first_chunk::<4>()?;
        let message = datagram
            .get(8..)
            .filter(|message| message.first() == Some(&4))?;
        let (from, to) = (u16::from_be_bytes([f0, f1]), u16::from_be_bytes([t0, t1]));
        Some((from, to, message.to_vec()))
    }
}

/// Those of the process's bytes that open these messages.
pub(crate) fn session_keys(process: u32, messages: &[Vec<u8>]) -> BTreeSet<[u8; 32]> {
    let mut keys = BTreeSet::new();
    for region in writable(process) {
        for window in region.windows(32).step_by(4) {
            let candidate: &[u8; 32] = window.try_into().unwrap();
            if is_random(candidate) && messages.iter().any(|message| opens(candidate, message)) {
                keys.insert(*candidate);
            }
        }
    }
    keys
}

/// Pointers and counters have zeros; so has a key by chance, once in eight million.
fn is_random(bytes: &[u8; 32]) -> bool {
    bytes.iter().filter(|byte| **byte == 0).count() < 4
}

/// Line 16 of the protocol: four zeros and the counter are the nonce, and nothing else is authenticated.
fn opens(key: &[u8; 32], message: &[u8]) -> bool {
    let key = LessSafeKey::new(UnboundKey::new(&CHACHA20_POLY1305, key).unwrap());
    let mut nonce = [0; 12];
    nonce[4..].copy_from_slice(&message[8..HEADER]);
    let mut sealed = message[HEADER..].to_vec();
    assert!(sealed.len() >= TAG, "no data message");
    let nonce = Nonce::assume_unique_for_key(nonce);
    key.open_in_place(nonce, Aad::empty(), &mut sealed).is_ok()
}
