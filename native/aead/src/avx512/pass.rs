//! What the lanes of one pass are for.

use std::arch::x86_64::*;

use super::chacha20::{Keystream, LANES, Lanes, eight_blocks, sixteen_blocks};
use super::memory::{Block, load, load_behind, load_block, store, store_front};
use crate::key::Words;
use crate::packet::Packet;

const BLOCK: usize = 64;

/// The block with which the next pass begins.
#[derive(Clone, Copy, Default)]
pub(super) struct Cursor {
    /// All texts before this packet's are dealt with.
    pub(super) packet: usize,
    block: usize,
}

#[derive(Default)]
pub(super) struct Pass {
    runs: [Run; LANES],
    run_count: usize,
    lanes: usize,
}

/// Neighbouring lanes for neighbouring blocks of a packet's text.
#[derive(Clone, Copy, Default)]
struct Run {
    block: u32,
    packet: u8,
    lane: u8,
    end_lane: u8,
}

impl Cursor {
    /// Gives the lanes from `lane` on to what comes next. False when nothing does.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
    pub(super) fn plan(
        &mut self,
        packets: &[Packet<'_>],
        lanes: &mut Lanes,
        mut lane: usize,
        pass: &mut Pass,
    ) -> bool {
        pass.run_count = 0;
        while let Some(packet) = packets.get(self.packet) {
            let left = blocks_of(packet).saturating_sub(self.block);
            if left == 0 {
                self.packet += 1;
                self.block = 0;
                continue;
            }
            let run = pass.runs.get_mut(pass.run_count);
            let Some(run) = run.filter(|_| lane < LANES) else {
                break;
            };
            let end_lane = LANES.min(lane + left);
            // Block 0 is the one-time key's.
            lanes.assign(lane, packet.counter, self.block as u32 + 1);
            *run = Run {
                block: self.block as u32,
                packet: self.packet as u8,
                lane: lane as u8,
                end_lane: end_lane as u8,
            };
            pass.run_count += 1;
            self.block += end_lane - lane;
            lane = end_lane;
        }
        pass.lanes = lane;
        lane > 0
    }
}

/// Nothing is to be done for a packet that was refused.
#[inline]
fn blocks_of(packet: &Packet<'_>) -> usize {
    if packet.is_done {
        packet.text_len().div_ceil(BLOCK)
    } else {
        0
    }
}

impl Pass {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
    pub(super) fn generate(&self, words: &Words, lanes: &Lanes, keystream: &mut Keystream) {
        if self.lanes <= LANES / 2 {
            eight_blocks(words, lanes, keystream);
        } else {
            sixteen_blocks(words, lanes, keystream);
        }
    }

    /// The number behind the last packet of which something is in this pass.
    #[inline]
    pub(super) fn end_packet(&self) -> usize {
        let last = self.run_count.checked_sub(1);
        let run = last.and_then(|last| self.runs.get(last));
        run.map_or(0, |run| usize::from(run.packet) + 1)
    }

    /// Encrypts or decrypts the texts' blocks, but not those of packets refused since the pass was planned.
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
    pub(super) fn apply(&self, packets: &mut [Packet<'_>], keystream: &Keystream) {
        for run in self.runs.iter().take(self.run_count) {
            if let Some(packet) = packets.get_mut(usize::from(run.packet))
                && packet.is_done
                && let Some((text, _)) = packet.parts()
                && let Some(text) = text.get_mut(run.block as usize * BLOCK..)
                && let Some(keystream) = keystream
                    .as_flattened()
                    .get(usize::from(run.lane)..usize::from(run.end_lane))
            {
                mix(text, keystream);
            }
        }
    }
}

/// As far as the shorter of them reaches.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512ifma")]
fn mix(text: &mut [u8], keystream: &[Block]) {
    let (whole, rest) = text.as_chunks_mut::<BLOCK>();
    for (text, block) in whole.iter_mut().zip(keystream) {
        store(text, _mm512_xor_si512(load(text), load_block(block)));
    }
    if !rest.is_empty()
        && let Some(block) = keystream.get(whole.len())
    {
        let mixed = _mm512_xor_si512(load_behind(0, rest), load_block(block));
        store_front(rest, mixed);
    }
}
