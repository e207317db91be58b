//! What each role may do once it runs: hold the one right that it needs, if any, make the system calls that it needs, and
//! keep its memory from everybody but root with all rights. Needs root.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that is wrong should say so at once"
)]

mod lab;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use lab::folder::Folder;
use lab::running::Running;
use lab::sockets::{exchange, uapi_socket};
use lab::{ENGINE, Host, unique};

const ROOT: u32 = 0;
const NOBODY: u32 = 65534;
/// Sets of capabilities, as `/proc` writes them.
const NONE: &str = "0000000000000000";
const NET_BIND_SERVICE: &str = "0000000000000400";
const NET_ADMIN: &str = "0000000000001000";
const NET_RAW: &str = "0000000000002000";
const GATEWAY_CONFIG: &str = r#"{"v":1,"id":1,"method":"configure","params":{"privateKey":"CQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=","listenPort":51820,"mtu":1420,"peers":[],"networks":[],"rules":[]}}"#;

#[test]
fn a_device_may_change_its_network_and_nothing_else() {
    let site = Site::new();
    let name = unique("a");
    let engine = site.start(&format!("device {name}"), ROOT);

    assert_confined(&engine, NET_ADMIN, Some(NET_ADMIN));
    assert_closed(&engine, ROOT);
    let mode = fs::metadata(uapi_socket(&name)).unwrap().permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
}

#[test]
fn a_gateway_may_do_nothing_and_as_root_open_a_low_port() {
    let site = Site::new();
    for (user, held, bound) in [
        (NOBODY, NONE, None),
        (ROOT, NET_BIND_SERVICE, Some(NET_BIND_SERVICE)),
    ] {
        let engine = site.start("gateway", user);
        let answer = exchange(&site.control(), format!("{GATEWAY_CONFIG}\n").as_bytes());
        assert!(answer.contains("\"hash\""), "{answer}");

        assert_confined(&engine, held, bound);
        assert_closed(&engine, user);
        assert_eq!(engine.stop().0.code(), Some(0));
    }
}

#[test]
fn a_connector_may_do_nothing_and_as_root_ping_where_there_is_no_other_way() {
    let site = Site::new();
    let tun = format!("connector --tun {}", unique("t"));
    for (groups, arguments, user, held, bound) in [
        ("1 0", "connector --shards 3", NOBODY, NONE, None),
        ("1 0", tun.as_str(), ROOT, NET_RAW, Some(NET_RAW)),
        ("0 2147483647", &tun, ROOT, NONE, Some(NET_RAW)),
    ] {
        site.lets_ping(groups);
        let engine = site.start(arguments, user);

        assert_confined(&engine, held, bound);
        assert_closed(&engine, user);
        assert_eq!(engine.stop().0.code(), Some(0));
    }
}

/// A host, and a folder and a program in it that are for everybody.
struct Site {
    host: Host,
    folder: Folder,
}

impl Site {
    fn new() -> Site {
        let (host, folder) = (Host::new(), Folder::new());
        // By a program of its own: a file that this process had open for writing while another test forked would be busy.
        let copied = Command::new("cp").arg(ENGINE).arg(&folder.path).status();
        assert!(copied.unwrap().success());
        fs::set_permissions(&folder.path, fs::Permissions::from_mode(0o777)).unwrap();
        Site { host, folder }
    }

    fn control(&self) -> PathBuf {
        self.folder.join("control.sock")
    }

    /// Groups whose processes the kernel gives ping sockets; `1 0` are none.
    fn lets_ping(&self, groups: &str) {
        let groups = groups.to_owned();
        let write = move || fs::write("/proc/sys/net/ipv4/ping_group_range", groups).unwrap();
        self.host.within(write).join().unwrap();
    }

    /// Its socket is there before the role has started; an answer is not.
    fn start(&self, arguments: &str, user: u32) -> Running {
        let program = self.folder.join("culvert-engine");
        let control = self.control();
        let (program, socket) = (program.display(), control.display());
        let who = as_user(user);
        let line = format!("{who} {program} {arguments} --control {socket}");
        let mut running = self.host.start("setpriv", &line);
        running.wait_for(&control);
        let hello = exchange(&control, b"{\"v\":1,\"id\":1,\"method\":\"hello\"}\n");
        assert!(hello.contains("\"result\""), "{hello}");
        running
    }
}

fn as_user(user: u32) -> String {
    format!("--reuid {user} --regid {user} --clear-groups")
}

/// Every thread: each has rights and a filter of its own. Nobody but root can narrow what is in bounds; to who can get
/// no new privileges, it gives nothing.
fn assert_confined(engine: &Running, held: &str, in_bounds: Option<&str>) {
    const FILTERED: &str = "2";
    let process = PathBuf::from(format!("/proc/{}", engine.pid()));
    let threads = fs::read_dir(process.join("task")).unwrap();
    let threads: Vec<PathBuf> = threads.map(|thread| thread.unwrap().path()).collect();
    assert!(threads.len() > 1, "where are its threads?");
    for thread in threads {
        let name = fs::read_to_string(thread.join("comm")).unwrap();
        let status = fs::read_to_string(thread.join("status")).unwrap();
        let expected = [
            ("CapPrm:", held),
            ("CapEff:", held),
            ("CapInh:", NONE),
            ("CapAmb:", NONE),
            ("NoNewPrivs:", "1"),
            ("Seccomp:", FILTERED),
            ("CapBnd:", in_bounds.unwrap_or(field(&status, "CapBnd:"))),
        ];
        for (what, expected) in expected {
            assert_eq!(field(&status, what), expected, "{what} of thread {name}");
        }
    }
    let limits = fs::read_to_string(process.join("limits")).unwrap();
    let core = field(&limits, "Max core file size");
    let core: Vec<&str> = core.split_whitespace().collect();
    assert_eq!(core, ["0", "0", "bytes"]);
}

fn field<'t>(text: &'t str, name: &str) -> &'t str {
    let mut lines = text.lines();
    lines
        .find_map(|line| line.strip_prefix(name))
        .unwrap()
        .trim()
}

/// To a program of the same user, with all rights but those to look into whatever it likes, other processes are open and
/// this one is not: so it is with what can not be dumped (ptrace(2), "Ptrace access mode checking").
fn assert_closed(engine: &Running, user: u32) {
    let mut other = Command::new("setpriv");
    other.args(without_insight(user)).args(["sleep", "60"]);
    let other = Running::start(other.stdout(Stdio::null()));
    let is_asleep = || {
        let name = fs::read_to_string(format!("/proc/{}/comm", other.pid()));
        name.unwrap() == "sleep\n"
    };
    while !is_asleep() {
        std::thread::yield_now();
    }

    for file in ["maps", "environ"] {
        assert_eq!(opens(&other, file, user), (true, String::new()));
        let (is_open, said) = opens(engine, file, user);
        assert!(!is_open, "{file} of the engine can be read");
        assert!(said.contains("Permission denied"), "{said}");
    }
}

fn opens(process: &Running, file: &str, user: u32) -> (bool, String) {
    let path = format!("/proc/{}/{file}", process.pid());
    assert!(Path::new(&path).exists(), "{path}");
    let mut reader = Command::new("setpriv");
    reader.args(without_insight(user));
    let read = reader
        .args(["sh", "-c", "exec < \"$0\"", &path])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&read.stderr).into_owned();
    (read.status.success(), said)
}

fn without_insight(user: u32) -> Vec<String> {
    let words = format!(
        "--bounding-set -sys_ptrace,-perfmon,-sys_admin {}",
        as_user(user)
    );
    words.split_whitespace().map(str::to_owned).collect()
}
