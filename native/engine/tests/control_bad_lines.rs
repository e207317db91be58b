//! Lines that nobody should send to a control socket, each with the code that it is answered in every role; after each the next
//! line and the next caller are served, and no configuration has changed. Needs root.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // test builders, outside #[test] functions

mod lab;

use std::fs;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::Duration;

use lab::folder::Folder;
use lab::running::Running;
use lab::{ENGINE, Host, unique};
use serde_json::Value;

const HELLO: &[u8] = b"{\"v\":1,\"id\":7,\"method\":\"hello\"}\n";
const BAD: &str = "bad-request";
const UNKNOWN: &str = "unknown-method";
const MOST_GROWTH_KB: u64 = 16 << 10;
const SECRET: &str = "WlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlo=";

#[test]
fn what_is_no_request_is_refused_by_code_in_every_role() {
    for role in ["device", "gateway", "connector"] {
        let engine = Engine::start(role);
        let before_kb = engine.resident_kb();
        for (line, code) in bad_lines() {
            engine.refuses(&line, code);
        }
        let grown_kb = engine.resident_kb().saturating_sub(before_kb);
        assert!(grown_kb < MOST_GROWTH_KB, "{role} grew by {grown_kb} KB");
    }
}

#[test]
fn what_is_no_configuration_is_refused_without_its_key_and_the_old_one_stays() {
    for role in ["gateway", "connector"] {
        let engine = Engine::start(role);
        for config in bad_configurations() {
            let line = format!("{{\"v\":1,\"id\":1,\"method\":\"configure\",\"params\":{config}}}");
            engine.refuses(line.as_bytes(), "bad-config");
        }
        let hello = engine.say(HELLO);
        assert_eq!(hello[0]["result"]["configHash"], Value::Null, "{role}");
    }
}

/// Without line ends.
fn bad_lines() -> Vec<(Vec<u8>, &'static str)> {
    let mut lines: Vec<(Vec<u8>, &str)> = [
        ("", BAD),
        (" ", BAD),
        ("\0", BAD),
        ("hello", BAD),
        ("get=1", BAD),
        ("{", BAD),
        ("}", BAD),
        ("{}", BAD),
        ("[]", BAD),
        ("null", BAD),
        ("1", BAD),
        ("\"hello\"", BAD),
        ("{\"v\":1}", BAD),
        ("{\"v\":1,\"id\":1}", BAD),
        ("{\"v\":1,\"method\":\"hello\"}", BAD),
        ("{\"id\":1,\"method\":\"hello\"}", BAD),
        ("{\"v\":1,\"v\":1,\"id\":1,\"method\":\"hello\"}", BAD),
        ("{\"v\":1,\"id\":1,\"id\":2,\"method\":\"hello\"}", BAD),
        (
            "{\"v\":1,\"id\":1,\"method\":\"hello\",\"method\":\"status\"}",
            BAD,
        ),
        ("{\"v\":1,\"id\":1,\"method\":\"hello\"} x", BAD),
        (
            "{\"v\":1,\"id\":1,\"method\":\"hello\"}{\"v\":1,\"id\":2,\"method\":\"hello\"}",
            BAD,
        ),
        ("{\"v\":1,\"id\":1,\"method\":\"hello\",}", BAD),
        ("{'v':1,'id':1,'method':'hello'}", BAD),
        ("{\"v\":1,\"id\":1,\"method\":\"hello\"/**/}", BAD),
        ("{\"v\":1,\"id\":1,\"method\":\"hel\0lo\"}", BAD),
        ("{\"v\":1,\"id\":1,\"method\":\"\\ud800\"}", BAD),
        ("\u{feff}{\"v\":1,\"id\":1,\"method\":\"hello\"}", BAD),
        (
            "{\"v\":1,\"id\":1,\"method\":\"explain\",\"params\":{\"a\":NaN}}",
            BAD,
        ),
        ("{\"v\":1,\"id\":1,\"method\":\"configure\"}", BAD),
        (
            "{\"v\":1,\"id\":1,\"method\":\"configure\",\"params\":null}",
            BAD,
        ),
        ("{\"v\":1,\"id\":1,\"method\":\"explain\"}", BAD),
        (
            "{\"v\":0,\"id\":1,\"method\":\"hello\"}",
            "unsupported-version",
        ),
        (
            "{\"v\":2,\"id\":1,\"method\":\"shutdown\"}",
            "unsupported-version",
        ),
    ]
    .map(|(line, code)| (line.into(), code))
    .into();
    for version in [
        "-1",
        "1.0",
        "1e0",
        "\"1\"",
        "null",
        "true",
        "4294967297",
        "[1]",
    ] {
        lines.push((request(version, "1", "\"hello\""), BAD));
    }
    for id in [
        "-1",
        "1.5",
        "1e400",
        "\"1\"",
        "null",
        "{}",
        "18446744073709551616",
    ] {
        lines.push((request("1", id, "\"hello\""), BAD));
    }
    for method in ["null", "1", "[\"hello\"]", "{\"hello\":1}", "hello"] {
        lines.push((request("1", "1", method), BAD));
    }
    for method in [
        "",
        "HELLO",
        "hello ",
        "hello\\u0000",
        "__proto__",
        "constructor",
        "../status",
    ] {
        let method = format!("\"{method}\"");
        lines.push((request("1", "18446744073709551615", &method), UNKNOWN));
    }
    let long_name = format!("\"{}\"", "h".repeat(1 << 20));
    lines.push((request("1", "1", &long_name), UNKNOWN));
    lines.push((b"{\"v\":1,\"id\":1,\"method\":\"hel\xfflo\"}".to_vec(), BAD));
    lines.push((vec![b'['; 10_000], BAD));
    lines.push((vec![b'{'; 1 << 20], BAD));
    lines
}

fn request(version: &str, id: &str, method: &str) -> Vec<u8> {
    format!("{{\"v\":{version},\"id\":{id},\"method\":{method}}}").into()
}

/// Each has a good key and lacks something else, for either role.
fn bad_configurations() -> Vec<String> {
    let mut all: Vec<String> = ["true", "1", "\"\"", "[]", "{}", "[[]]"]
        .map(str::to_owned)
        .into();
    for rest in [
        "",
        ",\"privateKey\":\"\"",
        ",\"mtu\":1420",
        ",\"mtu\":-1",
        ",\"mtu\":\"1420\"",
        ",\"mtu\":65536",
        ",\"peers\":null",
        ",\"peers\":{}",
        ",\"peers\":[null]",
        ",\"peers\":[{}]",
        ",\"ranges\":[\"0.0.0.0/33\"]",
        ",\"ranges\":[\"::/129\"]",
        ",\"unknown\":1",
        ",\"__proto__\":{}",
    ] {
        all.push(format!("{{\"privateKey\":\"{SECRET}\"{rest}}}"));
    }
    let deep = ["[".repeat(10_000), "]".repeat(10_000)].concat();
    all.push(format!("{{\"privateKey\":\"{SECRET}\",\"peers\":{deep}}}"));
    all
}

struct Engine {
    role: &'static str,
    control: PathBuf,
    running: Running,
    _folder: Folder,
    _host: Host,
}

impl Engine {
    fn start(role: &'static str) -> Engine {
        let (host, folder, name) = (Host::new(), Folder::new(), unique("c"));
        let control = folder.join("control.sock");
        let interface = if role == "device" { name.as_str() } else { "" };
        let words = format!("{role} {interface} --control {}", control.display());
        let mut running = host.start(ENGINE, &words);
        running.wait_for(&control);
        let engine = Engine {
            role,
            control,
            running,
            _folder: folder,
            _host: host,
        };
        assert_eq!(engine.say(HELLO)[0]["id"], 7);
        engine
    }

    fn refuses(&self, line: &[u8], code: &str) {
        let shown = String::from_utf8_lossy(&line[..line.len().min(100)]);
        let answers = self.say(&[line, b"\n", HELLO].concat());

        let role = self.role;
        assert_eq!(answers.len(), 2, "{role}: {shown:?}: {answers:?}");
        let (refusal, next) = (&answers[0], &answers[1]);
        assert_eq!(
            refusal["error"]["code"], code,
            "{role}: {shown:?}: {refusal}"
        );
        let message = refusal["error"]["message"].as_str().unwrap();
        assert!(
            !message.is_empty() && !message.contains(SECRET),
            "{message}"
        );
        assert_eq!(next["result"]["role"], role, "{shown:?}");
    }

    fn say(&self, words: &[u8]) -> Vec<Value> {
        let mut caller = UnixStream::connect(&self.control).unwrap();
        caller
            .set_read_timeout(Some(Duration::from_secs(10)))
            .unwrap();
        caller.write_all(words).unwrap();
        caller.shutdown(Shutdown::Write).unwrap();
        let mut answers = String::new();
        caller.read_to_string(&mut answers).unwrap();
        let lines = answers.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    fn resident_kb(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.running.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:"));
        let number = line.unwrap().split_whitespace().nth(1).unwrap();
        number.parse().unwrap()
    }
}
