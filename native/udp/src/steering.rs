//! Which of the sockets that share a port gets a datagram: a little program for the kernel, which runs it on the
//! datagram's bytes (`SO_ATTACH_REUSEPORT_CBPF`, socket(7)).

use std::io;
use std::os::fd::{AsFd, AsRawFd};

use crate::door::Door;

/// WireGuard's data message: type, three zeros, then the receiver's index, lowest byte first.
const TYPE_AT: u32 = 0;
const DATA: u32 = 4;
const INDEX_AT: u32 = 4;

const LOAD_BYTE: u32 = libc::BPF_LD | libc::BPF_B | libc::BPF_ABS;
const UNLESS_EQUAL: u32 = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
const MODULO: u32 = libc::BPF_ALU | libc::BPF_MOD | libc::BPF_K;
const RETURN_VALUE: u32 = libc::BPF_RET | libc::BPF_A;
const RETURN: u32 = libc::BPF_RET | libc::BPF_K;

/// For all sockets that share the door's port, numbered in the order in which they were bound: `lanes` for data, then one for
/// the rest. While there is none of a number, the kernel goes by the addresses; what is too short to tell goes to the first.
pub(crate) fn attach(door: &Door, lanes: u8) -> io::Result<()> {
    let mut code = [
        step(LOAD_BYTE, 0, TYPE_AT),
        step(UNLESS_EQUAL, 3, DATA),
        step(LOAD_BYTE, 0, INDEX_AT),
        step(MODULO, 0, u32::from(lanes)),
        step(RETURN_VALUE, 0, 0),
        // Behind the lanes' own.
        step(RETURN, 0, u32::from(lanes)),
    ];
    let program = libc::sock_fprog {
        len: code.len() as libc::c_ushort,
        filter: code.as_mut_ptr(),
    };
    // SAFETY: program is a whole sock_fprog, and code outlives the call, which copies it.
    let done = unsafe {
        libc::setsockopt(
            door.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ATTACH_REUSEPORT_CBPF,
            (&raw const program).cast(),
            size_of::<libc::sock_fprog>() as libc::socklen_t,
        )
    };
    if done == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

fn step(code: u32, skip_unless: u8, value: u32) -> libc::sock_filter {
    libc::sock_filter {
        code: code as u16,
        jt: 0,
        jf: skip_unless,
        k: value,
    }
}
