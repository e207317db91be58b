//! A kernel that says no: system calls of a program stop at a seccomp filter, and this supervisor answers each with an
//! errno or lets it through. The program and its libraries are those of every day.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::indexing_slicing
)] // for tests only

pub mod endurance;
pub mod errnos;

use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use crate::lab::running::Running;

/// Where the program finds its own end of the supervision: high enough that nothing else gets this number.
const LISTENER: i32 = 250;

pub struct RefusingKernel {
    pub running: Running,
    refusals: Refusals,
    has_ended: bool,
}

/// Over a program that somebody else started and ends, before this is dropped.
pub struct Refusals {
    orders: Arc<Orders>,
    supervisor: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Orders {
    refused: Mutex<Vec<Refused>>,
    is_over: AtomicBool,
}

/// A call, what it says, and how often it has said so.
struct Refused {
    call: i64,
    errno: i32,
    count: u64,
}

impl RefusingKernel {
    /// Starts the program while this call fails, each time. For a start that is to fail.
    pub fn start_refusing(mut command: Command, call: i64, errno: i32) -> RefusingKernel {
        Refusals::prepare(&mut command, &[call]);
        let running = Running::start(&mut command);
        let refusals = Refusals::over_refusing(running.pid(), &[(call, errno)]);
        RefusingKernel {
            running,
            refusals,
            has_ended: false,
        }
    }

    /// Starts the program; only these calls stop at the filter.
    pub fn start(mut command: Command, calls: &[i64]) -> RefusingKernel {
        Refusals::prepare(&mut command, calls);
        let running = Running::start(&mut command);
        let refusals = Refusals::over(running.pid());
        RefusingKernel {
            running,
            refusals,
            has_ended: false,
        }
    }

    pub fn refuse(&self, call: i64, errno: i32) {
        self.refusals.refuse(call, errno);
    }

    /// See [`Refusals::relent_once_met`].
    pub fn relent_once_met(&self) -> u64 {
        self.refusals.relent_once_met()
    }

    /// See [`Refusals::refuse_all`].
    pub fn refuse_all(&self, refused: &[(i64, i32)]) {
        self.refusals.refuse_all(refused);
    }

    pub fn relent(&self) -> u64 {
        self.refusals.relent()
    }

    /// How it ends by itself, and what it had to say. After this it is only good for being dropped.
    pub fn end(&mut self) -> (ExitStatus, String) {
        self.has_ended = true;
        self.running.end()
    }

    /// As [`RefusingKernel::end`], when it is told to.
    pub fn stop(&mut self) -> (ExitStatus, String) {
        self.relent();
        self.running.signal(libc::SIGTERM);
        self.end()
    }
}

impl Refusals {
    /// These calls of the program will stop at the filter.
    pub fn prepare(command: &mut Command, calls: &[i64]) {
        let filter = filter(calls);
        // SAFETY: after the fork only system calls are made, on memory that was made before it.
        unsafe { command.pre_exec(move || install(&filter)) };
    }

    /// For a program that was prepared and has been started.
    pub fn over(pid: u32) -> Refusals {
        Refusals::over_refusing(pid, &[])
    }

    fn over_refusing(pid: u32, refused: &[(i64, i32)]) -> Refusals {
        let orders = Arc::new(Orders::default());
        *orders.refused.lock().unwrap() = list_of(refused);
        let listener = take_listener(pid);
        let own = Arc::clone(&orders);
        let supervisor = Some(spawn(move || supervise(&listener, &own)));
        Refusals { orders, supervisor }
    }

    /// From now on this call fails with this errno, each time; an interruption three times, for nobody is interrupted
    /// without end, and who is calls again at once.
    pub fn refuse(&self, call: i64, errno: i32) {
        self.refuse_all(&[(call, errno)]);
    }

    /// Several at once: one may only be made because another fails.
    pub fn refuse_all(&self, refused: &[(i64, i32)]) {
        *self.orders.refused.lock().unwrap() = list_of(refused);
    }

    /// Likewise, once each was refused: the thread that it is for may have to wait for a processor. Who has not made a call
    /// within two seconds does not make it.
    pub fn relent_once_met(&self) -> u64 {
        let asked = Instant::now();
        while self.least() == 0 && asked.elapsed() < Duration::from_secs(2) {
            sleep(Duration::from_millis(5));
        }
        self.relent()
    }

    fn least(&self) -> u64 {
        let refused = self.orders.refused.lock().unwrap();
        refused
            .iter()
            .map(|refused| refused.count)
            .min()
            .unwrap_or(0)
    }

    /// Everything works again; how often each was refused meanwhile, or the one that was the least.
    pub fn relent(&self) -> u64 {
        let refused = std::mem::take(&mut *self.orders.refused.lock().unwrap());
        let counts = refused.iter().map(|refused| refused.count);
        counts.min().unwrap_or(0)
    }
}

fn list_of(refused: &[(i64, i32)]) -> Vec<Refused> {
    let each = |(call, errno): &(i64, i32)| Refused {
        call: *call,
        errno: *errno,
        count: 0,
    };
    refused.iter().map(each).collect()
}

impl Drop for RefusingKernel {
    /// The program first: without a supervisor its calls would wait for ever.
    fn drop(&mut self) {
        if !self.has_ended {
            self.stop();
        }
    }
}

impl Drop for Refusals {
    fn drop(&mut self) {
        self.relent();
        self.orders.is_over.store(true, Ordering::SeqCst);
        let _ = self.supervisor.take().map(JoinHandle::join);
    }
}

fn filter(calls: &[i64]) -> Vec<libc::sock_filter> {
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

fn take_listener(pid: u32) -> OwnedFd {
    // SAFETY: numbers; a descriptor that comes back is new and ours alone.
    let process = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) } as i32;
    assert!(process >= 0, "{}", io::Error::last_os_error());
    // SAFETY: as above.
    let process = unsafe { OwnedFd::from_raw_fd(process) };
    // SAFETY: as above.
    let listener =
        unsafe { libc::syscall(libc::SYS_pidfd_getfd, process.as_raw_fd(), LISTENER, 0) } as i32;
    assert!(listener >= 0, "{}", io::Error::last_os_error());
    // SAFETY: as above.
    unsafe { OwnedFd::from_raw_fd(listener) }
}

fn supervise(listener: &OwnedFd, orders: &Orders) {
    while !orders.is_over.load(Ordering::SeqCst) {
        let mut poll = libc::pollfd {
            fd: listener.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        // SAFETY: poll is one valid pollfd.
        let ready = unsafe { libc::poll(&raw mut poll, 1, 100) };
        if ready == 1 && poll.revents & libc::POLLIN != 0 {
            answer_one(listener, orders);
        } else if poll.revents & libc::POLLHUP != 0 {
            return;
        }
    }
}

fn answer_one(listener: &OwnedFd, orders: &Orders) {
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
    let call = i64::from(request.data.nr);
    let mut refused = orders.refused.lock().unwrap();
    let refusal = refused.iter_mut().find(|refused| refused.call == call);
    match refusal.filter(|refused| refused.errno != libc::EINTR || refused.count < 3) {
        Some(refused) => {
            answer.error = -refused.errno;
            refused.count += 1;
        }
        None => answer.flags = libc::SECCOMP_USER_NOTIF_FLAG_CONTINUE as u32,
    }
    drop(refused);
    // SAFETY: answer is whole and outlives the call. It may come too late for a caller that is gone.
    unsafe { libc::ioctl(listener.as_raw_fd(), NOTIF_SEND, &raw mut answer) };
}

/// `_IOWR('!', 0 and 1, …)`.
const NOTIF_RECV: libc::c_ulong = 0xc000_2100 | (size_of::<libc::seccomp_notif>() as u64) << 16;
const NOTIF_SEND: libc::c_ulong =
    0xc000_2101 | (size_of::<libc::seccomp_notif_resp>() as u64) << 16;

/// Until the claim holds, for two seconds at most.
pub fn holds_soon(claim: impl Fn() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_secs(2);
    while Instant::now() < deadline {
        if claim() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    claim()
}
