//! A kernel that lacks offloads: what asks for them is refused at a seccomp filter, as an old kernel refuses what it has
//! never heard of.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used)] // for tests only

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// What this kernel has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Offloads {
    /// Super-packets from and to the interface (`TUNSETOFFLOAD`).
    pub tun: bool,
    /// Super-datagrams to and from the network (`UDP_SEGMENT`, `UDP_GRO`).
    pub udp: bool,
}

impl Offloads {
    pub const ALL: [Offloads; 4] = [
        Offloads {
            tun: true,
            udp: true,
        },
        Offloads {
            tun: true,
            udp: false,
        },
        Offloads {
            tun: false,
            udp: true,
        },
        Offloads {
            tun: false,
            udp: false,
        },
    ];

    pub fn name(self) -> &'static str {
        match (self.tun, self.udp) {
            (true, true) => "with both",
            (true, false) => "with TUN only",
            (false, true) => "with UDP only",
            (false, false) => "with neither",
        }
    }
}

/// The program, and what it starts, will not find the others.
pub fn leave_only(offloads: Offloads, command: &mut Command) {
    let filter = filter(offloads);
    if !filter.is_empty() {
        // SAFETY: after the fork only system calls are made, on memory that was made before it.
        unsafe { command.pre_exec(move || install(&filter)) };
    }
}

const TUNSETOFFLOAD: u32 = 0x4004_54d0;
/// Where `seccomp_data` has the call's number and the lower half of its second argument.
const NUMBER: u32 = 0;
const SECOND: u32 = 24;

fn filter(offloads: Offloads) -> Vec<libc::sock_filter> {
    const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const EQUALS: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let step = |code, k, jf| libc::sock_filter { code, jt: 0, jf, k };
    let refuse = |call: i64, second: u32, errno: i32| {
        [
            step(LOAD, NUMBER, 0),
            step(EQUALS, u32::try_from(call).unwrap(), 3),
            step(LOAD, SECOND, 0),
            step(EQUALS, second, 1),
            step(RETURN, libc::SECCOMP_RET_ERRNO | errno.cast_unsigned(), 0),
        ]
    };
    let mut steps = Vec::new();
    if !offloads.tun {
        steps.extend(refuse(libc::SYS_ioctl, TUNSETOFFLOAD, libc::EINVAL));
    }
    if !offloads.udp {
        let level = libc::SOL_UDP.cast_unsigned();
        steps.extend(refuse(libc::SYS_setsockopt, level, libc::ENOPROTOOPT));
    }
    if !steps.is_empty() {
        steps.push(step(RETURN, libc::SECCOMP_RET_ALLOW, 0));
    }
    steps
}

/// In the child, between fork and exec. Who has no rights may filter itself once it can not get any.
fn install(filter: &[libc::sock_filter]) -> io::Result<()> {
    // SAFETY: numbers.
    let is_root = unsafe { libc::geteuid() } == 0;
    // SAFETY: numbers.
    if !is_root && unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let program = libc::sock_fprog {
        len: filter.len() as u16,
        filter: filter.as_ptr().cast_mut(),
    };
    // SAFETY: program outlives the call; the other two are numbers.
    let done = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            0,
            &raw const program,
        )
    };
    if done < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}
