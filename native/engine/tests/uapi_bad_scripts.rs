//! Scripts that nobody should send to a UAPI socket, each with the number that it is answered, wireguard-go's beside ours; after
//! each the interface is as it was and the next caller is served. Needs root, `wg` and `wireguard-go`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // test builders, outside #[test] functions

mod lab;

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use lab::running::Running;
use lab::sockets::{exchange, uapi_socket};
use lab::{Host, unique};

const KEY: &str = "1111111111111111111111111111111111111111111111111111111111111111";
const SECRET: &str = "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a";
const INVALID: &str = "errno=-22\n\n";
const PROTOCOL: &str = "errno=-71\n\n";
const IO: &str = "errno=-5\n\n";
const OK: &str = "errno=0\n\n";
/// It hangs up without a word.
const NOTHING: &str = "";
const MOST_GROWTH_KB: u64 = 16 << 10;

#[test]
fn what_can_not_be_understood_is_refused_by_number_and_changes_nothing() {
    let (ours, theirs) = (Served::by_us(), Served::by_wireguard_go());
    for one in [&ours, &theirs] {
        let begin = format!("set=1\nprivate_key={SECRET}\nfwmark=7\npublic_key={KEY}\n\n");
        assert_eq!(one.say(begin.as_bytes()), OK);
    }
    let (before, before_kb) = (ours.interface(), ours.resident_kb());
    let mut wrong = Vec::new();
    for (script, expected) in bad_scripts() {
        let shown = String::from_utf8_lossy(&script[..script.len().min(120)]).into_owned();
        let (answer, their_answer) = (ours.say(&script), theirs.say(&script));
        if answer != expected {
            wrong.push(format!("{shown:?}: {answer:?}, not {expected:?}"));
        }
        if their_answer != expected {
            wrong.push(format!("{shown:?}: wireguard-go says {their_answer:?}"));
        }
        assert_eq!(ours.interface(), before, "{shown:?} changed something");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let grown_kb = ours.resident_kb().saturating_sub(before_kb);
    assert!(grown_kb < MOST_GROWTH_KB, "it grew by {grown_kb} KB");
}

/// Bytes, and what is said to them.
fn bad_scripts() -> Vec<(Vec<u8>, &'static str)> {
    let mut scripts: Vec<(Vec<u8>, &str)> = [
        // No operation.
        ("", NOTHING),
        ("\n", NOTHING),
        ("\0\n", NOTHING),
        ("\0set=1\n\n", NOTHING),
        ("get\n\n", NOTHING),
        ("get=\n\n", NOTHING),
        ("get=0\n\n", NOTHING),
        ("get=1\0\n\n", NOTHING),
        (" get=1\n\n", NOTHING),
        ("GET=1\n\n", NOTHING),
        ("set\n\n", NOTHING),
        ("set=\n\n", NOTHING),
        ("set=1 \n\n", NOTHING),
        ("set=1\0\n\n", NOTHING),
        ("fwmark=8\n\n", NOTHING),
        // Another one where this one has not ended.
        ("get=1\nset=1\n", INVALID),
        ("get=1\nfwmark=8\n\n", INVALID),
    ]
    .map(|(script, expected)| (script.into(), expected))
    .into();
    let mut of_lines = |lines: Vec<Vec<u8>>, begin: &str, expected| {
        for line in lines {
            let script = [begin.as_bytes(), &line, b"\n\n"].concat();
            scripts.push((script, expected));
        }
    };
    let (device, peer) = ("set=1\n", format!("set=1\npublic_key={KEY}\n"));
    of_lines(texts(&["fwmark", "\0", " ", "fwmark:8"]), device, PROTOCOL);
    of_lines(texts(&["allowed_ip", "\t"]), &peer, PROTOCOL);
    of_lines(bad_device_lines(), device, INVALID);
    of_lines(bad_peer_lines(), &peer, INVALID);
    let long = |length: usize| [b"fwmark=".to_vec(), vec![b'1'; length]].concat();
    of_lines(vec![long(60_000)], device, INVALID);
    of_lines(vec![long(1 << 20), vec![b'x'; 1 << 20]], device, IO);
    scripts
}

fn bad_device_lines() -> Vec<Vec<u8>> {
    let mut lines = texts(&[
        "=",
        "==",
        "=8",
        "set=1",
        "get=1",
        "unknown=8",
        "errno=0",
        "rx_bytes=8",
        "tx_bytes=8",
        "last_handshake_time_sec=8",
        "last_handshake_time_nsec=8",
        "FWMARK=8",
        " fwmark=8",
        "fwmark =8",
        "\u{feff}fwmark=8",
        "fwmark=\0",
        "fwmark=8\0",
        "\0fwmark=8",
        "replace_peers=",
        "replace_peers=True",
        "replace_peers=1",
        "replace_peers=true ",
        // What only a peer has.
        "preshared_key=0",
        "endpoint=192.0.2.1:1",
        "persistent_keepalive_interval=8",
        "replace_allowed_ips=true",
        "allowed_ip=10.0.0.0/8",
        "update_only=true",
        "remove=true",
        "protocol_version=1",
    ]);
    lines.extend([b"fwmark=\xff".to_vec(), b"\xff\xfe=8".to_vec()]);
    for number in ["-1", "+8", " 8", "8 ", "0x8", "8.0", "1e1", "", "８", "off"] {
        lines.extend(["listen_port", "fwmark"].map(|key| format!("{key}={number}").into()));
    }
    lines.extend(texts(&["listen_port=65536", "fwmark=4294967296"]));
    lines.extend(texts(&["listen_port=99999999999999999999"]));
    for key in ["private_key", "public_key"] {
        lines.extend(bad_keys().map(|digits| format!("{key}={digits}").into()));
    }
    lines
}

fn bad_peer_lines() -> Vec<Vec<u8>> {
    let mut lines = texts(&[
        // What only a device has.
        "private_key=0",
        "listen_port=8",
        "fwmark=8",
        "replace_peers=true",
        "unknown=8",
        "update_only=false",
        "remove=yes",
        "replace_allowed_ips=",
        "protocol_version=0",
        "protocol_version=-1",
        "allowed_ip=0.0.0.0/33",
        "allowed_ip=::/129",
        "allowed_ip=/0",
        "allowed_ip=0.0.0.0/",
        "allowed_ip=0.0.0.0/-1",
        "allowed_ip=0.0.0.0/0x8",
        "allowed_ip=10.0.0.0/8 ",
        "allowed_ip= 10.0.0.0/8",
        "allowed_ip=10.0.0.0/99999999999999999999",
        "allowed_ip=10.0.0.0\\8",
        "allowed_ip=[::]/0",
        "allowed_ip=10.0.0.0/8,10.1.0.0/16",
        "allowed_ip=\0",
        "endpoint=",
        "endpoint=:",
        "endpoint=192.0.2.1:-1",
        "endpoint=192.0.2.1:65536",
        "endpoint=[::1:1",
        "endpoint=::1]:1",
        "endpoint=192.0.2.1:1\0",
    ]);
    lines.extend([b"endpoint=\xff:1".to_vec(), b"allowed_ip=\xff/8".to_vec()]);
    for number in [
        "-1",
        "+8",
        " 8",
        "65536",
        "4294967296",
        "1e1",
        "",
        "off",
        "８",
    ] {
        lines.push(format!("persistent_keepalive_interval={number}").into());
    }
    lines.extend(bad_keys().map(|digits| format!("preshared_key={digits}").into()));
    lines.extend(bad_keys().map(|digits| format!("public_key={digits}").into()));
    lines
}

/// 63 and 65 digits among them; each but for that as good as any.
fn bad_keys() -> [String; 9] {
    [
        String::new(),
        "5".repeat(63),
        "5".repeat(65),
        "5".repeat(128),
        format!("0x{}", "5".repeat(62)),
        format!("{} ", "5".repeat(63)),
        format!("{}g", "5".repeat(63)),
        format!("{}\0", "5".repeat(63)),
        "５".repeat(64),
    ]
}

fn texts(lines: &[&str]) -> Vec<Vec<u8>> {
    lines.iter().map(|line| (*line).into()).collect()
}

/// Of what is said twice the last counts; of what is said of a peer in two places, both do.
#[test]
fn what_is_said_twice_is_taken_as_wireguard_go_takes_it() {
    let (ours, theirs) = (Served::by_us(), Served::by_wireguard_go());
    for lines in [
        format!("private_key={KEY}\nprivate_key={SECRET}"),
        "fwmark=7\nfwmark=8".into(),
        "replace_peers=true\nreplace_peers=true".into(),
        format!("public_key={KEY}\npreshared_key={SECRET}\npreshared_key={KEY}"),
        format!("public_key={KEY}\nendpoint=192.0.2.1:1\nendpoint=[2001:db8::1]:2"),
        format!(
            "public_key={KEY}\npersistent_keepalive_interval=7\npersistent_keepalive_interval=8"
        ),
        format!("public_key={KEY}\nprotocol_version=1\nprotocol_version=1"),
        format!("public_key={KEY}\nallowed_ip=10.0.0.0/8\nallowed_ip=10.0.0.0/8"),
        format!("public_key={KEY}\nallowed_ip=10.0.0.0/8\nallowed_ip=10.255.0.1/8"),
        format!("public_key={KEY}\nreplace_allowed_ips=true\nreplace_allowed_ips=true"),
        format!("public_key={KEY}\nallowed_ip=10.0.0.0/8\npublic_key={KEY}\nallowed_ip=fd00::/8"),
        format!("public_key={KEY}\nremove=true\nremove=true"),
        format!("public_key={KEY}\nupdate_only=true\nupdate_only=true\nallowed_ip=10.0.0.0/8"),
    ] {
        let script = format!("set=1\n{lines}\n\n");
        let both = [&ours, &theirs].map(|one| (one.say(script.as_bytes()), one.interface()));

        assert_eq!(both[0].0, OK, "{lines}");
        assert_eq!(both[0], both[1], "{lines}");
    }
}

/// Its sender says no more, and waits for the answer; or has gone.
#[test]
fn a_script_without_its_blank_line_counts_once_its_sender_stops() {
    let (ours, theirs) = (Served::by_us(), Served::by_wireguard_go());
    for (script, expected) in [
        ("set=1\n", OK),
        ("set=1\nfwmark=9", OK),
        ("set=1\nfwmark=10\n", OK),
        ("set=1\nfwmark", PROTOCOL),
        ("set=1\nfwmark=", INVALID),
        ("get=1", NOTHING),
        ("get=1\n", NOTHING),
        ("se", NOTHING),
    ] {
        let [ours, theirs] =
            [&ours, &theirs].map(|one| (one.say(script.as_bytes()), one.interface()));

        assert_eq!(ours.0, expected, "{script:?}");
        assert_eq!(ours, theirs, "{script:?}");
    }
    // Who stops before its first line has ended is hung up on by wireguard-go.
    assert_eq!(ours.say(b"set=1"), OK);
    assert_eq!(theirs.say(b"set=1"), NOTHING);
    let mut caller = UnixStream::connect(&ours.socket).unwrap();
    caller.write_all(b"set=1\nfwmark=11\n").unwrap();
    // While it may have more to say nothing counts, and nobody waits (wireguard-go has everybody wait).
    std::thread::sleep(Duration::from_millis(100));
    assert!(ours.interface().contains(&"fwmark=10".to_owned()));
    drop(caller);
    let is_set = || ours.interface().contains(&"fwmark=11".to_owned());
    assert!((0..100).any(|_| is_set()));
}

/// One device on a host of its own.
struct Served {
    socket: PathBuf,
    running: Running,
    _host: Host,
}

impl Served {
    fn by_us() -> Served {
        Served::by(|host, name| host.start_engine(name, ""))
    }

    fn by_wireguard_go() -> Served {
        Served::by(Host::start_wireguard_go)
    }

    fn by(start: fn(&Host, &str) -> Running) -> Served {
        let (host, name) = (Host::new(), unique("b"));
        let running = start(&host, &name);
        Served {
            socket: uapi_socket(&name),
            running,
            _host: host,
        }
    }

    /// One conversation, of which this is all that is said.
    fn say(&self, script: &[u8]) -> String {
        let mut caller = UnixStream::connect(&self.socket).unwrap();
        caller
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        // It may have said no, and hung up, before all was sent.
        let _ = caller.write_all(script);
        let _ = caller.shutdown(Shutdown::Write);
        let mut answer = String::new();
        let _ = caller.read_to_string(&mut answer);
        answer
    }

    /// What was set. A port that nobody asked for is each one's own, and what is sent, for wireguard-go's is down.
    fn interface(&self) -> Vec<String> {
        let shown = exchange(&self.socket, b"get=1\n\n");
        assert!(shown.ends_with(OK), "nobody is served any more: {shown:?}");
        let lines = shown
            .lines()
            .filter(|line| !line.starts_with("listen_port=") && !line.starts_with("tx_bytes="));
        lines.map(str::to_owned).collect()
    }

    fn resident_kb(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.running.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let number = line.unwrap().split_whitespace().nth(1).unwrap();
        number.parse().unwrap()
    }
}
