//! seccomp's user notification (seccomp_unotify(2)): a filter that stops calls, the supervisor's end of it, and its answers.

use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// Where the program finds its own end of the supervision: high enough that nothing else gets this number.
const LISTENER: i32 = 250;

pub fn filter(calls: &[i64]) -> Vec<libc::sock_filter> {
    const LOAD: u16 = (libc::BPF_LD | libc::BPF_W | libc::BPF_ABS) as u16;
    const EQUALS: u16 = (libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K) as u16;
    const RETURN: u16 = (libc::BPF_RET | libc::BPF_K) as u16;
    let step = |code, k, jt| libc::sock_filter { code, jt, jf: 0, k };
    // The number of the call is what seccomp_data begins with.
    let mut steps = vec![step(LOAD, 0, 0)];
    for (place, call) in calls.iter().enumerate() {
        let to_end = u8::try_from(calls.len() - place).unwrap();
        steps.push(step(EQUALS, u32::try_from(*call).unwrap(), to_end));
    }
    steps.push(step(RETURN, libc::SECCOMP_RET_ALLOW, 0));
    steps.push(step(RETURN, libc::SECCOMP_RET_USER_NOTIF, 0));
    steps
}

/// In the child, between fork and exec. Who has no rights may filter itself once it can not get any.
pub fn install(filter: &[libc::sock_filter]) -> io::Result<()> {
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
    let flags = libc::SECCOMP_FILTER_FLAG_NEW_LISTENER;
    // SAFETY: program outlives the call; the other two are numbers.
    let listener = unsafe {
        libc::syscall(
            libc::SYS_seccomp,
            libc::SECCOMP_SET_MODE_FILTER,
            flags,
            &raw const program,
        )
    };
    if listener < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: numbers. The copy survives exec.
    match unsafe { libc::dup2(listener as i32, LISTENER) } {
        LISTENER => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// `None`: the program has ended without a call that stops.
pub fn take_listener(pid: u32) -> Option<OwnedFd> {
    // SAFETY: numbers; a descriptor that comes back is new and ours alone.
    let process = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) } as i32;
    assert!(process >= 0, "{}", io::Error::last_os_error());
    // SAFETY: as above.
    let process = unsafe { OwnedFd::from_raw_fd(process) };
    // SAFETY: as above.
    let listener =
        unsafe { libc::syscall(libc::SYS_pidfd_getfd, process.as_raw_fd(), LISTENER, 0) } as i32;
    if listener < 0 {
        let cause = io::Error::last_os_error();
        assert_eq!(cause.raw_os_error(), Some(libc::ESRCH), "{cause}");
        return None;
    }
    // SAFETY: as above.
    Some(unsafe { OwnedFd::from_raw_fd(listener) })
}

/// Waits up to a tenth of a second for a call that stops. `None`: the program is gone.
pub fn wait(listener: &OwnedFd) -> Option<bool> {
    let mut poll = libc::pollfd {
        fd: listener.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: poll is one valid pollfd.
    let ready = unsafe { libc::poll(&raw mut poll, 1, 100) };
    let has_come = ready == 1 && poll.revents & libc::POLLIN != 0;
    (has_come || poll.revents & libc::POLLHUP == 0).then_some(has_come)
}

/// Takes the call that waits, and has it fail with the errno that `decide` says, or made.
/// It is told which call it is and which thread makes it.
pub fn answer_one(listener: &OwnedFd, decide: impl FnOnce(i64, u32) -> Option<i32>) {
    // SAFETY: both are plain data; the kernel wants the request zeroed.
    let (mut request, mut answer) = unsafe {
        (
            zeroed::<libc::seccomp_notif>(),
            zeroed::<libc::seccomp_notif_resp>(),
        )
    };
    // SAFETY: request is whole and outlives the call.
    let taken = unsafe { libc::ioctl(listener.as_raw_fd(), NOTIF_RECV, &raw mut request) };
    if taken < 0 {
        // The caller was killed or interrupted meanwhile.
        return;
    }
    answer.id = request.id;
    match decide(i64::from(request.data.nr), request.pid) {
        Some(errno) => answer.error = -errno,
        None => answer.flags = libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32,
    }
    // SAFETY: answer is whole and outlives the call. It may come too late for a caller that is gone.
    unsafe { libc::ioctl(listener.as_raw_fd(), NOTIF_SEND, &raw mut answer) };
}

/// `_IOWR('!', 0 and 1, …)`.
const NOTIF_RECV: libc::c_ulong = 0xc000_2100 | (size_of::<libc::seccomp_notif>() as u64) << 16;
const NOTIF_SEND: libc::c_ulong =
    0xc000_2101 | (size_of::<libc::seccomp_notif_resp>() as u64) << 16;
