//! Each system call with which an engine starts fails once: the first of its kind, then the second, and so on. Either it is a
//! failed start that says why and leaves nothing behind, or it does without and works. Line 50. Needs root.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // test builders, outside #[test] functions

mod lab;
mod refusing_kernel;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use lab::folder::Folder;
use lab::sockets::uapi_socket;
use lab::{ENGINE, Host, unique};
use refusing_kernel::{RefusingKernel, holds_soon};

/// Where no role can do without: a thread, what wakes it, what it waits at.
const NEEDED: [(i64, i32); 5] = [
    (libc::SYS_clone3, libc::EAGAIN),
    (libc::SYS_epoll_create1, libc::EMFILE),
    (libc::SYS_eventfd2, libc::EMFILE),
    (libc::SYS_listen, libc::EADDRINUSE),
    (libc::SYS_signalfd4, libc::EMFILE),
];
/// Some of these are for what only makes it better.
const OTHERS: [(i64, i32); 20] = [
    (libc::SYS_bind, libc::ENOMEM),
    (libc::SYS_capget, libc::EPERM),
    (libc::SYS_capset, libc::EPERM),
    (libc::SYS_chmod, libc::EIO),
    (libc::SYS_fcntl, libc::EMFILE),
    (libc::SYS_flock, libc::ENOLCK),
    (libc::SYS_getsockname, libc::ENOBUFS),
    (libc::SYS_ioctl, libc::ENOMEM),
    (libc::SYS_mkdir, libc::EIO),
    (libc::SYS_newfstatat, libc::EIO),
    (libc::SYS_openat, libc::ENFILE),
    (libc::SYS_prctl, libc::EINVAL),
    (libc::SYS_pwrite64, libc::ENOSPC),
    (libc::SYS_read, libc::EIO),
    (libc::SYS_rename, libc::EIO),
    (libc::SYS_sched_getaffinity, libc::EPERM),
    (libc::SYS_sched_setscheduler, libc::EPERM),
    (libc::SYS_seccomp, libc::EINVAL),
    (libc::SYS_setsockopt, libc::ENOMEM),
    (libc::SYS_socket, libc::ENFILE),
];

#[test]
fn line_50_each_call_that_fails_when_a_device_starts_is_a_reason_or_no_loss() {
    fails_each("device");
}

#[test]
fn line_50_each_call_that_fails_when_a_gateway_starts_is_a_reason_or_no_loss() {
    fails_each("gateway");
}

#[test]
fn line_50_each_call_that_fails_when_a_connector_of_three_shards_starts_is_a_reason_or_no_loss() {
    fails_each("connector");
}

fn fails_each(role: &'static str) {
    let host = Host::new();
    let needed = NEEDED.map(|(call, errno)| (call, errno, true));
    let others = OTHERS.map(|(call, errno)| (call, errno, false));
    let mut wrong = Vec::new();
    for (call, errno, is_needed) in needed.into_iter().chain(others) {
        // What the C library and Rust's own do before `main` is not the engine's.
        let first = calls_before_main(call);
        for nth in first.. {
            let outcome = Attempt::new(&host, role, call, errno, nth).outcome();
            if !outcome.was_refused {
                println!("{role}: {} of call {call}", nth - first);
                break;
            }
            wrong.extend(outcome.fault(is_needed));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn calls_before_main(call: i64) -> u64 {
    let mut command = Command::new(ENGINE);
    command.arg("neither device nor gateway");
    let mut kernel = RefusingKernel::start_refusing_once(command, call, libc::EIO, u64::MAX);
    let (status, said) = kernel.end();
    assert_eq!(status.code(), Some(2), "{said}");
    kernel.made()
}

/// A start while one call fails once.
struct Attempt<'h> {
    host: &'h Host,
    what: String,
    reason: String,
    interface: String,
    folder: Folder,
    kernel: RefusingKernel,
}

impl<'h> Attempt<'h> {
    fn new(host: &'h Host, role: &'static str, call: i64, errno: i32, nth: u64) -> Self {
        let (folder, interface) = (Folder::new(), unique("s"));
        let arguments = arguments(role, &folder, &interface);
        let begun = host.within(move || {
            let mut command = Command::new(ENGINE);
            command.args(arguments.split_whitespace());
            RefusingKernel::start_refusing_once(command, call, errno, nth)
        });
        Attempt {
            host,
            what: format!("{role}, call {call}, number {nth}"),
            reason: std::io::Error::from_raw_os_error(errno).to_string(),
            interface,
            folder,
            kernel: begun.join().unwrap(),
        }
    }

    fn outcome(mut self) -> Outcome {
        let has_started = self.answers();
        let was_refused = self.kernel.relent() > 0;
        let (status, said) = match has_started {
            true => self.kernel.stop(),
            false => self.kernel.end(),
        };
        Outcome {
            was_refused,
            has_started,
            left: self.left(),
            what: self.what,
            reason: self.reason,
            code: status.code(),
            said,
        }
    }

    /// Or it ends.
    fn answers(&mut self) -> bool {
        let control = self.folder.join("control.sock");
        let running = &mut self.kernel.running;
        // Who is let in only at the second try is let in.
        let greets = || UnixStream::connect(&control).is_ok_and(says_hello);
        let is_decided = holds_soon(|| running.has_ended() || greets());
        assert!(is_decided, "{}: it neither starts nor ends", self.what);
        !running.has_ended()
    }

    /// Files, sockets and interfaces, but the file that is meant to stay.
    fn left(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(&self.folder.path).unwrap();
        let files = files.map(|file| file.unwrap().path());
        let mut left: Vec<PathBuf> = files.filter(|file| !file.ends_with("state")).collect();
        let uapi = uapi_socket(&self.interface);
        left.extend(Some(uapi).filter(|socket| socket.exists()));
        if self.host.ip("link").contains(&self.interface) {
            left.push(self.interface.clone().into());
        }
        left
    }
}

struct Outcome {
    /// Else there was no such call.
    was_refused: bool,
    has_started: bool,
    left: Vec<PathBuf>,
    what: String,
    reason: String,
    code: Option<i32>,
    said: String,
}

impl Outcome {
    fn fault(&self, is_needed: bool) -> Option<String> {
        let Outcome {
            what, code, said, ..
        } = self;
        let is_well = self.has_started && *code == Some(0);
        let has_said_why = !self.has_started && *code == Some(1) && said.contains(&self.reason);
        if !has_said_why && (is_needed || !is_well) {
            let started = self.has_started;
            return Some(format!("{what}: started: {started}, {code:?}, {said:?}"));
        }
        let left = Some(&self.left).filter(|left| !left.is_empty());
        left.map(|left| format!("{what}: {left:?} is left: {said:?}"))
    }
}

fn arguments(role: &str, folder: &Folder, interface: &str) -> String {
    let control = folder.join("control.sock");
    let state = folder.join("state");
    let (control, state) = (control.display(), state.display());
    match role {
        "device" => format!("device {interface} --control {control} --state {state}"),
        "gateway" => format!("gateway --control {control} --uapi {interface} --state {state}"),
        _ => format!("connector --control {control} --tun {interface} --shards 3"),
    }
}

/// False: it hung up instead.
fn says_hello(mut caller: UnixStream) -> bool {
    caller
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    let asked = caller.write_all(b"{\"v\":1,\"id\":1,\"method\":\"hello\"}\n");
    let mut answer = String::new();
    let heard = BufReader::new(caller).read_line(&mut answer);
    asked.is_ok() && heard.is_ok() && answer.contains("\"result\"")
}
