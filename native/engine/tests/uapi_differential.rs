//! 2,000 generated UAPI scripts, to our socket and to wireguard-go's: the same errno, and after those that are taken the
//! same interface. Line 45. Needs root and `wireguard-go`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // test builders, outside #[test] functions

mod lab;

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;

use lab::sockets::uapi_socket;
use lab::{Host, unique};

const SCRIPTS: usize = 2000;
const SEED: u64 = 0x45_2000;

#[test]
fn line_45_two_thousand_generated_scripts_are_answered_as_wireguard_go_answers_them() {
    let host = Host::new();
    let names = [unique("a"), unique("b")];
    let _running = [
        host.start_engine(&names[0], ""),
        host.start_wireguard_go(&names[1]),
    ];
    let sockets = [uapi_socket(&names[0]), uapi_socket(&names[1])];
    let mut dice = Dice(SEED);
    let (mut taken, mut refused, mut different) = (0, 0, Vec::new());
    for _ in 0..SCRIPTS {
        let script = script(&mut dice);
        let [ours, theirs] = [&sockets[0], &sockets[1]].map(|socket| ask(socket, &script));
        if ours != theirs {
            different.push(format!("{script:?}\n  ours {ours:?}, theirs {theirs:?}"));
        }
        if ours == "errno=0\n\n" && theirs == ours {
            taken += 1;
            let [ours, theirs] = [&sockets[0], &sockets[1]].map(|socket| interface(socket));
            if ours == theirs {
                continue;
            }
            different.push(format!("{script:?}\n  ours {ours:?}\n  theirs {theirs:?}"));
        }
        refused += 1;
        // On purpose ours then has nothing of the script, theirs what came before the error.
        for socket in &sockets {
            assert_eq!(ask(socket, RESET), "errno=0\n\n");
        }
    }
    let examples = different.iter().take(10).map(String::as_str);
    let examples = examples.collect::<Vec<_>>().join("\n");
    assert!(
        different.is_empty(),
        "{} are answered differently:\n{examples}",
        different.len()
    );
    assert!(
        taken > SCRIPTS / 5 && refused > SCRIPTS / 5,
        "{taken} taken, {refused} refused: the mix tells little"
    );
}

const RESET: &str = "set=1\nprivate_key=0000000000000000000000000000000000000000000000000000000000000000\nfwmark=0\nreplace_peers=true\n\n";

/// One conversation, until the other side has said all.
fn ask(socket: &Path, text: &str) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    // It may have said no, and hung up, before all was sent.
    let _ = stream.write_all(text.as_bytes());
    let _ = stream.shutdown(Shutdown::Write);
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

/// What was set, without what comes in any order or is each one's own: a port where none was asked for, and counters.
fn interface(socket: &Path) -> Vec<Vec<String>> {
    let shown = ask(socket, "get=1\n\n");
    let own = [
        "listen_port=",
        "tx_bytes=",
        "rx_bytes=",
        "last_handshake_time",
    ];
    let mut blocks = vec![Vec::new()];
    for line in shown
        .lines()
        .filter(|line| !own.iter().any(|word| line.starts_with(word)))
    {
        if line.starts_with("public_key=") || line.starts_with("errno=") {
            blocks.push(Vec::new());
        }
        blocks.last_mut().unwrap().push(line.to_owned());
    }
    blocks.iter_mut().for_each(|block| block.sort());
    blocks.sort();
    blocks
}

fn script(dice: &mut Dice) -> String {
    let mut script = String::from(dice.choose(
        &["set=1\n"; 30],
        &["get=2\n", "set=2\n", "set= 1\n", "nonsense\n"],
    ));
    for _ in 0..dice.below(4) {
        script.push_str(&device_line(dice));
    }
    for _ in 0..dice.below(4) {
        script.push_str(&format!("public_key={}\n", key(dice)));
        // First, as `wg` sends it: behind other lines wireguard-go takes half of them back.
        for first in ["update_only", "remove", "replace_allowed_ips"] {
            if dice.below(6) == 0 {
                script.push_str(&format!("{first}={}\n", word(dice)));
            }
        }
        for _ in 0..dice.below(6) {
            script.push_str(&peer_line(dice));
        }
    }
    // No second operation behind it: wireguard-go reads ahead and loses what it has read.
    script.push_str(dice.choose(&["\n"; 20], &["", "\n\n"]));
    script
}

fn device_line(dice: &mut Dice) -> String {
    match dice.below(12) {
        0..=2 => format!("private_key={}\n", key(dice)),
        3..=6 => format!("fwmark={}\n", number(dice, &["0", "1", "81", "4294967295"])),
        7..=8 => "replace_peers=true\n".into(),
        // Others are tried in `uapi.rs`: a wireguard-go that is down does not try to have them.
        9 => format!(
            "listen_port={}\n",
            dice.choose(&["0"], &["", "-1", "65536", "x", "0x0"])
        ),
        10 => format!("replace_peers={}\n", word(dice)),
        _ => rare(dice),
    }
}

fn peer_line(dice: &mut Dice) -> String {
    match dice.below(20) {
        // Without a sign: Debian's wireguard-go is older than "-10.0.0.0/8".
        0..=6 => format!("allowed_ip={}\n", range(dice)),
        7..=8 => format!("endpoint={}\n", endpoint(dice)),
        9..=10 => format!(
            "persistent_keepalive_interval={}\n",
            number(dice, &["0", "25", "65535"])
        ),
        11 => format!("preshared_key={}\n", key(dice)),
        15 => format!("protocol_version={}\n", number(dice, &["1"])),
        17 => device_line(dice),
        _ if dice.below(4) == 0 => rare(dice),
        _ => format!("allowed_ip={}\n", range(dice)),
    }
}

/// Few, so that scripts meet each other's peers.
fn key(dice: &mut Dice) -> String {
    let digit = dice.choose(&["1", "2", "3", "4", "a", "B"], &["0", "g", " "]);
    let length = dice.choose(&[64; 25], &[0, 1, 63, 65, 66]);
    digit.repeat(length)
}

fn number<'a>(dice: &mut Dice, usual: &[&'a str]) -> &'a str {
    let odd = [
        "",
        "-1",
        "+1",
        "007",
        "1e3",
        "0x10",
        "65536",
        "4294967296",
        "18446744073709551616",
        " 1",
        "1 ",
        "off",
        "true",
        "１",
    ];
    dice.choose(usual, &odd)
}

/// Without "/08" and "/+8", which Debian's wireguard-go takes and newer ones refuse.
fn range(dice: &mut Dice) -> &'static str {
    const USUAL: &[&str] = &[
        "10.0.0.0/8",
        "10.1.2.3/8",
        "10.1.2.3/32",
        "0.0.0.0/0",
        "192.168.0.0/16",
        "::/0",
        "fd00::1/64",
        "fd00::1/128",
        "FD00::/8",
        "255.255.255.255/32",
        "1.2.3.4/1",
        "::ffff:10.0.0.1/128",
    ];
    const ODD: &[&str] = &[
        "",
        "/",
        "10.0.0.1",
        "10.0.0.1/",
        "10.0.0.1/33",
        "10.0.0.1/-1",
        "10.0.0.1/ 8",
        "010.0.0.0/8",
        "10.0.0/8",
        "10.0.0.0.0/8",
        "256.0.0.0/8",
        "::/129",
        "::1::/64",
        "fe80::1%lo/64",
        "fe80::1%1/64",
        "localhost/8",
        "10.0.0.0/8/8",
        "1:2:3:4:5:6:7:8:9/64",
        "::1/0x40",
    ];
    dice.choose(USUAL, ODD)
}

fn endpoint(dice: &mut Dice) -> &'static str {
    const USUAL: &[&str] = &[
        "192.0.2.1:51820",
        "192.0.2.1:1",
        "192.0.2.1:65535",
        "[2001:db8::1]:51820",
        "[2001:DB8:0::1]:1",
        "[::ffff:192.0.2.1]:1",
        "0.0.0.0:0",
        "[::]:0",
        "192.0.2.1:0",
    ];
    const ODD: &[&str] = &[
        "",
        ":",
        ":1",
        "192.0.2.1",
        "192.0.2.1:",
        "192.0.2.1:65536",
        "192.0.2.1:-1",
        "192.0.2.1:+1",
        "192.0.2.1: 1",
        "[192.0.2.1]:1",
        "2001:db8::1:1",
        "[2001:db8::1]",
        "[2001:db8::1]1",
        "localhost:1",
        "192.0.2.1:1:1",
        "192.0.2.01:1",
        "[::1%nosuch]:1",
        "192.0.2.1:00001",
        "192.0.2.1:http",
    ];
    dice.choose(USUAL, ODD)
}

fn word(dice: &mut Dice) -> &'static str {
    dice.choose(
        &["true"],
        &["false", "", "True", "1", "yes", " true", "true "],
    )
}

fn rare(dice: &mut Dice) -> String {
    (dice.choose(
        &[
            "unknown=1\n",
            "=\n",
            "==\n",
            "fwmark\n",
            "=true\n",
            "fwmark =1\n",
            " fwmark=1\n",
            "FWMARK=1\n",
            "get=1\n",
            "set=1\n",
            "public_key\n",
            "errno=0\n",
            "fwmark=1\r\n",
            "rx_bytes=1\n",
            "last_handshake_time_sec=1\n",
        ],
        &[],
    ))
    .to_owned()
}

/// Splitmix64: the same scripts in each run.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn below(&mut self, most: usize) -> usize {
        usize::try_from(self.next() % most as u64).unwrap()
    }

    /// One in thirteen is odd.
    fn choose<T: Copy>(&mut self, usual: &[T], odd: &[T]) -> T {
        if !odd.is_empty() && self.below(13) == 0 {
            return odd[self.below(odd.len())];
        }
        usual[self.below(usual.len())]
    }
}
