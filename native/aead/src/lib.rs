//! ChaCha20-Poly1305 (RFC 8439) for WireGuard's data messages. See `README.md`.

#[cfg(target_arch = "x86_64")]
mod avx512;
mod key;
mod packet;
#[cfg(target_arch = "x86_64")]
mod residue;
mod ring_key;
mod way;

pub use key::Key;
pub use packet::{Packet, TAG, TOGETHER};
pub use way::Way;
