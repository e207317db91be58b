//! Lines of the control socket to a gateway and a connector: every line gets its answer, a refused configuration leaves
//! the old one, and the next caller is served as ever.

use culvert_engine::fuzzing::Desk;
use serde_json::Value;

use crate::{private_network, words};

/// Byte 0x80 is the first of them.
pub(crate) const WORDS: [&str; 62] = [
    "{\"v\":1,\"id\":1,\"method\":",
    "\"configure\",\"params\":",
    "\"hello\"",
    "\"status\"",
    "\"explain\",\"params\":",
    "\"watch\"",
    "\"shutdown\"",
    "}\n",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"privateKey\":",
    "\"listenPort\":",
    "\"mtu\":",
    "\"peers\":",
    "\"networks\":",
    "\"rules\":",
    "\"addresses\":",
    "\"ranges\":",
    "\"overlay\":",
    "\"kind\":",
    "\"device\"",
    "\"connector\"",
    "\"id\":",
    "\"publicKey\":",
    "\"subjects\":",
    "\"expiresAt\":",
    "\"networkId\":",
    "\"healthy\":",
    "\"name\":",
    "\"action\":",
    "\"allow\"",
    "\"block\"",
    "\"networkIds\":",
    "\"protocol\":",
    "\"any\"",
    "\"ports\":",
    "\"endpoints\":",
    "\"keepaliveSeconds\":",
    "\"deviceId\":",
    "\"destination\":",
    "\"port\":",
    "true",
    "null",
    "1420",
    "0",
    "-1",
    "18446744073709551616",
    "1e400",
    "\"a\"",
    "\"10.0.0.0/8\"",
    "\"10.0.0.1\"",
    "\"fd00::/8\"",
    "\"0.0.0.0/33\"",
    "\"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\"",
    "\"5ztYGKVLUVBYqHiPeTDhxcFHVZDwRcL3VzaA/rpSAno=\"",
    "\"192.0.2.1:51820\"",
    "{\"v\":1,\"id\":2,\"method\":\"configure\",\"params\":{\"privateKey\":\"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\",\"listenPort\":0,\"mtu\":1420,\"addresses\":[],\"ranges\":[\"10.0.0.0/8\"],\"overlay\":[],\"peers\":[],\"networks\":[{\"id\":\"a\",\"ranges\":[\"10.0.0.0/8\"]}],\"rules\":[]}}\n",
    "[[1,2]]",
];

const HELLO: &[u8] = b"{\"v\":1,\"id\":7,\"method\":\"hello\"}\n";

pub(crate) fn run(data: &[u8]) {
    private_network::enter();
    let Some((role, script)) = data.split_first() else {
        return;
    };
    let mut desk = if role & 1 == 0 {
        Desk::gateway()
    } else {
        Desk::connector()
    };
    let pieces = words::pieces(script, &WORDS);
    let lines = count_lines(&pieces.concat());

    let answers = answers(&desk.control(&pieces));

    let is_shut = desk.was_shut_down();
    let events = answers
        .iter()
        .filter(|answer| !answer["event"].is_null())
        .count();
    let answered = answers.len() - events;
    assert!(
        answered == lines || (is_shut && answered < lines),
        "{answered} answers to {lines} lines"
    );
    for answer in &answers {
        assert_eq!(answer["v"], 1);
        let is_answer = answer["result"].is_null() != answer["error"].is_null();
        assert!(is_answer || !answer["event"].is_null(), "{answer}");
    }
    let last_hash = answers
        .iter()
        .rev()
        .find_map(|answer| answer["result"]["hash"].as_str());
    let hello = &self::answers(&desk.control(&[HELLO.to_vec()]))[0]["result"];
    assert_eq!(hello["protocol"], 1);
    assert_eq!(hello["configHash"].as_str(), last_hash);
    desk.stop();
}

/// The last one needs no end.
fn count_lines(script: &[u8]) -> usize {
    let ended = script.iter().filter(|byte| **byte == b'\n').count();
    ended + usize::from(script.last().is_some_and(|byte| *byte != b'\n'))
}

fn answers(said: &[u8]) -> Vec<Value> {
    said.split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).expect("an answer is JSON"))
        .collect()
}
