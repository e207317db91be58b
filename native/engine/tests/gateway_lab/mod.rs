//! A running gateway, and WireGuard peers that talk to it.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, UdpSocket};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use culvert_core::{
    Entropy, HEADROOM, Now, Outbox, Peer, PeerUpdate, PrivateKey, PublicKey, Received, Sealed,
    SourceCheck, TAILROOM, Tunnel, TunnelOptions,
};
use culvert_switch::checksum::Checksum;
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Value, json};

const ENGINE: &str = env!("CARGO_BIN_EXE_culvert-engine");
const PATIENCE: Duration = Duration::from_secs(5);
/// Long enough for a packet that should not come to have come.
const SILENCE: Duration = Duration::from_millis(200);

pub(crate) struct Gateway {
    process: Child,
    folder: PathBuf,
    control: Conversation,
    private_key: PrivateKey,
    pub(crate) port: u16,
}

struct Conversation {
    reader: BufReader<UnixStream>,
    writer: UnixStream,
    next_id: u64,
}

pub(crate) struct Watcher(BufReader<UnixStream>);

impl Gateway {
    pub(crate) fn start() -> Gateway {
        Gateway::start_by(Command::new(ENGINE))
    }

    /// With so many descriptors and no more.
    pub(crate) fn start_with_files(count: u32) -> Gateway {
        let mut command = Command::new("prlimit");
        command.args([&format!("--nofile={count}:{count}"), ENGINE]);
        Gateway::start_by(command)
    }

    fn start_by(command: Command) -> Gateway {
        Gateway::start_watched(command, |_| ())
    }

    /// With something done to the process at once after its start.
    pub(crate) fn start_watched(mut command: Command, started: impl FnOnce(u32)) -> Gateway {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder =
            std::env::temp_dir().join(format!("culvert-gateway-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join("control.sock");
        let process = command
            .args(["gateway", "--control"])
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

    pub(crate) fn resident_kb(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        line.unwrap()
            .split_whitespace()
            .nth(1)
            .unwrap()
            .parse()
            .unwrap()
    }

    /// From now on it gets so many bytes more, and no further ones.
    pub(crate) fn limit_memory(&self, more: u64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmSize:"));
        let kilobytes: u64 = line
            .unwrap()
            .split_whitespace()
            .nth(1)
            .unwrap()
            .parse()
            .unwrap();
        let limit = kilobytes * 1024 + more;
        let done = Command::new("prlimit")
            .args([
                &format!("--pid={}", self.pid()),
                &format!("--as={limit}:{limit}"),
            ])
            .status();
        assert!(done.unwrap().success());
    }

    /// Seconds of processor time, all threads together.
    pub(crate) fn processor_seconds(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        let behind_the_name = stat.rsplit_once(')').unwrap().1;
        let fields: Vec<&str> = behind_the_name.split_whitespace().collect();
        const TICKS_PER_SECOND: f64 = 100.0;
        let ticks = [11, 12].map(|nth: usize| fields[nth].parse::<f64>().unwrap());
        ticks.iter().sum::<f64>() / TICKS_PER_SECOND
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

impl Conversation {
    fn new(stream: UnixStream) -> Conversation {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let writer = stream.try_clone().unwrap();
        Conversation {
            reader: BufReader::new(stream),
            writer,
            next_id: 1,
        }
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.next_id;
        self.next_id += 1;
        let mut request = json!({ "v": 1, "id": id, "method": method });
        if !params.is_null() {
            request["params"] = params;
        }
        self.writer
            .write_all(format!("{request}\n").as_bytes())
            .unwrap();
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(answer["id"], id);
        answer
    }
}

impl Watcher {
    /// The next event of this kind.
    pub(crate) fn event(&mut self, kind: &str) -> Value {
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).expect("an event within 5 s");
            let line: Value = serde_json::from_str(&line).unwrap();
            if line["event"]["kind"] == kind {
                return line["event"].clone();
            }
        }
    }
}

/// A WireGuard peer of the gateway's: tunnel and socket, no TUN.
pub(crate) struct Party {
    tunnel: Tunnel,
    socket: UdpSocket,
    gateway: Arc<Peer>,
    outbox: Outbox,
    overlay: String,
    /// How many have left.
    pub(crate) initiations: u32,
}

impl Party {
    pub(crate) fn new(gateway: &Gateway, overlay: &str) -> Party {
        Party::at(Ipv4Addr::LOCALHOST, gateway, overlay)
    }

    /// With an address of its own outside.
    pub(crate) fn at(outside: Ipv4Addr, gateway: &Gateway, overlay: &str) -> Party {
        let options = TunnelOptions {
            entropy: Arc::new(Random),
            mtu: 1420,
            source_check: SourceCheck::Owner,
        };
        let tunnel = Tunnel::new(options, now());
        tunnel.set_private_key(now(), Some(random_key()));
        let mut update = PeerUpdate::new(gateway.private_key.public_key());
        let address = std::net::SocketAddr::from((Ipv4Addr::LOCALHOST, gateway.port));
        update.endpoint = Some(address.into());
        let gateway = tunnel.update_peer(now(), update).unwrap();
        let socket = UdpSocket::bind((outside, 0)).unwrap();
        socket
            .set_read_timeout(Some(Duration::from_millis(10)))
            .unwrap();
        Party {
            tunnel,
            socket,
            gateway,
            outbox: Outbox::new(),
            overlay: overlay.to_owned(),
            initiations: 0,
        }
    }

    pub(crate) fn address(&self) -> String {
        self.socket.local_addr().unwrap().to_string()
    }

    pub(crate) fn public_key_text(&self) -> String {
        let PublicKey(key) = self.tunnel.public_key().unwrap();
        key_text(&key)
    }

    /// So that a burst waits for its reader instead of being lost.
    pub(crate) fn make_room(&self) {
        rustix::net::sockopt::set_socket_recv_buffer_size_force(&self.socket, 4 << 20).unwrap();
    }

    /// A datagram to be sent by whatever way.
    pub(crate) fn seal(&mut self, packet: &[u8]) -> Vec<u8> {
        let inner = HEADROOM..HEADROOM + packet.len();
        let mut buffer = vec![0; inner.end + TAILROOM];
        buffer[inner.clone()].copy_from_slice(packet);
        let outbox = &mut self.outbox;
        match self
            .tunnel
            .seal(now(), &self.gateway, &mut buffer, inner, outbox)
        {
            Sealed::Datagram { range, .. } => buffer[range].to_vec(),
            other => panic!("not sealed: {other:?}"),
        }
    }

    pub(crate) fn set_mtu(&self, mtu: usize) {
        self.tunnel.set_mtu(mtu);
    }

    /// Makes a session, as a connector does at its start.
    pub(crate) fn greet(&mut self) {
        self.greet_within(PATIENCE);
    }

    pub(crate) fn greet_within(&mut self, patience: Duration) {
        let mut update = PeerUpdate::new(*self.gateway.public_key());
        update.keepalive_seconds = Some(5);
        self.tunnel.update_peer(now(), update).unwrap();
        let deadline = Instant::now() + patience;
        while !self.gateway.has_session(now()) {
            assert!(Instant::now() < deadline, "no session with the gateway");
            assert_eq!(self.turn(), None);
        }
    }

    /// Begins a handshake, whether it is answered or not.
    pub(crate) fn knock(&mut self) {
        let mut update = PeerUpdate::new(*self.gateway.public_key());
        update.keepalive_seconds = Some(5);
        self.tunnel.update_peer(now(), update).unwrap();
        for _ in 0..5 {
            self.turn();
        }
    }

    pub(crate) fn send(&mut self, packet: &[u8]) {
        let mut buffer = vec![0; HEADROOM + packet.len() + TAILROOM];
        buffer[HEADROOM..HEADROOM + packet.len()].copy_from_slice(packet);
        let inner = HEADROOM..HEADROOM + packet.len();
        let sealed = self
            .tunnel
            .seal(now(), &self.gateway, &mut buffer, inner, &mut self.outbox);
        self.flush();
        match sealed {
            Sealed::Datagram { endpoint, range } => {
                self.socket
                    .send_to(&buffer[range], endpoint.remote)
                    .unwrap();
            }
            Sealed::Staged => {
                let deadline = Instant::now() + PATIENCE;
                while !self.gateway.has_session(now()) && Instant::now() < deadline {
                    assert_eq!(self.turn(), None);
                }
            }
            Sealed::Dropped(reason) => panic!("{reason:?}"),
        }
    }

    /// The next inner packet.
    pub(crate) fn receive(&mut self) -> Vec<u8> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(packet) = self.turn() {
                return packet;
            }
        }
        panic!("no packet came to {}", self.overlay);
    }

    /// Whether this very packet comes within half a second; others that come first are late.
    pub(crate) fn awaits(&mut self, packet: &[u8]) -> bool {
        let deadline = Instant::now() + Duration::from_millis(500);
        while Instant::now() < deadline {
            if self.turn().is_some_and(|got| got == packet) {
                return true;
            }
        }
        false
    }

    pub(crate) fn expect_nothing(&mut self) {
        let deadline = Instant::now() + SILENCE;
        while Instant::now() < deadline {
            assert_eq!(self.turn(), None, "{} should get nothing", self.overlay);
        }
    }

    fn turn(&mut self) -> Option<Vec<u8>> {
        self.tunnel.handle_timeout(now(), &mut self.outbox);
        self.flush();
        let mut datagram = [0; 2048];
        let (length, from) = self.socket.recv_from(&mut datagram).ok()?;
        let datagram = &mut datagram[..length];
        let received = self
            .tunnel
            .receive(now(), from.into(), datagram, &mut self.outbox);
        self.flush();
        match received {
            Received::Packet { inner, .. } => Some(datagram[inner].to_vec()),
            _ => None,
        }
    }

    fn flush(&mut self) {
        for (endpoint, datagram) in self.outbox.iter() {
            self.socket.send_to(datagram, endpoint.remote).unwrap();
            self.initiations += u32::from(datagram[0] == 1);
        }
        self.outbox.clear();
    }
}

struct Random;

impl Entropy for Random {
    fn fill(&self, bytes: &mut [u8]) {
        SystemRandom::new().fill(bytes).unwrap();
    }
}

fn random_key() -> PrivateKey {
    let mut bytes = [0; 32];
    Random.fill(&mut bytes);
    PrivateKey::from_bytes(bytes)
}

pub(crate) fn free_port() -> u16 {
    UdpSocket::bind("0.0.0.0:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

fn now() -> Now {
    Now {
        instant: Instant::now(),
        unix: SystemTime::now().duration_since(UNIX_EPOCH).unwrap(),
    }
}

pub(crate) fn unix_ms() -> u64 {
    now().unix.as_millis() as u64
}

fn key_text(key: &[u8; 32]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in key.chunks(3) {
        let bits = chunk
            .iter()
            .chain(&[0, 0])
            .take(3)
            .fold(0, |bits, byte| bits << 8 | usize::from(*byte));
        text.extend(
            (0..=chunk.len()).map(|place| char::from(ALPHABET[bits >> (18 - 6 * place) & 63])),
        );
    }
    text + "="
}

pub(crate) fn udp(from: &str, to: &str, source: u16, destination: u16, data: &[u8]) -> Vec<u8> {
    let mut payload = [source.to_be_bytes(), destination.to_be_bytes()].concat();
    payload.extend((8 + data.len() as u16).to_be_bytes());
    payload.extend([0, 0]);
    payload.extend(data);
    packet(from, to, 17, &payload)
}

pub(crate) fn tcp_syn(from: &str, to: &str, source: u16, destination: u16) -> Vec<u8> {
    let mut payload = [source.to_be_bytes(), destination.to_be_bytes()].concat();
    payload.extend([0, 0, 0, 1, 0, 0, 0, 0, 5 << 4, 2, 255, 255, 0, 0, 0, 0]);
    packet(from, to, 6, &payload)
}

pub(crate) fn echo_request(from: &str, to: &str, identifier: u8) -> Vec<u8> {
    packet(from, to, 1, &[8, 0, 0, 0, 0, identifier, 0, 1])
}

pub(crate) fn echo_reply(from: &str, to: &str, identifier: u8) -> Vec<u8> {
    packet(from, to, 1, &[0, 0, 0, 0, 0, identifier, 0, 1])
}

pub(crate) fn ip_protocol(packet: &[u8]) -> u8 {
    packet[9]
}

pub(crate) fn tcp_flags(packet: &[u8]) -> u8 {
    packet[33]
}

/// With a right header checksum; that of the payload is between the two ends.
fn packet(from: &str, to: &str, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let address = |text: &str| text.parse::<Ipv4Addr>().unwrap().octets();
    let mut packet = vec![0x45, 0];
    packet.extend((20 + payload.len() as u16).to_be_bytes());
    packet.extend([0, 0, 0x40, 0, 64, protocol, 0, 0]);
    packet.extend(address(from));
    packet.extend(address(to));
    let checksum = Checksum::default().add_bytes(&packet).finish();
    packet[10..12].copy_from_slice(&checksum.to_be_bytes());
    packet.extend(payload);
    packet
}
