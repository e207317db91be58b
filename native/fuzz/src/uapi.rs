//! UAPI scripts, from sound to senseless, in pieces of any size. The same script says the same however it is cut; one
//! with an error in it changes nothing; and what `get` prints can be set again.

use culvert_engine::fuzzing::Desk;

use crate::words;

/// Byte 0x80 is the first of them.
pub(crate) const WORDS: [&str; 68] = [
    "set=1\n",
    "get=1\n\n",
    "\n\n",
    "private_key=",
    "listen_port=",
    "fwmark=",
    "replace_peers=true\n",
    "public_key=",
    "preshared_key=",
    "endpoint=",
    "persistent_keepalive_interval=",
    "replace_allowed_ips=true\n",
    "allowed_ip=",
    "remove=true\n",
    "update_only=true\n",
    "protocol_version=1\n",
    "errno=",
    "=",
    "true",
    "false",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0101010101010101010101010101010101010101010101010101010101010101",
    "e84b5a6d2717c1003a13b431570353dbaca9146cf150c5f8575680feba52027a",
    "b85996fecc9c7f1fc6d2572a76eda11d59bcd20be8e543b15ce4bd85a8e75a33",
    "E84B5A6D2717C1003A13B431570353DBACA9146CF150C5F8575680FEBA52027A",
    "e84b5a6d2717c1003a13b431570353dbaca9146cf150c5f8575680feba52027",
    "e84b5a6d2717c1003a13b431570353dbaca9146cf150c5f8575680feba52027a0",
    "0",
    "1",
    "51820",
    "65535",
    "65536",
    "-1",
    "+1",
    "4294967295",
    "4294967296",
    "18446744073709551616",
    "0x10",
    " ",
    "\t",
    "\r",
    "10.0.0.0/8",
    "10.0.0.1/8",
    "10.0.0.1",
    "0.0.0.0/0",
    "0.0.0.0/33",
    "192.168.0.0/24",
    "fd00::/8",
    "::/0",
    "::/129",
    "fe80::1%lo/64",
    "256.0.0.1/8",
    "-10.0.0.0/8",
    "192.0.2.1:51820",
    "[2001:db8::1]:1",
    "[fe80::1%1]:1",
    "192.0.2.1",
    "192.0.2.1:0",
    "192.0.2.1:65536",
    "example.com:1",
    "last_handshake_time_sec=",
    "tx_bytes=",
    "listen_port=0\n",
    "persistent_keepalive_interval=25\n",
    "\0",
    "\n",
    "set=0\n",
    "allowed_ip=10.0.0.0/8\n",
];

/// What `get` tells, and `set` does not take.
const READ_ONLY: [&str; 5] = [
    "last_handshake_time_sec=",
    "last_handshake_time_nsec=",
    "rx_bytes=",
    "tx_bytes=",
    "errno=",
];

pub(crate) fn run(data: &[u8]) {
    let pieces = words::pieces(data, &WORDS);
    let mut desk = Desk::device();
    let before = desk.show();
    let answer = desk.uapi(&pieces);
    let after = desk.show();

    let mut other = Desk::device();
    let whole = other.uapi(&[pieces.concat()]);
    assert_eq!(answer, whole, "it matters in which pieces a script comes");
    assert_eq!(after, other.show());

    assert_only_success_changes(&answer, &before, &after);
    assert_can_be_set_again(&after, |desk, script| desk.uapi(&[script]));
}

/// The same without a socket, and so without pieces.
pub(crate) fn run_lines(data: &[u8]) {
    let script = words::pieces(data, &WORDS).concat();
    let mut desk = Desk::device();
    let before = desk.uapi_lines(SHOW);
    let answer = desk.uapi_lines(&script);
    let after = desk.uapi_lines(SHOW);

    let [before, after] = [before, after].map(|shown| String::from_utf8(shown).unwrap());
    assert_only_success_changes(&answer, &before, &after);
    if before != after {
        assert_can_be_set_again(&after, |desk, script| desk.uapi_lines(&script));
    }
}

const SHOW: &[u8] = b"get=1\n\n";

fn assert_only_success_changes(answer: &[u8], before: &str, after: &str) {
    let answer = std::str::from_utf8(answer).expect("answers are text");
    let mut outcomes = answer
        .lines()
        .filter_map(|line| line.strip_prefix("errno="));
    assert!(
        outcomes.any(|outcome| outcome == "0") || before == after,
        "no operation succeeded, and yet something changed"
    );
}

fn assert_can_be_set_again(shown: &str, say: impl Fn(&mut Desk, Vec<u8>) -> Vec<u8>) {
    let settable = shown
        .lines()
        .filter(|line| !line.is_empty() && !READ_ONLY.iter().any(|key| line.starts_with(key)));
    let mut script = String::from("set=1\n");
    settable.for_each(|line| script += &format!("{line}\n"));
    let mut again = Desk::device();
    let answer = say(&mut again, format!("{script}\n").into_bytes());
    assert_eq!(answer, b"errno=0\n\n");
    assert_eq!(say(&mut again, SHOW.to_vec()), shown.as_bytes());
}
