//! Every committed input again, and each with its halves and a few flips: what a fuzzer once found stays found.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a replay that cannot run should say so at once"
)]

use std::fs;
use std::path::Path;

use culvert_fuzz::target;

#[test]
fn committed_inputs_hold_for_wg_datagram() {
    replay("wg_datagram");
}

#[test]
fn committed_inputs_hold_for_wg_inner() {
    replay("wg_inner");
}

#[test]
fn committed_inputs_hold_for_uapi() {
    replay("uapi");
}

#[test]
fn committed_inputs_hold_for_uapi_lines() {
    replay_of("uapi_lines", "uapi");
}

#[test]
fn committed_inputs_hold_for_control() {
    replay("control");
}

#[test]
fn committed_inputs_hold_for_switch_model() {
    replay("switch_model");
}

#[test]
fn committed_inputs_hold_for_gateway_model() {
    replay("gateway_model");
}

#[test]
fn committed_inputs_hold_for_netstack() {
    replay("netstack");
}

#[test]
fn committed_inputs_hold_for_netstack_shards() {
    replay("netstack_shards");
}

#[test]
fn committed_inputs_hold_for_tun_offload() {
    replay("tun_offload");
}

#[test]
fn committed_inputs_hold_for_aead() {
    replay("aead");
}

fn replay(name: &str) {
    replay_of(name, name);
}

fn replay_of(name: &str, corpus: &str) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("corpus")
        .join(corpus);
    let mut paths: Vec<_> = fs::read_dir(&folder)
        .unwrap_or_else(|cause| panic!("{}: {cause}", folder.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    assert!(
        paths.len() >= 10,
        "{} has only {} inputs",
        folder.display(),
        paths.len()
    );
    let run = target(name).unwrap();
    for path in paths {
        println!("{}", path.display());
        let input = fs::read(&path).unwrap();
        run(&input);
        variations(&input).iter().for_each(|input| run(input));
    }
}

/// Cheap neighbours of an input, the same in every run.
fn variations(input: &[u8]) -> Vec<Vec<u8>> {
    let half = input.len() / 2;
    let mut all = vec![input[..half].to_vec(), input[half..].to_vec()];
    for nth in 1..=2 {
        let mut flipped = input.to_vec();
        if let Some(byte) = flipped.get_mut(input.len() * nth / 3) {
            *byte = byte.wrapping_add(17 * nth as u8);
        }
        all.push(flipped);
    }
    all
}
