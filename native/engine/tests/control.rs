//! The control socket, as `native/client/protocol.ts` defines it, on a running device. Needs root.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // test builders, outside #[test] functions

mod lab;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use lab::folder::{Folder, Keys};
use lab::running::Running;
use lab::sockets::exchange;
use lab::{Host, unique};
use serde_json::{Value, json};

#[test]
fn hello_says_who_answers() {
    let device = Device::new("");

    let hello = device.ask(json!({"v": 1, "id": 7, "method": "hello"}));

    assert_eq!(
        (hello["v"].as_u64(), hello["id"].as_u64()),
        (Some(1), Some(7))
    );
    let result = &hello["result"];
    assert_eq!(result["role"], "device");
    assert_eq!(result["protocol"], 1);
    assert_eq!(result["pid"], device.engine.pid());
    assert_eq!(result["configHash"], Value::Null);
    assert!(result["startedAt"].as_u64().unwrap() > 1_700_000_000_000);
}

#[test]
fn what_a_device_does_not_take_is_refused_by_code() {
    let device = Device::new("");
    for (request, code) in [
        (
            json!({"v": 1, "id": 1, "method": "configure", "params": {}}),
            "not-for-this-role",
        ),
        (
            json!({"v": 1, "id": 1, "method": "configure"}),
            "bad-request",
        ),
        (
            json!({"v": 1, "id": 1, "method": "explain", "params": {}}),
            "not-for-this-role",
        ),
        (
            json!({"v": 1, "id": 1, "method": "reboot"}),
            "unknown-method",
        ),
        (
            json!({"v": 2, "id": 1, "method": "hello"}),
            "unsupported-version",
        ),
        (
            json!({"v": 1, "id": "one", "method": "hello"}),
            "bad-request",
        ),
        (json!([]), "bad-request"),
    ] {
        let answer = device.ask(request.clone());

        assert_eq!(answer["error"]["code"], code, "{request}");
        assert!(answer["error"]["message"].is_string());
    }
}

#[test]
fn requests_in_one_write_are_answered_in_order_and_a_broken_one_breaks_no_other() {
    let device = Device::new("");
    let lines = b"{\"v\":1,\"id\":1,\"method\":\"status\"}\n{{{\n\n{\"v\":1,\"id\":2,\"method\":\"hello\"}\n";

    let answers = exchange(&device.control, lines);

    let answers: Vec<Value> = answers
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let ids: Vec<Value> = answers.iter().map(|answer| answer["id"].clone()).collect();
    assert_eq!(ids, [json!(1), Value::Null, Value::Null, json!(2)]);
}

#[test]
fn a_line_of_more_than_16_mib_is_refused_and_the_next_caller_served() {
    let device = Device::new("");
    let mut stream = UnixStream::connect(&device.control).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    let piece = vec![b' '; 1 << 20];
    let mut is_cut_off = false;
    for _ in 0..20 {
        is_cut_off |= stream.write_all(&piece).is_err();
    }

    assert!(is_cut_off, "20 MiB without a line end were taken");
    assert_eq!(
        device.ask(json!({"v": 1, "id": 1, "method": "hello"}))["id"],
        1
    );
}

#[test]
fn watchers_hear_of_a_handshake_and_status_knows_it_too() {
    let (one, other) = Host::pair();
    let (left, right) = (Device::on(one, ""), Device::on(other, ""));
    let folder = Folder::new();
    let keys = [Keys::new(&folder), Keys::new(&folder)];
    let mut watcher = BufReader::new(UnixStream::connect(&left.control).unwrap());
    watcher
        .get_ref()
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    watcher
        .get_mut()
        .write_all(b"{\"v\":1,\"id\":1,\"method\":\"watch\"}\n")
        .unwrap();
    assert_eq!(
        read_line(&mut watcher),
        json!({"v": 1, "id": 1, "result": {}})
    );

    for (device, own, theirs, endpoint) in [
        (&right, &keys[1], &keys[0], "192.0.2.1:5111"),
        (
            &left,
            &keys[0],
            &keys[1],
            "192.0.2.2:5111 persistent-keepalive 25",
        ),
    ] {
        let set = format!(
            "set {} listen-port 5111 private-key {} peer {} endpoint {endpoint}",
            device.name,
            own.file.display(),
            theirs.public,
        );
        device.host.must("wg", &set);
    }
    let event = &read_line(&mut watcher)["event"];
    let status = &left.ask(json!({"v": 1, "id": 2, "method": "status"}))["result"];

    assert_eq!(event["kind"], "peer-handshake");
    assert_eq!(event["id"], keys[1].public);
    assert_eq!(event["endpoint"], "192.0.2.2:5111");
    assert_eq!(status["listenPort"], 5111);
    assert_eq!(status["peers"][0]["publicKey"], keys[1].public);
    assert_eq!(status["peers"][0]["lastHandshakeAt"], event["at"]);
    assert!(status["peers"][0]["txBytes"].as_u64().unwrap() >= 148);
    let rtt = status["peers"][0]["handshakeRttMs"].as_f64().unwrap();
    assert!((0.001..5_000.0).contains(&rtt), "{rtt} ms");
    let other = &right.ask(json!({"v": 1, "id": 3, "method": "status"}))["result"];
    assert!(other["peers"][0].get("handshakeRttMs").is_none());
}

#[test]
fn another_user_is_not_let_in_even_where_the_mode_would() {
    let device = Device::new("");
    assert_eq!(
        fs::metadata(&device.control).unwrap().permissions().mode() & 0o777,
        0o600
    );
    fs::set_permissions(&device.control, fs::Permissions::from_mode(0o666)).unwrap();
    fs::set_permissions(&device.folder.path, fs::Permissions::from_mode(0o755)).unwrap();
    let script = format!(
        "import socket;s=socket.socket(socket.AF_UNIX);s.settimeout(3);s.connect({:?})\n\
         try:\n  s.sendall(b'{{\"v\":1,\"id\":1,\"method\":\"hello\"}}\\n');print(len(s.recv(99)))\n\
         except OSError:\n  print(0)",
        device.control.to_str().unwrap(),
    );

    let said = Command::new("python3")
        .args(["-c", &script])
        .uid(65534)
        .gid(65534)
        .output()
        .unwrap();

    assert_eq!(
        String::from_utf8_lossy(&said.stdout).trim(),
        "0",
        "{said:?}"
    );
}

struct Device {
    host: Host,
    name: String,
    engine: Running,
    control: PathBuf,
    folder: Folder,
}

impl Device {
    fn new(options: &str) -> Device {
        Device::on(Host::new(), options)
    }

    fn on(host: Host, options: &str) -> Device {
        let (name, folder) = (unique("a"), Folder::new());
        let control = folder.join("control.sock");
        let engine =
            host.start_engine(&name, &format!("--control {} {options}", control.display()));
        Device {
            host,
            name,
            engine,
            control,
            folder,
        }
    }

    fn ask(&self, request: Value) -> Value {
        serde_json::from_str(&exchange(&self.control, format!("{request}\n").as_bytes())).unwrap()
    }
}

fn read_line(stream: &mut BufReader<UnixStream>) -> Value {
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    serde_json::from_str(&line).unwrap()
}
