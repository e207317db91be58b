//! Which counters have been seen: a sliding window as a ring of bits (RFC 6479).

const WORD_BITS: u64 = 64;
const WORDS: u64 = 128;
/// One word is always being refilled, so that many counters behind the newest are told apart.
pub(crate) const WINDOW: u64 = (WORDS - 1) * WORD_BITS;

#[derive(Debug)]
pub(crate) struct ReplayWindow {
    newest: u64,
    seen: [u64; WORDS as usize],
}

impl Default for ReplayWindow {
    fn default() -> Self {
        Self {
            newest: 0,
            seen: [0; WORDS as usize],
        }
    }
}

impl ReplayWindow {
    /// True when `counter` is new, and from then on not any more. Only for authenticated counters:
    /// a forged one would push the window past everything that is on its way.
    pub(crate) fn accept(&mut self, counter: u64) -> bool {
        if counter > self.newest {
            self.advance(counter);
        } else if self.newest - counter > WINDOW {
            return false;
        }
        let bit = 1 << (counter % WORD_BITS);
        let Some(word) = self.seen.get_mut(place(counter / WORD_BITS)) else {
            return false;
        };
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    fn advance(&mut self, counter: u64) {
        let from = self.newest / WORD_BITS;
        let steps = (counter / WORD_BITS - from).min(WORDS);
        for step in 1..=steps {
            if let Some(word) = self.seen.get_mut(place(from + step)) {
                *word = 0;
            }
        }
        self.newest = counter;
    }
}

fn place(word: u64) -> usize {
    (word % WORDS) as usize
}
