//! The engine as a process, and its control socket.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

pub struct Engine {
    pub child: Child,
    pub folder: PathBuf,
    control: Control,
}

pub struct Control {
    lines: BufReader<UnixStream>,
    next_id: u64,
}

pub const NOBODY: u32 = 65534;

impl Engine {
    /// As a user without any right.
    pub fn start(name: &str) -> Self {
        Self::start_as(NOBODY, name, &[])
    }

    pub fn start_as(user: u32, name: &str, options: &[&str]) -> Self {
        Self::prepared_as(user, name, options, |_| (), |_| ())
    }

    /// With something done to the command before and to the process at once after its start.
    pub fn prepared_as(
        user: u32,
        name: &str,
        options: &[&str],
        prepare: impl FnOnce(&mut Command),
        started: impl FnOnce(u32),
    ) -> Self {
        let folder =
            std::env::temp_dir().join(format!("culvert-connector-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o777)).unwrap();
        let program = folder.join("culvert-engine");
        // Where the tests are built, nobody may have no way to. Copied by a program of its own: a file that this process
        // had open for writing while another test forked would be busy when it is run.
        let copied = Command::new("cp")
            .arg(env!("CARGO_BIN_EXE_culvert-engine"))
            .arg(&program)
            .status();
        assert!(copied.unwrap().success());
        let socket = folder.join("control.sock");
        let mut command = Command::new(&program);
        command
            .args(["connector", "--control"])
            .arg(&socket)
            .args(options)
            .env("CULVERT_LOG", "warn")
            .uid(user)
            .gid(user);
        prepare(&mut command);
        let child = command.spawn().unwrap();
        started(child.id());
        let control = Control::open(&socket);
        Self {
            child,
            folder,
            control,
        }
    }

    pub fn control(&self) -> Control {
        Control::open(&self.folder.join("control.sock"))
    }

    pub fn ask(&mut self, method: &str, params: Value) -> Value {
        self.control.ask(method, params)
    }

    pub fn proc_status(&self, field: &str) -> String {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find(|line| line.starts_with(field)).unwrap();
        line.split_once(':')
            .unwrap()
            .1
            .split_whitespace()
            .next()
            .unwrap()
            .to_owned()
    }

    pub fn terminate(&mut self) -> ExitStatus {
        let id = i32::try_from(self.child.id()).unwrap();
        rustix::process::kill_process(
            rustix::process::Pid::from_raw(id).unwrap(),
            rustix::process::Signal::TERM,
        )
        .unwrap();
        self.child.wait().unwrap()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        std::fs::remove_dir_all(&self.folder).ok();
    }
}

impl Control {
    pub fn open(path: &Path) -> Self {
        let deadline = Instant::now() + Duration::from_secs(10);
        let stream = loop {
            match UnixStream::connect(path) {
                Ok(stream) => break stream,
                Err(fault) => assert!(Instant::now() < deadline, "no control socket: {fault}"),
            }
            std::thread::sleep(Duration::from_millis(10));
        };
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        Self {
            lines: BufReader::new(stream),
            next_id: 1,
        }
    }

    pub fn ask(&mut self, method: &str, params: Value) -> Value {
        let request = json!({ "v": 1, "id": self.next_id, "method": method, "params": params });
        self.next_id += 1;
        writeln!(self.lines.get_mut(), "{request}").unwrap();
        self.next_line()
    }

    pub fn next_line(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }
}
