//! Hosts as network namespaces, with real programs in them. Everything that is made goes when it is dropped.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic
)] // for tests only

pub mod folder;
pub mod running;
pub mod sockets;

use std::fs::File;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::{JoinHandle, spawn};

use self::running::Running;
use self::sockets::uapi_socket;

pub const ENGINE: &str = env!("CARGO_BIN_EXE_culvert-engine");

static LAST: AtomicU32 = AtomicU32::new(0);

/// A name that no other test, nor another run at the same time, uses. Short enough for an interface.
pub fn unique(letter: &str) -> String {
    format!(
        "cv{letter}{}x{}",
        std::process::id(),
        LAST.fetch_add(1, Ordering::Relaxed)
    )
}

pub struct Host {
    pub name: String,
}

impl Host {
    pub fn new() -> Host {
        // SAFETY: geteuid has no conditions.
        let user = unsafe { libc::geteuid() };
        assert_eq!(
            user, 0,
            "this test makes network namespaces: run it as root (sudo -E cargo test …)"
        );
        let name = unique("h");
        must("ip", &["netns", "add", &name]);
        must("ip", &["-n", &name, "link", "set", "lo", "up"]);
        Host { name }
    }

    /// Two hosts on one wire: 192.0.2.1 and .2, fd00:2::1 and ::2.
    pub fn pair() -> (Host, Host) {
        let (one, other) = (Host::new(), Host::new());
        let wire = [
            "link", "add", "wire", "netns", &one.name, "type", "veth", "peer", "name", "wire",
        ];
        must("ip", &[&wire[..], &["netns", &other.name]].concat());
        for (host, number) in [(&one, 1), (&other, 2)] {
            host.ip(&format!("addr add 192.0.2.{number}/24 dev wire"));
            host.ip(&format!("addr add fd00:2::{number}/64 dev wire nodad"));
            host.ip("link set wire up");
        }
        (one, other)
    }

    /// One more wire, with its end's name on either host; both are up, without addresses.
    pub fn connect(&self, end: &str, other: &Host, other_end: &str) {
        let wire = [
            "link", "add", end, "netns", &self.name, "type", "veth", "peer", "name", other_end,
        ];
        must("ip", &[&wire[..], &["netns", &other.name]].concat());
        self.ip(&format!("link set {end} up"));
        other.ip(&format!("link set {other_end} up"));
    }

    /// Each is `ADDRESS/LENGTH`.
    pub fn has(&self, interface: &str, addresses: &[&str]) {
        for address in addresses {
            let nodad = if address.contains(':') { "nodad" } else { "" };
            self.ip(&format!("addr add {address} dev {interface} {nodad}"));
        }
    }

    pub fn forwards(&self) {
        self.must(
            "sysctl",
            "-qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1",
        );
    }

    /// A script for `nft`.
    pub fn nft(&self, script: &str) {
        let mut command = self.command("nft", "-f -");
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(script.as_bytes())
            .unwrap();
        assert!(child.wait().unwrap().success(), "nft refused: {script}");
    }

    pub fn reaches(&self, address: &str) -> bool {
        self.run("ping", &format!("-c 1 -W 1 {address}")).0
    }

    /// Within five seconds, a handshake's first retry included.
    pub fn must_reach(&self, address: &str) {
        self.must("ping", &format!("-c 1 -W 6 {address}"));
    }

    pub fn ip(&self, arguments: &str) -> String {
        let words: Vec<&str> = arguments.split_whitespace().collect();
        must(
            "ip",
            &[&["-n", self.name.as_str()], words.as_slice()].concat(),
        )
    }

    pub fn command(&self, program: &str, arguments: &str) -> Command {
        let mut command = Command::new("ip");
        command
            .args(["netns", "exec", &self.name, program])
            .args(arguments.split_whitespace());
        command
    }

    /// What the program says on both channels, and whether it was content.
    pub fn run(&self, program: &str, arguments: &str) -> (bool, String) {
        let output = self.command(program, arguments).output().unwrap();
        let both = [output.stdout, output.stderr].concat();
        (
            output.status.success(),
            String::from_utf8_lossy(&both).into_owned(),
        )
    }

    pub fn must(&self, program: &str, arguments: &str) -> String {
        let (is_content, said) = self.run(program, arguments);
        assert!(is_content, "{program} {arguments}: {said}");
        said
    }

    pub fn start(&self, program: &str, arguments: &str) -> Running {
        let mut command = self.command(program, arguments);
        Running::start(command.stdout(Stdio::null()))
    }

    pub fn start_engine(&self, interface: &str, options: &str) -> Running {
        let mut running = self.start(ENGINE, &format!("device {interface} {options}"));
        running.wait_for(&uapi_socket(interface));
        running
    }

    pub fn start_wireguard_go(&self, interface: &str) -> Running {
        let mut running = self.start("wireguard-go", &format!("-f {interface}"));
        running.wait_for(&uapi_socket(interface));
        running
    }

    /// Does this on a thread that lives in the host's network.
    pub fn within<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> JoinHandle<T> {
        let namespace = File::open(format!("/var/run/netns/{}", self.name)).unwrap();
        spawn(move || {
            // SAFETY: the descriptor is open; the thread is new and ends after this.
            let entered = unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) };
            assert_eq!(entered, 0, "{}", std::io::Error::last_os_error());
            work()
        })
    }

    /// Received segments and datagrams whose checksum was wrong, and IP headers.
    pub fn checksum_errors(&self) -> u64 {
        let counters = self.must("nstat", "-asz");
        let wrong = [
            "TcpInCsumErrors",
            "UdpInCsumErrors",
            "Udp6InCsumErrors",
            "IpInHdrErrors",
            "Ip6InHdrErrors",
        ];
        let lines = counters
            .lines()
            .filter(|line| wrong.iter().any(|name| line.starts_with(name)));
        lines
            .map(|line| {
                line.split_whitespace()
                    .nth(1)
                    .unwrap()
                    .parse::<u64>()
                    .unwrap()
            })
            .sum()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        let _ = Command::new("ip")
            .args(["netns", "del", &self.name])
            .status();
    }
}

fn must(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
    String::from_utf8(output.stdout).unwrap()
}
