//! Up to 16 packets that are sealed or opened together, pass by pass.

use subtle::ConstantTimeEq;

use super::chacha20::{Keystream, LANES, Lanes};
use super::memory::Block;
use super::pass::{Cursor, Pass};
use super::poly1305::tag;
use super::powers::{Powers, powers_of};
use crate::key::Words;
use crate::packet::{Packet, TAG};

const BLANK: Keystream = [[Block::BLANK; 4]; LANES / 4];

/// Of at most `MOST` packets.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
pub(super) fn seal_group<const MOST: usize>(words: &Words, packets: &mut [Packet<'_>]) {
    let mut keystream = BLANK;
    let mut cursor = Cursor::default();
    let mut pass = Pass::default();
    first_pass(words, packets, &mut cursor, &mut pass, &mut keystream);
    let keys = OneTimeKeys::<MOST>::new(&keystream, packets.len());
    let mut tagged = 0;
    loop {
        pass.apply(packets, &keystream);
        while tagged < cursor.packet {
            write_tag(packets, &keys, tagged);
            tagged += 1;
        }
        if !next_pass(words, packets, &mut cursor, &mut pass, &mut keystream) {
            break;
        }
    }
}

/// Each packet is judged right before the first pass that would decrypt some of it, so that its bytes are still at
/// hand then. Its one-time key is from the first pass of all.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
pub(super) fn open_group<const MOST: usize>(words: &Words, packets: &mut [Packet<'_>]) {
    let mut keystream = BLANK;
    let mut cursor = Cursor::default();
    let mut pass = Pass::default();
    first_pass(words, packets, &mut cursor, &mut pass, &mut keystream);
    let keys = OneTimeKeys::<MOST>::new(&keystream, packets.len());
    let mut judged = 0;
    loop {
        while judged < pass.end_packet() {
            judge(packets, &keys, judged);
            judged += 1;
        }
        pass.apply(packets, &keystream);
        if !next_pass(words, packets, &mut cursor, &mut pass, &mut keystream) {
            break;
        }
    }
    // The empty ones at the end.
    for nth in judged..packets.len() {
        judge(packets, &keys, nth);
    }
}

/// Begins with the first block of each packet; the lanes behind them are for the texts.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
fn first_pass(
    words: &Words,
    packets: &mut [Packet<'_>],
    cursor: &mut Cursor,
    pass: &mut Pass,
    keystream: &mut Keystream,
) {
    let mut lanes = Lanes::new();
    for (lane, packet) in packets.iter_mut().enumerate() {
        packet.is_done = packet.has_room();
        lanes.assign(lane, packet.counter, 0);
    }
    cursor.plan(packets, &mut lanes, packets.len(), pass);
    pass.generate(words, &lanes, keystream);
}

/// False when nothing is left.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
fn next_pass(
    words: &Words,
    packets: &[Packet<'_>],
    cursor: &mut Cursor,
    pass: &mut Pass,
    keystream: &mut Keystream,
) -> bool {
    let mut lanes = Lanes::new();
    let is_left = cursor.plan(packets, &mut lanes, 0, pass);
    if is_left {
        pass.generate(words, &lanes, keystream);
    }
    is_left
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
fn write_tag<const MOST: usize>(
    packets: &mut [Packet<'_>],
    keys: &OneTimeKeys<MOST>,
    nth: usize,
) -> Option<()> {
    let (text, place) = packets.get_mut(nth)?.parts()?;
    let (powers, pad) = keys.get(nth)?;
    *place = tag(powers, pad, text);
    Some(())
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
fn judge<const MOST: usize>(
    packets: &mut [Packet<'_>],
    keys: &OneTimeKeys<MOST>,
    nth: usize,
) -> Option<()> {
    let packet = packets.get_mut(nth)?;
    packet.is_done = false;
    let (powers, pad) = keys.get(nth)?;
    let (text, theirs) = packet.parts()?;
    packet.is_done = are_equal(&tag(powers, pad, text), theirs);
    Some(())
}

/// In one comparison, in constant time: byte by byte it would take a tenth of what the tag takes.
#[inline]
fn are_equal(ours: &[u8; TAG], theirs: &[u8; TAG]) -> bool {
    let difference = u128::from_le_bytes(*ours) ^ u128::from_le_bytes(*theirs);
    let folded = difference as u64 | (difference >> 64) as u64;
    folded.ct_eq(&0).into()
}

/// Of each packet, what its tag is made with.
struct OneTimeKeys<const MOST: usize> {
    powers: [Powers; MOST],
    pads: [u128; MOST],
}

impl<const MOST: usize> OneTimeKeys<MOST> {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
    fn new(keystream: &Keystream, count: usize) -> Self {
        let mut keys = Self {
            powers: [Powers::blank(); MOST],
            pads: [0; MOST],
        };
        let blocks = keystream.as_flattened().get(..count).unwrap_or_default();
        powers_of(blocks, &mut keys.powers);
        for (pad, block) in keys.pads.iter_mut().zip(blocks) {
            *pad = block.second_quarter();
        }
        keys
    }

    #[inline]
    fn get(&self, nth: usize) -> Option<(&Powers, u128)> {
        Some((self.powers.get(nth)?, *self.pads.get(nth)?))
    }
}
