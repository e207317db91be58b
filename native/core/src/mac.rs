//! Keyed BLAKE2s (RFC 7693) with 16 bytes of output, for what floods make us compute: a key is prepared once, so that its
//! block is behind it. Every other use has the `blake2` crate, which hashes that block each time.

use zeroize::{Zeroize, ZeroizeOnDrop};

pub(crate) const MAC: usize = 16;

const BLOCK: usize = 64;
const START: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// A key whose block has been hashed.
#[derive(Zeroize, ZeroizeOnDrop)]
pub(crate) struct MacKey {
    state: [u32; 8],
}

impl MacKey {
    /// Of up to 32 bytes; WireGuard's have 16 (a cookie) or 32.
    pub(crate) fn new<const KEY: usize>(key: &[u8; KEY]) -> Self {
        const { assert!(KEY > 0 && KEY <= 32) };
        // RFC 7693, section 2.5: length of the output, length of the key, fan-out 1, depth 1.
        let parameters = 0x0101_0000 | (KEY as u32) << 8 | MAC as u32;
        let mut state = START;
        state[0] ^= parameters;
        let mut block = words(key);
        compress(&mut state, &block, BLOCK, false);
        block.zeroize();
        Self { state }
    }

    /// Of one byte at least: after nothing at all the key's own block would be the last.
    pub(crate) fn of(&self, message: &[u8]) -> [u8; MAC] {
        debug_assert!(!message.is_empty());
        let mut state = self.state;
        let mut hashed = BLOCK;
        let mut blocks = message.chunks(BLOCK).peekable();
        while let Some(block) = blocks.next() {
            hashed += block.len();
            compress(&mut state, &words(block), hashed, blocks.peek().is_none());
        }
        let mut mac = [0; MAC];
        let (places, _) = mac.as_chunks_mut::<4>();
        for (place, word) in places.iter_mut().zip(state) {
            *place = word.to_le_bytes();
        }
        mac
    }
}

/// What is short of a block ends with zeros.
fn words(part: &[u8]) -> [u32; 16] {
    let mut words = [0; 16];
    let (numbers, rest) = part.as_chunks::<4>();
    for (word, number) in words.iter_mut().zip(numbers) {
        *word = u32::from_le_bytes(*number);
    }
    if let Some(last) = words.get_mut(numbers.len()) {
        let bytes = rest.iter().rev();
        *last = bytes.fold(0, |word, byte| word << 8 | u32::from(*byte));
    }
    words
}

/// RFC 7693, section 3.1.
macro_rules! mix {
    ($v:ident, $a:literal, $b:literal, $c:literal, $d:literal, $x:expr, $y:expr) => {
        $v[$a] = $v[$a].wrapping_add($v[$b]).wrapping_add($x);
        $v[$d] = ($v[$d] ^ $v[$a]).rotate_right(16);
        $v[$c] = $v[$c].wrapping_add($v[$d]);
        $v[$b] = ($v[$b] ^ $v[$c]).rotate_right(12);
        $v[$a] = $v[$a].wrapping_add($v[$b]).wrapping_add($y);
        $v[$d] = ($v[$d] ^ $v[$a]).rotate_right(8);
        $v[$c] = $v[$c].wrapping_add($v[$d]);
        $v[$b] = ($v[$b] ^ $v[$c]).rotate_right(7);
    };
}

/// With the message's words in this order.
macro_rules! round {
    ($v:ident, $m:ident, $a:literal $b:literal $c:literal $d:literal $e:literal $f:literal $g:literal $h:literal
        $i:literal $j:literal $k:literal $l:literal $n:literal $o:literal $p:literal $q:literal) => {
        mix!($v, 0, 4, 8, 12, $m[$a], $m[$b]);
        mix!($v, 1, 5, 9, 13, $m[$c], $m[$d]);
        mix!($v, 2, 6, 10, 14, $m[$e], $m[$f]);
        mix!($v, 3, 7, 11, 15, $m[$g], $m[$h]);
        mix!($v, 0, 5, 10, 15, $m[$i], $m[$j]);
        mix!($v, 1, 6, 11, 12, $m[$k], $m[$l]);
        mix!($v, 2, 7, 8, 13, $m[$n], $m[$o]);
        mix!($v, 3, 4, 9, 14, $m[$p], $m[$q]);
    };
}

/// RFC 7693, section 3.2. `hashed` counts the bytes up to the end of this block, which are few.
fn compress(state: &mut [u32; 8], m: &[u32; 16], hashed: usize, is_last: bool) {
    let mut v = [0; 16];
    for (place, word) in v.iter_mut().zip(state.iter().chain(&START)) {
        *place = *word;
    }
    v[12] ^= hashed as u32;
    if is_last {
        v[14] = !v[14];
    }
    round!(v, m, 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    round!(v, m, 14 10 4 8 9 15 13 6 1 12 0 2 11 7 5 3);
    round!(v, m, 11 8 12 0 5 2 15 13 10 14 3 6 7 1 9 4);
    round!(v, m, 7 9 3 1 13 12 11 14 2 6 5 10 4 0 15 8);
    round!(v, m, 9 0 5 7 2 4 10 15 14 1 11 12 6 8 3 13);
    round!(v, m, 2 12 6 10 0 11 8 3 4 13 7 5 15 14 1 9);
    round!(v, m, 12 5 1 15 14 13 4 10 0 7 6 3 9 2 8 11);
    round!(v, m, 13 11 7 14 12 1 3 9 5 0 15 4 8 6 2 10);
    round!(v, m, 6 15 14 9 11 3 0 8 12 2 13 7 1 4 10 5);
    round!(v, m, 10 2 8 4 7 6 1 5 15 11 9 14 3 12 13 0);
    let (low, high) = v.split_at(8);
    for ((word, low), high) in state.iter_mut().zip(low).zip(high) {
        *word ^= low ^ high;
    }
}

#[cfg(test)]
mod tests {
    use std::array;

    use blake2::Blake2sMac;
    use blake2::digest::consts::U16;
    use blake2::digest::{FixedOutput, KeyInit, Update};
    use proptest::prelude::*;

    use super::*;

    /// `hashlib.blake2s(bytes(range(n)), key=bytes(range(32)), digest_size=16)` in Python.
    #[test]
    fn line_1_macs_are_what_another_blake2s_says() {
        let key: [u8; 32] = array::from_fn(|place| place as u8);
        let message: [u8; 129] = array::from_fn(|place| place as u8);
        for (length, expected) in VECTORS {
            let mac = MacKey::new(&key).of(&message[..length]);

            assert_eq!(hex(&mac), expected, "of {length} bytes");
        }
    }

    proptest! {
        #[test]
        fn they_are_what_another_crate_says(
            key in any::<[u8; 32]>(),
            message in prop::collection::vec(any::<u8>(), 1..300),
        ) {
            let cookie: [u8; 16] = *key.first_chunk().unwrap();

            prop_assert_eq!(MacKey::new(&key).of(&message), other(&key, &message));
            prop_assert_eq!(MacKey::new(&cookie).of(&message), other(&cookie, &message));
        }
    }

    fn other(key: &[u8], message: &[u8]) -> [u8; MAC] {
        let mut state = <Blake2sMac<U16> as KeyInit>::new_from_slice(key).unwrap();
        state.update(message);
        state.finalize_fixed().into()
    }

    fn hex(bytes: &[u8]) -> String {
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    const VECTORS: [(usize, &str); 6] = [
        (1, "13bacfb85b48a1223c595f8c1e7e82cb"),
        (18, "13408f1647c02f6efd0047ad8344f695"),
        (64, "f1efa90d2547036841ecd3627fafbc36"),
        (65, "811ff8686d23a435ecbd0bdafcd27b1b"),
        (116, "072e94ffbfc684bd8ab2a1b9dade2fd5"),
        (129, "5c363ae42a5bec26fbc5e996428d9bd7"),
    ];
}
