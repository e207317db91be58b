//! A filter as the kernel reads it: classic BPF over the call's number and arguments.
#![allow(unsafe_code, reason = "seccomp has no wrapper in libc")]

use std::io;
use std::mem::offset_of;

use libc::{BPF_ABS, BPF_ALU, BPF_AND, BPF_JEQ, BPF_JGE, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W};

#[cfg(target_arch = "x86_64")]
const MACHINE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const MACHINE: u32 = 0xc000_00b7;
/// Numbers from here on are another ABI's (x32) on x86-64 and nobody's elsewhere.
const FIRST_FOREIGN_CALL: u32 = 0x4000_0000;

const LOAD: u32 = BPF_LD | BPF_W | BPF_ABS;
const IF_EQUAL: u32 = BPF_JMP | BPF_JEQ | BPF_K;
const IF_AT_LEAST: u32 = BPF_JMP | BPF_JGE | BPF_K;
const MASK: u32 = BPF_ALU | BPF_AND | BPF_K;
const RETURN: u32 = BPF_RET | BPF_K;

const REFUSE: u32 = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;

pub(super) struct Program {
    steps: Vec<libc::sock_filter>,
}

impl Program {
    /// Kills calls of another machine's ABI, whose numbers would mean other calls. The accumulator holds the number from
    /// here to the end, except within a check of arguments.
    pub(super) fn for_this_machine() -> Program {
        let mut program = Program { steps: Vec::new() };
        program.step(LOAD, offset_of!(libc::seccomp_data, arch) as u32, 0, 0);
        program.step(IF_EQUAL, MACHINE, 1, 0);
        program.step(RETURN, libc::SECCOMP_RET_KILL_PROCESS, 0, 0);
        program.load_number();
        program.step(IF_AT_LEAST, FIRST_FOREIGN_CALL, 0, 1);
        program.step(RETURN, libc::SECCOMP_RET_KILL_PROCESS, 0, 0);
        program
    }

    pub(super) fn allow(&mut self, call: libc::c_long) {
        self.decide(call, libc::SECCOMP_RET_ALLOW);
    }

    pub(super) fn kill_at(&mut self, call: libc::c_long) {
        self.decide(call, libc::SECCOMP_RET_KILL_PROCESS);
    }

    pub(super) fn fail_with(&mut self, call: libc::c_long, errno: i32) {
        self.decide(call, libc::SECCOMP_RET_ERRNO | errno.cast_unsigned());
    }

    /// Allows the call if this argument is one of these.
    pub(super) fn allow_with_argument(&mut self, call: libc::c_long, nth: usize, values: &[i32]) {
        // Past the load, a test and an answer for each, and the refusal.
        self.step(IF_EQUAL, number(call), 0, 2 + 2 * values.len() as u8);
        self.load_argument(nth);
        for value in values {
            self.step(IF_EQUAL, value.cast_unsigned(), 0, 1);
            self.step(RETURN, libc::SECCOMP_RET_ALLOW, 0, 0);
        }
        self.step(RETURN, REFUSE, 0, 0);
    }

    pub(super) fn allow_without_bits(&mut self, call: libc::c_long, nth: usize, bits: i32) {
        self.allow_masked(call, nth, bits, 0);
    }

    pub(super) fn allow_with_bits(&mut self, call: libc::c_long, nth: usize, bits: i32) {
        self.allow_masked(call, nth, bits, bits);
    }

    /// For all threads of the process, at once or for none.
    pub(super) fn install(mut self) -> io::Result<()> {
        self.step(RETURN, REFUSE, 0, 0);
        let program = libc::sock_fprog {
            len: self.steps.len() as u16,
            filter: self.steps.as_mut_ptr(),
        };
        let (mode, flags) = (
            libc::SECCOMP_SET_MODE_FILTER,
            libc::SECCOMP_FILTER_FLAG_TSYNC,
        );
        // SAFETY: the kernel copies the program, which lives until the call returns, with its true length.
        let outcome = unsafe { libc::syscall(libc::SYS_seccomp, mode, flags, &raw const program) };
        match outcome {
            0 => Ok(()),
            // The number of a thread that has a filter of another making.
            1.. => Err(io::Error::from_raw_os_error(libc::EBUSY)),
            _ => Err(io::Error::last_os_error()),
        }
    }

    fn allow_masked(&mut self, call: libc::c_long, nth: usize, bits: i32, wanted: i32) {
        self.step(IF_EQUAL, number(call), 0, 5);
        self.load_argument(nth);
        self.step(MASK, bits.cast_unsigned(), 0, 0);
        self.step(IF_EQUAL, wanted.cast_unsigned(), 0, 1);
        self.step(RETURN, libc::SECCOMP_RET_ALLOW, 0, 0);
        self.step(RETURN, REFUSE, 0, 0);
    }

    fn decide(&mut self, call: libc::c_long, verdict: u32) {
        self.step(IF_EQUAL, number(call), 0, 1);
        self.step(RETURN, verdict, 0, 0);
    }

    fn load_number(&mut self) {
        self.step(LOAD, offset_of!(libc::seccomp_data, nr) as u32, 0, 0);
    }

    /// Its lower half: all arguments that are looked at are ints. Both machines are little-endian.
    fn load_argument(&mut self, nth: usize) {
        let offset = offset_of!(libc::seccomp_data, args) + nth * size_of::<u64>();
        self.step(LOAD, offset as u32, 0, 0);
    }

    fn step(&mut self, code: u32, k: u32, jt: u8, jf: u8) {
        let code = code as u16;
        self.steps.push(libc::sock_filter { code, jt, jf, k });
    }
}

fn number(call: libc::c_long) -> u32 {
    call as u32
}
