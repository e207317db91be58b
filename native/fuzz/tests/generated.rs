//! Inputs that no fuzzer has chosen, the same in every run: chance bytes, and committed inputs spliced and flipped.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that cannot run should say so at once"
)]

#[path = "../../switch/tests/chance/mod.rs"]
mod chance;

use std::fs;
use std::path::Path;

use chance::Chance;
use culvert_fuzz::target;

/// Each of up to 150 steps.
#[test]
fn generated_inputs_hold_for_gateway_model() {
    run("gateway_model", "gateway_model", 500, chance_bytes);
}

/// Each of up to 64 steps, and 60 packets to see that all is well afterwards.
#[test]
fn generated_inputs_hold_for_wg_datagram() {
    run("wg_datagram", "wg_datagram", 8_000, chance_bytes);
}

#[test]
fn generated_inputs_hold_for_wg_inner() {
    run("wg_inner", "wg_inner", 5_000, chance_bytes);
}

#[test]
fn two_hundred_thousand_generated_scripts_hold_for_uapi_without_a_socket() {
    run("uapi_lines", "uapi", 200_000, script);
}

/// Each an engine's control socket, and one caller more afterwards.
#[test]
fn generated_lines_hold_for_control() {
    run("control", "control", 2_000, lines);
}

/// Each of up to 200 steps among real sockets.
#[test]
fn generated_inputs_hold_for_netstack() {
    run("netstack", "netstack", 500, chance_bytes);
}

/// Each of up to 200 steps, and turns of two to four shards.
#[test]
fn generated_inputs_hold_for_netstack_shards() {
    run("netstack_shards", "netstack_shards", 500, chance_bytes);
}

fn run(name: &str, corpus: &str, inputs: usize, fresh: fn(&mut Chance) -> Vec<u8>) {
    let run = target(name).unwrap();
    let committed = committed(corpus);
    let mut chance = Chance(inputs as u64);
    for _ in 0..inputs {
        run(&input(&committed, &mut chance, fresh));
    }
}

fn chance_bytes(chance: &mut Chance) -> Vec<u8> {
    (0..chance.below(1500))
        .map(|_| chance.below(256) as u8)
        .collect()
}

/// Of the words of the grammar: lines of a key and, mostly, one of the values that it may have, and now and then a word anywhere.
fn script(chance: &mut Chance) -> Vec<u8> {
    const SET: u8 = 0x80;
    const WORDS: usize = 0x44;
    /// A key, the first of its values, and how many there are.
    const KEYS: [(u8, u8, usize); 8] = [
        (0x83, 0x94, 4),
        (0x84, 0x9b, 4),
        (0x85, 0x9b, 4),
        (0x87, 0x95, 3),
        (0x88, 0x94, 4),
        (0x89, 0xb5, 3),
        (0x8a, 0x9b, 4),
        (0x8c, 0xa9, 4),
    ];
    let mut script = vec![SET];
    for _ in 0..chance.below(8) {
        let (key, first, count) = KEYS[chance.below(KEYS.len())];
        match chance.below(16) {
            0 => script.push(0x80 + chance.below(WORDS) as u8),
            1 => script.extend([key, 0x80 + chance.below(WORDS) as u8, b'\n']),
            _ => script.extend([key, first + chance.below(count) as u8, b'\n']),
        }
    }
    script.push(b'\n');
    script
}

/// Of the words of the control socket: a role, and lines of a method and an object whose keys and values are any.
fn lines(chance: &mut Chance) -> Vec<u8> {
    let [begin, end, open, close, comma] = [0x80, 0x87, 0x88, 0x89, 0x8c];
    const METHODS: (u8, usize) = (0x81, 6);
    const KEYS: (u8, usize) = (0x8e, 30);
    const VALUES: (u8, usize) = (0xad, 15);
    const WORDS: (u8, usize) = (0x80, 62);
    let mut script = vec![chance.below(2) as u8];
    for _ in 0..chance.below(6) {
        let mut word = |(first, count): (u8, usize)| first + chance.below(count) as u8;
        script.extend([begin, word(METHODS), open, word(KEYS), word(VALUES)]);
        for _ in 0..word((0, 8)) {
            script.extend([comma, word(KEYS), word(VALUES)]);
        }
        script.extend([close, end]);
        if word((0, 4)) == 0 {
            script.push(word(WORDS));
        }
    }
    script
}

fn input(committed: &[Vec<u8>], chance: &mut Chance, fresh: fn(&mut Chance) -> Vec<u8>) -> Vec<u8> {
    let mut input: Vec<u8> = if chance.below(2) == 0 {
        fresh(chance)
    } else {
        let [one, other] = [(); 2].map(|()| &committed[chance.below(committed.len())]);
        let [from, to] = [one, other].map(|part| chance.below(part.len() + 1));
        [&one[..from], &other[to..]].concat()
    };
    for _ in 0..chance.below(4) {
        let place = chance.below(input.len().max(1));
        if let Some(byte) = input.get_mut(place) {
            *byte = chance.below(256) as u8;
        }
    }
    input
}

fn committed(name: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(name);
    let entries = fs::read_dir(folder).unwrap();
    let mut inputs: Vec<_> = entries
        .map(|entry| fs::read(entry.unwrap().path()).unwrap())
        .collect();
    inputs.sort();
    inputs
}
