//! Private keys that come over a gateway's or a connector's control socket: where they are used they lie, as bytes and once
//! more nowhere; and when they are replaced, or refused, they are gone. The process's whole memory is searched. Needs root.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "for tests only; one that is wrong should say so at once"
)]

mod lab;
mod process_memory;

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use lab::Host;
use lab::folder::Folder;
use lab::running::Running;
use process_memory::found;
use serde_json::{Value, json};

#[test]
fn a_gateways_private_keys_are_wiped_after_use() {
    private_keys_are_wiped("gateway", |key| {
        json!({
            "privateKey": key, "listenPort": 2111, "mtu": 1420,
            "peers": [], "networks": [], "rules": [],
        })
    });
}

#[test]
fn a_connectors_private_keys_are_wiped_after_use() {
    private_keys_are_wiped("connector", |key| {
        json!({
            "privateKey": key, "mtu": 1420, "addresses": ["100.96.1.1"],
            "ranges": ["192.168.0.0/24"], "overlay": ["100.96.0.0/16"],
            "peers": [{
                "id": "gw0", "publicKey": text_of(b'p'), "endpoints": ["192.0.2.9:51820"], "keepaliveSeconds": 5,
            }],
        })
    });
}

/// More than is read at once, so that what has come is moved while the rest is waited for.
const LONG: usize = 300 << 10;

fn private_keys_are_wiped(role: &str, config: impl Fn(&str) -> Value) {
    let engine = Engine::start(role);
    let mut caller = engine.caller();
    let configure = |id, key: u8| {
        let params = config(&text_of(key));
        json!({ "v": 1, "id": id, "method": "configure", "params": params })
    };

    // In use: as bytes, and no longer as text.
    assert_eq!(
        caller.ask(&configure(1, b'a').to_string())["error"],
        Value::Null
    );
    assert!(engine.holds_bytes(b'a'), "the search finds nothing");
    assert!(!engine.holds_text(b'a'), "as text, while in use");

    let long = format!("{}{}", configure(2, b'b'), " ".repeat(LONG));
    assert_eq!(caller.ask(&long)["error"], Value::Null);
    let mut out_of_range = configure(3, b'c');
    out_of_range["params"]["mtu"] = json!(1);
    let mut of_wrong_type = configure(4, b'd');
    of_wrong_type["params"]["ranges"] = json!(7);
    of_wrong_type["params"]["networks"] = json!(7);
    let mut no_request = configure(5, b'e');
    no_request["id"] = json!("five");
    let escaped = configure(6, SLASHES).to_string().replace('/', "\\/");
    assert!(escaped.contains("\\/"));
    let cut_short = configure(7, b'g').to_string();
    let cut_short = cut_short.strip_suffix('}').unwrap();
    for refused in [
        &out_of_range.to_string(),
        &of_wrong_type.to_string(),
        &no_request.to_string(),
        &format!("{cut_short}{}", " ".repeat(LONG)),
    ] {
        assert!(caller.ask(refused)["error"].is_object(), "{refused:.200}");
    }
    assert_eq!(caller.ask(&escaped)["error"], Value::Null);
    assert_eq!(
        caller.ask(&configure(8, b'z').to_string())["error"],
        Value::Null
    );

    assert!(engine.holds_bytes(b'z'));
    for key in [b'a', b'b', b'c', b'd', b'e', b'g', SLASHES] {
        let (bytes, text) = (engine.holds_bytes(key), engine.holds_text(key));
        assert!(
            !bytes && !text,
            "{key:#x}: as bytes {bytes}, as text {text}"
        );
    }
}

/// Its key is written with slashes, which JSON may write as `\\/`.
const SLASHES: u8 = 0xff;

fn key_of(letter: u8) -> [u8; 32] {
    let mut key = [letter; 32];
    key[30..].copy_from_slice(b"!A");
    key
}

fn text_of(letter: u8) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bits: Vec<u8> = key_of(letter)
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |place| byte >> place & 1))
        .collect();
    let digits = bits.chunks(6).map(|six| {
        let value = six
            .iter()
            .fold(0, |value, bit| value << 1 | usize::from(*bit));
        char::from(ALPHABET[value << (6 - six.len())])
    });
    digits.collect::<String>() + "="
}

struct Engine {
    running: Running,
    folder: Folder,
    _host: Host,
}

impl Engine {
    fn start(role: &str) -> Engine {
        let (host, folder) = (Host::new(), Folder::new());
        let socket = folder.join("control.sock");
        let mut running = host.start(
            lab::ENGINE,
            &format!("{role} --control {}", socket.display()),
        );
        running.wait_for(&socket);
        Engine {
            running,
            folder,
            _host: host,
        }
    }

    fn caller(&self) -> Caller {
        Caller(BufReader::new(
            UnixStream::connect(self.folder.join("control.sock")).unwrap(),
        ))
    }

    /// The second half, since whoever frees memory writes into its first bytes.
    fn holds_bytes(&self, key: u8) -> bool {
        found(self.running.pid(), &key_of(key)[16..]) > 0
    }

    fn holds_text(&self, key: u8) -> bool {
        let text = text_of(key);
        let escaped = text.replace('/', "\\/");
        [text, escaped]
            .iter()
            .any(|part| found(self.running.pid(), &part.as_bytes()[20..]) > 0)
    }
}

/// Stays on the line, as the control plane does.
struct Caller(BufReader<UnixStream>);

impl Caller {
    fn ask(&mut self, line: &str) -> Value {
        writeln!(self.0.get_mut(), "{line}").unwrap();
        let mut answer = String::new();
        self.0.read_line(&mut answer).unwrap();
        serde_json::from_str(&answer).unwrap()
    }
}
