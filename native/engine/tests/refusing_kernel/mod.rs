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
mod seccomp;

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::{Duration, Instant};

use self::seccomp::{answer_one, filter, install, take_listener};
use crate::lab::running::Running;

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
    /// Only threads whose names begin so are refused anything.
    threads: Mutex<&'static str>,
    is_over: AtomicBool,
}

/// A call, what it says, and how often it has said so.
struct Refused {
    call: i64,
    errno: i32,
    /// How often it works before, and how often it fails then.
    spared: u64,
    most: u64,
    made: u64,
    count: u64,
}

impl RefusingKernel {
    /// Starts the program; this call works so many times, fails once, and works again.
    pub fn start_refusing_once(
        mut command: Command,
        call: i64,
        errno: i32,
        spared: u64,
    ) -> RefusingKernel {
        Refusals::prepare(&mut command, &[call]);
        let running = Running::start(&mut command);
        let once = Refused {
            spared,
            most: 1,
            ..Refused::new(call, errno)
        };
        let refusals = Refusals::over_refusing(running.pid(), vec![once]);
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

    /// How often the calls were made, refused or not.
    pub fn made(&self) -> u64 {
        let refused = self.refusals.orders.refused.lock().unwrap();
        refused.iter().map(|refused| refused.made).sum()
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
        Refusals::over_refusing(pid, Vec::new())
    }

    fn over_refusing(pid: u32, refused: Vec<Refused>) -> Refusals {
        let orders = Arc::new(Orders::default());
        *orders.refused.lock().unwrap() = refused;
        let own = Arc::clone(&orders);
        let supervisor =
            take_listener(pid).map(|listener| spawn(move || supervise(&listener, &own)));
        Refusals { orders, supervisor }
    }

    /// From now on nobody is refused anything but threads whose names begin so.
    pub fn only_in(&self, threads: &'static str) {
        *self.orders.threads.lock().unwrap() = threads;
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
    let each = |(call, errno): &(i64, i32)| Refused::new(*call, *errno);
    refused.iter().map(each).collect()
}

impl Refused {
    fn new(call: i64, errno: i32) -> Refused {
        let most = if errno == libc::EINTR { 3 } else { u64::MAX };
        Refused {
            call,
            errno,
            spared: 0,
            most,
            made: 0,
            count: 0,
        }
    }
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

fn supervise(listener: &OwnedFd, orders: &Orders) {
    while !orders.is_over.load(Ordering::SeqCst) {
        match seccomp::wait(listener) {
            Some(true) => answer_one(listener, |call, thread| orders.errno_of(call, thread)),
            Some(false) => {}
            None => return,
        }
    }
}

impl Orders {
    /// What this call of this thread shall say now, if it is refused.
    fn errno_of(&self, call: i64, thread: u32) -> Option<i32> {
        let mut refused = self.refused.lock().unwrap();
        let refusal = refused.iter_mut().find(|refused| refused.call == call)?;
        if !is_named(thread, *self.threads.lock().unwrap()) {
            return None;
        }
        refusal.made += 1;
        if refusal.made <= refusal.spared || refusal.count >= refusal.most {
            return None;
        }
        refusal.count += 1;
        Some(refusal.errno)
    }
}

fn is_named(thread: u32, beginning: &str) -> bool {
    beginning.is_empty()
        || fs::read_to_string(format!("/proc/{thread}/comm"))
            .is_ok_and(|name| name.starts_with(beginning))
}

/// Until the claim holds, for five seconds at most.
pub fn holds_soon(mut claim: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_secs(5);
    while Instant::now() < deadline {
        if claim() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    claim()
}
