//! Bytes from 0x80 on stand for words of a grammar, so that a fuzzer finds whole lines and a committed input can be read.

/// The byte that follows is meant as it is.
const LITERAL: u8 = 0xff;
/// What comes before it is sent before what comes after it.
const BREAK: u8 = 0xfe;

/// The text, in the pieces in which it is to be sent.
pub(crate) fn pieces(data: &[u8], words: &[&str]) -> Vec<Vec<u8>> {
    let mut pieces = vec![Vec::new()];
    let mut bytes = data.iter();
    while let Some(byte) = bytes.next() {
        if *byte == BREAK {
            pieces.push(Vec::new());
            continue;
        }
        let piece = pieces.last_mut().unwrap();
        match byte {
            0..0x80 => piece.push(*byte),
            &LITERAL => piece.extend(bytes.next()),
            byte => {
                let word = words
                    .get(usize::from(byte - 0x80))
                    .copied()
                    .unwrap_or("\u{e9}");
                piece.extend(word.as_bytes());
            }
        }
    }
    pieces
}
