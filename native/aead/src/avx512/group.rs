//! Up to 16 packets that are sealed or opened together, pass by pass.

use subtle::ConstantTimeEq;

use super::chacha20::{LANES, Lanes};
use super::memory::Block;
use super::pass::{Cursor, Pass};
use super::poly1305::tag;
use super::powers::{Powers, powers_of};
use crate::key::Words;
use crate::packet::Packet;

/// Of at most `MOST` packets.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
pub(super) fn seal_group<const MOST: usize>(words: &Words, packets: &mut [Packet<'_>]) {
    let mut keystream = [Block::BLANK; LANES];
    let mut cursor = Cursor::default();
    let mut pass = first_pass(words, packets, &mut cursor, &mut keystream);
    let keys = OneTimeKeys::<MOST>::new(&keystream, packets.len());
    let mut tagged = 0;
    loop {
        pass.apply(packets, &keystream);
        while tagged < cursor.packet {
            if let (Some(packet), Some((powers, pad))) = (packets.get_mut(tagged), keys.get(tagged))
                && let Some((text, place)) = packet.parts()
            {
                *place = tag(powers, pad, text);
            }
            tagged += 1;
        }
        let mut lanes = Lanes::new();
        pass = cursor.plan(packets, &mut lanes, 0);
        if !pass.generate(words, &lanes, &mut keystream) {
            break;
        }
    }
}

/// The one-time keys are in the first pass, so all packets are judged before anything is decrypted.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
pub(super) fn open_group<const MOST: usize>(words: &Words, packets: &mut [Packet<'_>]) {
    let mut keystream = [Block::BLANK; LANES];
    let mut cursor = Cursor::default();
    let mut pass = first_pass(words, packets, &mut cursor, &mut keystream);
    let keys = OneTimeKeys::<MOST>::new(&keystream, packets.len());
    for (nth, packet) in packets.iter_mut().enumerate() {
        packet.is_done = match (packet.parts(), keys.get(nth)) {
            (Some((text, theirs)), Some((powers, pad))) => {
                tag(powers, pad, text).ct_eq(theirs).into()
            }
            _ => false,
        };
    }
    loop {
        pass.apply(packets, &keystream);
        let mut lanes = Lanes::new();
        pass = cursor.plan(packets, &mut lanes, 0);
        if !pass.generate(words, &lanes, &mut keystream) {
            break;
        }
    }
}

/// Begins with the first block of each packet; the lanes behind them are for the texts.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
fn first_pass(
    words: &Words,
    packets: &mut [Packet<'_>],
    cursor: &mut Cursor,
    keystream: &mut [Block; LANES],
) -> Pass {
    let mut lanes = Lanes::new();
    for (lane, packet) in packets.iter_mut().enumerate() {
        packet.is_done = packet.has_room();
        lanes.assign(lane, packet.counter, 0);
    }
    let pass = cursor.plan(packets, &mut lanes, packets.len());
    pass.generate(words, &lanes, keystream);
    pass
}

/// Of each packet, what its tag is made with.
struct OneTimeKeys<const MOST: usize> {
    powers: [Powers; MOST],
    pads: [u128; MOST],
}

impl<const MOST: usize> OneTimeKeys<MOST> {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
    fn new(keystream: &[Block; LANES], count: usize) -> Self {
        let mut keys = Self {
            powers: [Powers::blank(); MOST],
            pads: [0; MOST],
        };
        let blocks = keystream.get(..count).unwrap_or_default();
        powers_of(blocks, &mut keys.powers);
        for (pad, block) in keys.pads.iter_mut().zip(blocks) {
            *pad = block.second_quarter();
        }
        keys
    }

    #[inline]
    fn get(&self, packet: usize) -> Option<(&Powers, u128)> {
        Some((self.powers.get(packet)?, *self.pads.get(packet)?))
    }
}
