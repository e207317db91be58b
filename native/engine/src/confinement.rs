//! What a role asks the kernel for once it runs, and nothing else: a seccomp filter for all of its threads.
//!
//! A call that is not listed fails with EPERM instead of killing: the list was found by tracing what the roles do, and a
//! libc that one day asks for something new must cost an error message, not everybody's sessions. What only an intruder
//! would ask for (another program, another process's memory, a kernel module) ends the process on the spot.

mod program;

use std::io;

use program::Program;

use crate::control::RoleKind;

/// Sockets, memory, waiting, leaving. Those of the data path come first.
const ALL_ROLES: &[libc::c_long] = &[
    libc::SYS_recvmmsg,
    libc::SYS_sendmmsg,
    libc::SYS_ppoll,
    libc::SYS_read,
    libc::SYS_write,
    libc::SYS_readv,
    libc::SYS_writev,
    // When a peer last began.
    libc::SYS_pwrite64,
    libc::SYS_recvfrom,
    libc::SYS_sendto,
    libc::SYS_recvmsg,
    libc::SYS_sendmsg,
    libc::SYS_futex,
    libc::SYS_clock_gettime,
    libc::SYS_getrandom,
    libc::SYS_accept4,
    libc::SYS_bind,
    libc::SYS_connect,
    libc::SYS_listen,
    libc::SYS_shutdown,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_getsockopt,
    libc::SYS_setsockopt,
    libc::SYS_close,
    libc::SYS_fcntl,
    libc::SYS_ioctl,
    libc::SYS_eventfd2,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_restart_syscall,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_membarrier,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_geteuid,
    libc::SYS_prlimit64,
    libc::SYS_tgkill,
    libc::SYS_exit,
    libc::SYS_exit_group,
    // The sockets' files are looked at and removed when the engine leaves.
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_fstat,
    libc::SYS_unlinkat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_lstat,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_unlink,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_poll,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_epoll_wait,
];

/// An engine has no use for them at any time, an exploit has.
const DEADLY: &[libc::c_long] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_kexec_load,
    libc::SYS_bpf,
    libc::SYS_userfaultfd,
    libc::SYS_mount,
    libc::SYS_pivot_root,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_open_by_handle_at,
];

/// Packets, the control socket, and news of the interface: a device has no other families to talk to.
const DEVICE_FAMILIES: &[i32] = &[
    libc::AF_INET,
    libc::AF_INET6,
    libc::AF_UNIX,
    libc::AF_NETLINK,
];
const OTHER_FAMILIES: &[i32] = &[libc::AF_INET, libc::AF_INET6, libc::AF_UNIX];

/// For all threads that there are. Call it when the role has started; what the role makes from then on (new doors, a
/// flow's socket) is in the list.
pub(crate) fn confine(role: RoleKind) -> io::Result<()> {
    program_for(role).install()
}

fn program_for(role: RoleKind) -> Program {
    let mut program = Program::for_this_machine();
    ALL_ROLES.iter().for_each(|call| program.allow(*call));
    DEADLY.iter().for_each(|call| program.kill_at(*call));
    let families = match role {
        RoleKind::Device => DEVICE_FAMILIES,
        RoleKind::Gateway | RoleKind::Connector => OTHER_FAMILIES,
    };
    program.allow_with_argument(libc::SYS_socket, 0, families);
    // Each thread gives itself its name, maybe only now.
    program.allow_with_argument(libc::SYS_prctl, 0, &[libc::PR_SET_NAME]);
    // A thread for handshakes lets the others go first, as soon as it runs.
    program.allow_with_argument(libc::SYS_sched_setscheduler, 1, &[libc::SCHED_BATCH]);
    // Memory that can be executed is how bytes become code.
    program.allow_without_bits(libc::SYS_mmap, 2, libc::PROT_EXEC);
    program.allow_without_bits(libc::SYS_mprotect, 2, libc::PROT_EXEC);
    // Threads, not processes. clone3 hides its flags from filters; the C library falls back when it is not there.
    program.allow_with_bits(libc::SYS_clone, 0, libc::CLONE_THREAD);
    program.fail_with(libc::SYS_clone3, libc::ENOSYS);
    program
}

#[cfg(test)]
#[allow(unsafe_code, reason = "what an intruder would do")]
mod tests {
    use std::fs::File;
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    use super::*;

    /// Set in the process that is to be confined: a filter can not be taken off again.
    const CONFINED: &str = "CULVERT_TEST_CONFINED";

    #[test]
    fn a_confined_thread_reads_no_file_makes_no_code_and_dies_of_another_program() {
        if std::env::var_os(CONFINED).is_some() {
            confine_and_try();
        }
        let this_test = std::thread::current().name().unwrap().to_owned();
        let output = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &this_test, "--nocapture"])
            .env(CONFINED, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.signal(), Some(libc::SIGSYS), "{said}");
        assert!(said.contains("ready to be killed"), "{said}");
    }

    fn confine_and_try() {
        rustix::thread::set_no_new_privs(true).unwrap();
        let elsewhere = std::thread::spawn(|| {
            std::thread::sleep(std::time::Duration::from_millis(300));
            File::open("/etc/passwd")
                .err()
                .and_then(|cause| cause.raw_os_error())
        });
        confine(RoleKind::Gateway).unwrap();

        let opened = File::open("/etc/passwd").err();
        assert_eq!(
            opened.and_then(|cause| cause.raw_os_error()),
            Some(libc::EPERM)
        );
        assert_eq!(
            elsewhere.join().unwrap(),
            Some(libc::EPERM),
            "another thread"
        );
        assert!(std::net::UdpSocket::bind("127.0.0.1:0").is_ok());
        assert_eq!(std::thread::spawn(|| 7).join().unwrap(), 7);
        // SAFETY: a new anonymous mapping, and a socket that nobody uses.
        let (code, netlink) = unsafe {
            let protection = libc::PROT_READ | libc::PROT_EXEC;
            let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            (
                libc::mmap(std::ptr::null_mut(), 4096, protection, kind, -1, 0),
                libc::socket(libc::AF_NETLINK, libc::SOCK_RAW, 0),
            )
        };
        assert_eq!((code, netlink), (libc::MAP_FAILED, -1));
        eprintln!("ready to be killed");
        let _ = Command::new("/bin/true").status();
        // `Command` forks, which fails already; what follows is what a shell code would do.
        // SAFETY: the path ends with a zero, and the lists are empty.
        unsafe {
            libc::execve(
                c"/bin/true".as_ptr(),
                [std::ptr::null()].as_ptr(),
                [std::ptr::null()].as_ptr(),
            )
        };
    }
}
