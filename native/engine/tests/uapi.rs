//! The UAPI socket beside wireguard-go's: the same scripts, the same answers. Needs root, `wireguard-go` and `wg`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // test builders, outside #[test] functions

mod lab;

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use lab::folder::{Folder, Keys};
use lab::running::Running;
use lab::sockets::{exchange, uapi_socket};
use lab::{Host, unique};

const KEY: &str = "1111111111111111111111111111111111111111111111111111111111111111";
const OTHER: &str = "2222222222222222222222222222222222222222222222222222222222222222";

#[test]
fn every_script_is_answered_as_wireguard_go_answers_it() {
    let pair = Pair::new();
    for script in scripts() {
        let [ours, theirs] = pair.both(script.as_bytes());

        assert_eq!(ours, theirs, "{script:?}");
    }
}

#[test]
fn a_script_with_an_error_changes_nothing() {
    let pair = Pair::new();
    let before = exchange(&pair.ours, b"get=1\n\n");
    let script = format!("set=1\nlisten_port=4567\npublic_key={KEY}\nallowed_ip=10.0.0.0/33\n\n");

    let answer = exchange(&pair.ours, script.as_bytes());

    assert_eq!(answer, "errno=-22\n\n");
    assert_eq!(exchange(&pair.ours, b"get=1\n\n"), before);
}

#[test]
fn an_allowed_ip_moves_to_the_peer_that_names_it_last_and_can_be_taken_back() {
    let pair = Pair::new();
    let set = |lines: &str| {
        assert_eq!(
            exchange(&pair.ours, format!("set=1\n{lines}\n\n").as_bytes()),
            "errno=0\n\n"
        )
    };
    let owners = || {
        let shown = exchange(&pair.ours, b"get=1\n\n");
        let of_interest =
            |line: &&str| line.starts_with("public_key") || line.starts_with("allowed_ip");
        shown
            .lines()
            .filter(of_interest)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };

    set(&format!(
        "public_key={KEY}\nallowed_ip=10.0.0.0/8\nallowed_ip=10.1.0.0/16\npublic_key={OTHER}"
    ));
    set(&format!("public_key={OTHER}\nallowed_ip=10.0.0.0/8"));
    set(&format!(
        "public_key={KEY}\nallowed_ip=-10.1.0.0/16\nallowed_ip=fd00::/8"
    ));

    let [key, other] = [KEY, OTHER].map(|key| format!("public_key={key}"));
    assert_eq!(
        owners(),
        [
            key.as_str(),
            "allowed_ip=fd00::/8",
            other.as_str(),
            "allowed_ip=10.0.0.0/8"
        ]
    );
}

#[test]
fn a_port_that_is_taken_is_refused_and_the_old_one_stays() {
    let pair = Pair::new();
    assert_eq!(
        exchange(&pair.ours, b"set=1\nlisten_port=4001\n\n"),
        "errno=0\n\n"
    );
    assert_eq!(
        exchange(&pair.theirs, b"set=1\nlisten_port=4002\n\n"),
        "errno=0\n\n"
    );
    pair.host.ip(&format!("link set {} up", pair.their_name));

    // Both live on one host, so 4002 is wireguard-go's.
    let answer = exchange(&pair.ours, b"set=1\nlisten_port=4002\n\n");

    assert_eq!(answer, "errno=-98\n\n");
    assert!(exchange(&pair.ours, b"get=1\n\n").contains("listen_port=4001\n"));
}

#[test]
fn wg_reads_back_what_it_has_set_from_a_file() {
    let (pair, folder) = (Pair::new(), Folder::new());
    let (own, other, secret) = (Keys::new(&folder), Keys::new(&folder), Keys::new(&folder));
    let file = folder.join("tunnel.conf");
    let configuration = format!(
        "[Interface]\nListenPort = 4003\nFwMark = 0x43\nPrivateKey = {}\n\n[Peer]\nPublicKey = {}\nPresharedKey = {}\n\
         AllowedIPs = 10.7.0.0/16, fd07::/16\nEndpoint = [2001:db8::1]:51820\nPersistentKeepalive = 25\n",
        own.private, other.public, secret.private,
    );
    fs::write(&file, &configuration).unwrap();

    pair.host.must(
        "wg",
        &format!("setconf {} {}", pair.our_name, file.display()),
    );

    assert_eq!(
        pair.host
            .must("wg", &format!("showconf {}", pair.our_name))
            .trim(),
        configuration.trim()
    );
}

#[test]
fn thousands_of_allowed_ips_come_back_whole_to_a_slow_reader() {
    let pair = Pair::new();
    let mut script = format!("set=1\npublic_key={KEY}\n");
    for number in 0..65_280u32 {
        script.push_str(&format!(
            "allowed_ip=10.{}.{}.0/24\n",
            number >> 8,
            number & 255
        ));
    }
    let mut writer = UnixStream::connect(&pair.ours).unwrap();
    writer.write_all(script.as_bytes()).unwrap();
    writer.write_all(b"\n").unwrap();
    let mut answer = [0; 9];
    writer.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"errno=0\n\n");

    let mut reader = UnixStream::connect(&pair.ours).unwrap();
    reader.write_all(b"get=1\n\n").unwrap();
    std::thread::sleep(Duration::from_millis(200));
    // Nobody else waits while this one does not read.
    let start = Instant::now();
    assert!(exchange(&pair.ours, b"get=1\nx\n").starts_with("errno=-22"));
    assert!(start.elapsed() < Duration::from_secs(4));
    let mut shown = String::new();
    let mut part = [0; 4096];
    while !shown.ends_with("errno=0\n\n") {
        let read = reader.read(&mut part).unwrap();
        shown.push_str(std::str::from_utf8(&part[..read]).unwrap());
    }

    assert_eq!(shown.matches("allowed_ip=").count(), 65_280);
}

#[test]
fn whatever_comes_over_the_socket_the_next_caller_is_served() {
    let pair = Pair::new();
    let long = [b"set=1\nlisten_port=".as_slice(), &[b'1'; 1 << 20], b"\n\n"].concat();
    for bytes in [
        b"".as_slice(),
        b"\n",
        b"\0\0\0\n",
        b"set=1",
        b"set=1\n\xff\xfe=\n\n",
        b"set=1\npublic_key=\n\n",
        b"get=1",
        &long,
    ] {
        exchange_and_hang_up(&pair.ours, bytes);
    }
    let idle: Vec<UnixStream> = (0..40)
        .map(|_| UnixStream::connect(&pair.ours).unwrap())
        .collect();

    assert!(exchange(&pair.ours, b"get=1\n\n").ends_with("errno=0\n\n"));
    drop(idle);
}

/// Our engine and wireguard-go on one host, both without a link.
struct Pair {
    host: Host,
    ours: PathBuf,
    theirs: PathBuf,
    our_name: String,
    their_name: String,
    _running: [Running; 2],
}

impl Pair {
    fn new() -> Pair {
        let host = Host::new();
        let (our_name, their_name) = (unique("a"), unique("b"));
        let _running = [
            host.start_engine(&our_name, ""),
            host.start_wireguard_go(&their_name),
        ];
        let (ours, theirs) = (uapi_socket(&our_name), uapi_socket(&their_name));
        Pair {
            host,
            ours,
            theirs,
            our_name,
            their_name,
            _running,
        }
    }

    /// Ports are each one's own, where none was set; allowed-ips come in any order.
    fn both(&self, script: &[u8]) -> [Vec<String>; 2] {
        [&self.ours, &self.theirs].map(|socket| {
            let answer = exchange(socket, script);
            let lines = answer
                .lines()
                .filter(|line| !line.starts_with("listen_port="));
            let is_range = |line: &String| line.starts_with("allowed_ip=");
            let (mut ranges, mut lines): (Vec<_>, Vec<_>) =
                lines.map(str::to_owned).partition(is_range);
            ranges.sort();
            lines.append(&mut ranges);
            lines
        })
    }
}

fn scripts() -> Vec<String> {
    let mut scripts: Vec<String> = [
        "get=1\n\n",
        "get=1\nx\n",
        "get=2\n\n",
        "nonsense\n\n",
        "\n",
        "set=1\n\n",
        "set=1\r\n\r\n",
        "set=1\nlisten_port\n\n",
        "set=1\n=\n\n",
        "set=1\nlisten_port=\n\n",
        "set=1\nlisten_port=65536\n\n",
        "set=1\nlisten_port=-1\n\n",
        "set=1\nlisten_port=+1\n\n",
        "set=1\nlisten_port=1e3\n\n",
        "set=1\nfwmark=0x1\n\n",
        "set=1\nfwmark=4294967296\n\n",
        "set=1\nfwmark=007\n\n",
        "set=1\nfwmark=0\n\n",
        "set=1\nreplace_peers=TRUE\n\n",
        "set=1\nreplace_peers=true\n\n",
        "set=1\nunknown=1\n\n",
        "set=1\nprivate_key=00\n\n",
        "set=1\npublic_key=00\n\n",
        "set=1\nendpoint=192.0.2.1:1\n\n",
    ]
    .map(str::to_owned)
    .into();
    for key in [
        "AB".repeat(32),
        "0".repeat(64),
        "0".repeat(63),
        "0".repeat(65),
        "g".repeat(64),
    ] {
        scripts.push(format!("set=1\nprivate_key={key}\n\n"));
        scripts.push("get=1\n\n".into());
    }
    for line in [
        "allowed_ip=10.0.0.0/8",
        "allowed_ip=10.9.8.7/16",
        "allowed_ip=10.0.0.1",
        "allowed_ip=10.0.0.1/",
        "allowed_ip=10.0.0.1/33",
        "allowed_ip=10.0.0.1/-1",
        "allowed_ip=10.0.0/8",
        "allowed_ip=010.0.0.0/8",
        "allowed_ip=0.0.0.0/0",
        "allowed_ip=::/0",
        "allowed_ip=::/129",
        "allowed_ip=fd00:0:0::1/64",
        "allowed_ip=fe80::1%lo/64",
        "endpoint=192.0.2.1:51820",
        "endpoint=[2001:DB8::1]:51820",
        "endpoint=2001:db8::1:51820",
        "endpoint=192.0.2.1",
        "endpoint=192.0.2.1:65536",
        "endpoint=:1",
        "endpoint=localhost:1",
        "persistent_keepalive_interval=25",
        "persistent_keepalive_interval=65536",
        "persistent_keepalive_interval=off",
        "persistent_keepalive_interval=0",
        "protocol_version=1",
        "protocol_version=2",
        "update_only=yes",
        "remove=false",
        "replace_allowed_ips=1",
        "replace_allowed_ips=true",
        "preshared_key=33",
        "preshared_key=3333333333333333333333333333333333333333333333333333333333333333",
        "listen_port=1",
        "update_only=true\nallowed_ip=10.99.0.0/16",
        "remove=true\nallowed_ip=10.98.0.0/16",
    ] {
        scripts.push(format!("set=1\npublic_key={KEY}\n{line}\n\n"));
        scripts.push("get=1\n\n".into());
    }
    scripts.push(format!(
        "set=1\npublic_key={OTHER}\nupdate_only=true\nendpoint=192.0.2.1:1\n\n"
    ));
    scripts.push(format!("set=1\nreplace_peers=true\npublic_key={OTHER}\n\n"));
    scripts
}

fn exchange_and_hang_up(socket: &std::path::Path, bytes: &[u8]) {
    let mut stream = UnixStream::connect(socket).unwrap();
    // It may hang up first.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let _ = stream.read(&mut [0; 1024]);
}
