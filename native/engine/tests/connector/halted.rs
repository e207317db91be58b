//! Threads of an engine that do not get to run, as those of a machine that has too much to do.

use std::time::Duration;

use super::process::Engine;

/// From [`Halted::all`] on until it is dropped, the engine's threads of that name stand still.
pub struct Halted(Vec<libc::pid_t>);

impl Halted {
    /// Those whose names begin so. Only the calling thread may let them go again.
    pub fn all(engine: &Engine, name: &str) -> Self {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", engine.child.id())).unwrap();
        let tasks = tasks.map(|task| task.unwrap());
        let chosen = tasks.filter(|task| {
            let own = std::fs::read_to_string(task.path().join("comm"));
            own.is_ok_and(|own| own.starts_with(name))
        });
        let ids = chosen.map(|task| task.file_name().to_str().unwrap().parse().unwrap());
        let halted = Self(ids.collect());
        assert!(!halted.0.is_empty(), "no thread is called {name}");
        halted.0.iter().for_each(|id| halt(*id));
        halted
    }
}

impl Drop for Halted {
    fn drop(&mut self) {
        for id in &self.0 {
            trace(libc::PTRACE_DETACH, *id);
        }
    }
}

/// While it waits for something to do: a thread that held a lock would halt others with it.
fn halt(id: libc::pid_t) {
    loop {
        trace(libc::PTRACE_SEIZE, id);
        trace(libc::PTRACE_INTERRUPT, id);
        // SAFETY: waits for a thread that this one traces, and writes nothing.
        let stopped = unsafe { libc::waitpid(id, std::ptr::null_mut(), libc::__WALL) };
        assert_eq!(stopped, id, "{}", std::io::Error::last_os_error());
        if is_waiting(id) {
            return;
        }
        trace(libc::PTRACE_DETACH, id);
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn is_waiting(id: libc::pid_t) -> bool {
    let call = std::fs::read_to_string(format!("/proc/{id}/syscall")).unwrap();
    let number = call.split(' ').next().unwrap().parse();
    number.is_ok_and(|number: i64| [libc::SYS_ppoll, libc::SYS_restart_syscall].contains(&number))
}

fn trace(request: libc::c_uint, id: libc::pid_t) {
    let nothing = std::ptr::null_mut::<libc::c_void>();
    // SAFETY: none of these requests reads or writes memory.
    let outcome = unsafe { libc::ptrace(request, id, nothing, nothing) };
    assert_eq!(outcome, 0, "{}", std::io::Error::last_os_error());
}
