//! A running gateway, and WireGuard peers that talk to it.

pub(crate) mod conversation;
mod keys;
pub(crate) mod packets;
pub(crate) mod party;
mod process;

use std::net::{Ipv4Addr, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use culvert_core::{PrivateKey, PublicKey};
use serde_json::{Value, json};

use self::conversation::{Conversation, Watcher};
use self::keys::{key_text, random_key};
use self::party::Party;

const ENGINE: &str = env!("CARGO_BIN_EXE_culvert-engine");
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) struct Gateway {
    process: Child,
    folder: PathBuf,
    control: Conversation,
    private_key: PrivateKey,
    pub(crate) port: u16,
}

impl Gateway {
    pub(crate) fn start() -> Gateway {
        Gateway::start_by(Command::new(ENGINE))
    }

    /// With these options of the engine's.
    pub(crate) fn start_with(options: &str) -> Gateway {
        Gateway::start_watched(Command::new(ENGINE), options, |_| ())
    }

    /// With so many descriptors and no more.
    pub(crate) fn start_with_files(count: u32) -> Gateway {
        let mut command = Command::new("prlimit");
        command.args([&format!("--nofile={count}:{count}"), ENGINE]);
        Gateway::start_by(command)
    }

    fn start_by(command: Command) -> Gateway {
        Gateway::start_watched(command, "", |_| ())
    }

    /// With something done to the process at once after its start.
    pub(crate) fn start_watched(
        mut command: Command,
        options: &str,
        started: impl FnOnce(u32),
    ) -> Gateway {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder =
            std::env::temp_dir().join(format!("culvert-gateway-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("control.sock");
        let process = command
            .arg("gateway")
            .args(options.split_whitespace())
            .arg("--control")
            .arg(&path)
            .spawn()
            .unwrap();
        started(process.id());
        let deadline = Instant::now() + PATIENCE;
        let stream = loop {
            match UnixStream::connect(&path) {
                Ok(stream) => break stream,
                Err(fault) => assert!(Instant::now() < deadline, "no control socket: {fault}"),
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        Gateway {
            process,
            folder,
            control: Conversation::new(stream),
            private_key: random_key(),
            port: free_port(),
        }
    }

    pub(crate) fn control_path(&self) -> PathBuf {
        self.folder.join("control.sock")
    }

    pub(crate) fn ask(&mut self, method: &str, params: Value) -> Value {
        let answer = self.control.ask(method, params);
        assert_eq!(answer.get("error"), None, "{method}");
        answer["result"].clone()
    }

    pub(crate) fn ask_for_error(&mut self, method: &str, params: Value) -> Value {
        let answer = self.control.ask(method, params);
        assert!(
            answer.get("error").is_some(),
            "{method} was answered with {answer}"
        );
        answer["error"].clone()
    }

    pub(crate) fn configure(&mut self, config: &Value) {
        let answer = self.ask("configure", config.clone());
        assert_eq!(answer["hash"].as_str().unwrap().len(), 64);
    }

    pub(crate) fn watch(&mut self) -> Watcher {
        let stream = UnixStream::connect(self.control_path()).unwrap();
        let mut conversation = Conversation::new(stream);
        assert_eq!(conversation.ask("watch", Value::Null)["result"], json!({}));
        Watcher(conversation.reader)
    }

    /// Everybody may reach 192.168.0.0/24, but not its port 8080.
    pub(crate) fn config(&self, device: &Party, connector: &Party) -> Value {
        json!({
            "privateKey": key_text(self.private_key.as_bytes()),
            "listenPort": self.port,
            "mtu": 1420,
            "peers": [
                { "kind": "device", "id": "laptop", "publicKey": device.public_key_text(),
                  "addresses": [device.overlay], "subjects": ["everyone"], "expiresAt": null },
                { "kind": "connector", "id": "tokyo-a", "publicKey": connector.public_key_text(),
                  "addresses": [connector.overlay], "networkId": "tokyo", "healthy": true },
            ],
            "networks": [{ "id": "tokyo", "ranges": ["192.168.0.0/24", "10.9.0.0/16"] }],
            "rules": [
                { "id": "no-web", "name": "no web", "action": "block", "subjects": ["everyone"],
                  "networkIds": [], "ranges": [], "protocol": "any", "ports": [[8080, 8080]] },
                { "id": "lan", "name": "LAN", "action": "allow", "subjects": ["everyone"],
                  "networkIds": ["tokyo"], "ranges": ["192.168.0.0/24"], "protocol": "any", "ports": [] },
            ],
        })
    }

    pub(crate) fn address(&self) -> std::net::SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    pub(crate) fn public_key(&self) -> PublicKey {
        self.private_key.public_key()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Stops where it is, until it may go on.
    pub(crate) fn hold(&self) {
        let pid = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    }

    pub(crate) fn go_on(&self) {
        let pid = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
    }

    pub(crate) fn terminate(&self) {
        let pid = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
    }

    pub(crate) fn wait_for_exit(&mut self) -> Option<i32> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status.code();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("the gateway does not leave");
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Below those from which the kernel gives sockets theirs (32768 and up): nobody takes it before its gateway does.
pub(crate) fn free_port() -> u16 {
    static TRIED: AtomicU32 = AtomicU32::new(0);
    loop {
        let number = std::process::id() * 97 + TRIED.fetch_add(1, Ordering::Relaxed);
        let port = 20_000 + (number % 12_000) as u16;
        if UdpSocket::bind(("0.0.0.0", port)).is_ok() {
            return port;
        }
    }
}
