//! Line 32, the numbers of the kernel's own test: allowed-ips by the thousand, through `wg` and the UAPI socket. Needs root
//! and `wg`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // test builders, outside #[test] functions

mod lab;

use std::collections::BTreeMap;
use std::fs;

use lab::folder::Folder;
use lab::running::Running;
use lab::{Host, unique};

#[test]
fn line_32_65280_prefixes_of_each_family_come_back_from_one_peer() {
    let engine = Engine::start();
    let prefixes: Vec<String> = (1..=255)
        .flat_map(|a| (0..=255).map(move |b| (a, b)))
        .flat_map(|(a, b)| [format!("{a}.{b}.0.0/16"), format!("{a:x}::{:x}/128", b + 1)])
        .collect();
    assert_eq!(prefixes.len(), 2 * 65_280);

    engine.set_from_file(&[(1, &prefixes)]);

    let (shown, expected) = (engine.allowed_ips(), owners(&[(1, &prefixes)]));
    assert_eq!(shown[&key(1)].len(), prefixes.len());
    assert!(shown == expected, "as many, but not the same");
}

#[test]
fn line_32_52_prefixes_of_each_of_40_peers_come_back() {
    let engine = Engine::start();
    let peers: Vec<(u8, Vec<String>)> = (1..=40)
        .map(|a| (a, (1..=52).map(|b| format!("{a}.{b}.0.0/16")).collect()))
        .collect();
    let peers: Vec<(u8, &[String])> = peers.iter().map(|(a, p)| (*a, p.as_slice())).collect();

    engine.set_from_file(&peers);

    assert_eq!(engine.allowed_ips(), owners(&peers));
}

#[test]
fn line_32_of_30_peers_the_last_has_prefixes_and_197_in_one_line_come_back() {
    let engine = Engine::start();
    let last = ["255.2.3.4/32".to_owned(), "abcd::197/128".to_owned()];
    let mut peers: Vec<(u8, &[String])> = (1..30).map(|number| (number, &[][..])).collect();
    peers.push((30, &last));

    engine.set_from_file(&peers);

    assert_eq!(engine.allowed_ips(), owners(&peers));
    let shown = engine.wg("showconf");
    assert_eq!(shown.matches("[Peer]").count(), 30);

    let many: Vec<String> = (1..=197).map(|number| format!("abcd::{number}")).collect();
    engine.wg_set(&format!("peer {} allowed-ips {}", key(2), many.join(",")));

    let whole: Vec<String> = many
        .iter()
        .map(|address| format!("{address}/128"))
        .collect();
    let shown = engine.allowed_ips();
    assert_eq!(shown[&key(2)], owners(&[(2, &whole)])[&key(2)]);
    assert_eq!(shown[&key(1)], Vec::<String>::new());
    // The other one that it had is the last of those.
    assert_eq!(shown[&key(30)], ["255.2.3.4/32"]);
}

#[test]
fn line_32_what_is_named_twice_is_there_once_and_a_wide_prefix_takes_no_narrow_one() {
    let engine = Engine::start();
    let all = ["0.0.0.0/0", "::/0", "0.0.0.0/0", "10.0.0.0/8", "10.1.2.3/8"].map(str::to_owned);
    let few = ["10.0.0.0/9".to_owned(), "fd00::/8".to_owned()];

    engine.set_from_file(&[(1, &all), (2, &few)]);

    let once = ["0.0.0.0/0", "::/0", "10.0.0.0/8"].map(str::to_owned);
    assert_eq!(engine.allowed_ips(), owners(&[(1, &once), (2, &few)]));

    engine.wg_set(&format!("peer {} allowed-ips 0.0.0.0/0,10.0.0.0/9", key(2)));

    let [left, taken] = [&once[1..], &["0.0.0.0/0".to_owned(), few[0].clone()]];
    assert_eq!(engine.allowed_ips(), owners(&[(1, left), (2, taken)]));
}

/// An engine without a link.
struct Engine {
    host: Host,
    folder: Folder,
    name: String,
    _running: Running,
}

impl Engine {
    fn start() -> Engine {
        let (host, folder, name) = (Host::new(), Folder::new(), unique("a"));
        let _running = host.start_engine(&name, "");
        Engine {
            host,
            folder,
            name,
            _running,
        }
    }

    /// These peers and their prefixes, and no others.
    fn set_from_file(&self, peers: &[(u8, &[String])]) {
        let file = self.folder.join("tunnel.conf");
        let mut text = String::from("[Interface]\n");
        for (number, prefixes) in peers {
            text += &format!("[Peer]\nPublicKey = {}\n", key(*number));
            for prefix in *prefixes {
                text += &format!("AllowedIPs = {prefix}\n");
            }
        }
        fs::write(&file, text).unwrap();
        self.host
            .must("wg", &format!("setconf {} {}", self.name, file.display()));
    }

    fn wg_set(&self, arguments: &str) {
        self.host
            .must("wg", &format!("set {} {arguments}", self.name));
    }

    fn wg(&self, what: &str) -> String {
        self.host.must("wg", &format!("{what} {}", self.name))
    }

    /// As `wg show … allowed-ips` tells them, by peer and in order.
    fn allowed_ips(&self) -> BTreeMap<String, Vec<String>> {
        let shown = self
            .host
            .must("wg", &format!("show {} allowed-ips", self.name));
        let mut peers = BTreeMap::new();
        for line in shown.lines() {
            let (key, prefixes) = line.split_once('\t').unwrap();
            let prefixes = prefixes.split(' ').filter(|prefix| *prefix != "(none)");
            let mut prefixes: Vec<String> = prefixes.map(str::to_owned).collect();
            prefixes.sort();
            assert_eq!(peers.insert(key.to_owned(), prefixes), None, "{key} twice");
        }
        peers
    }
}

fn owners(peers: &[(u8, &[String])]) -> BTreeMap<String, Vec<String>> {
    let sorted = peers.iter().map(|(number, prefixes)| {
        let mut prefixes = prefixes.to_vec();
        prefixes.sort();
        (key(*number), prefixes)
    });
    sorted.collect()
}

/// 32 bytes in base64; that nobody has the private key does not matter here.
fn key(number: u8) -> String {
    format!("{number:0>42}A=")
}
