//! WireGuard keys as people and files have them: 32 bytes in standard base64, which always are 44 characters.

use culvert_core::PrivateKey;
use serde_json::value::RawValue;
use zeroize::{Zeroize, Zeroizing};

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const TEXT_LEN: usize = 44;

pub(crate) fn encode(key: &[u8; 32]) -> String {
    let mut text = String::with_capacity(TEXT_LEN);
    for chunk in key.chunks(3) {
        let bits = (0..3).fold(0_u32, |bits, at| {
            bits << 8 | u32::from(chunk.get(at).copied().unwrap_or(0))
        });
        for place in 0..4 {
            let digit = ALPHABET.get((bits >> (18 - 6 * place)) as usize & 63);
            let is_padding = place > chunk.len();
            text.push(
                digit
                    .filter(|_| !is_padding)
                    .map_or('=', |digit| char::from(*digit)),
            );
        }
    }
    text
}

/// Only the one canonical spelling: a key with two names could be enrolled twice.
pub(crate) fn decode(text: &str) -> Option<[u8; 32]> {
    let digits = text.strip_suffix('=').filter(|_| text.len() == TEXT_LEN)?;
    let mut key = [0; 32];
    let mut places = key.iter_mut();
    for chunk in digits.as_bytes().chunks(4) {
        let bits = chunk.iter().try_fold(0_u32, |bits, digit| {
            let value = ALPHABET.iter().position(|candidate| candidate == digit)?;
            Some(bits << 6 | u32::try_from(value).ok()?)
        })?;
        // Three digits are 18 bits: two bytes, and two bits that have to be zero.
        let (bits, count) = if chunk.len() == 4 {
            (bits, 3)
        } else {
            (bits << 6, 2)
        };
        let [_, bytes @ ..] = bits.to_be_bytes();
        if count == 2 && bytes.last() != Some(&0) {
            return None;
        }
        for byte in bytes.iter().take(count) {
            *places.next()? = *byte;
        }
    }
    places.next().is_none().then_some(key)
}

/// A private key as JSON has it. Read from the line itself, which is wiped: a string of its own would be left behind where the
/// configuration around it is refused, and a slash that is written as `\/` in the reader's memory, too.
pub(crate) fn decode_private(json: &RawValue) -> Option<PrivateKey> {
    let quoted = json.get().strip_prefix('"')?.strip_suffix('"')?;
    let mut text = Zeroizing::new(String::with_capacity(quoted.len()));
    for (place, part) in quoted.split("\\/").enumerate() {
        text.push_str(if place == 0 { "" } else { "/" });
        text.push_str(part);
    }
    let mut key = decode(&text)?;
    let private_key = PrivateKey::from_bytes(key);
    key.zeroize();
    Some(private_key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_key_in_json_may_have_its_slashes_escaped_and_nothing_else() {
        let key = [0xff; 32];
        let json = |text: String| decode_private(&RawValue::from_string(text).unwrap());
        let text = encode(&key);
        let plain = json(format!("\"{text}\"")).unwrap();
        let escaped = json(format!("\"{}\"", text.replace('/', "\\/"))).unwrap();

        let meant = PrivateKey::from_bytes(key);
        assert_eq!(plain.as_bytes(), meant.as_bytes());
        assert_eq!(escaped.as_bytes(), meant.as_bytes());
        for other in [
            "7",
            "null",
            "\"\"",
            "\"////\"",
            &format!("\"\\n{}\"", text.replacen('/', "", 1)),
        ] {
            assert!(json(other.to_owned()).is_none(), "{other}");
        }
    }

    #[test]
    fn a_key_reads_as_wg_prints_it() {
        let key = decode("xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=").unwrap();

        assert_eq!(key[..4], [0xc5, 0x32, 0x01, 0x03]);
        assert_eq!(encode(&key), "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=");
    }

    #[test]
    fn another_spelling_is_no_key() {
        for text in [
            "",
            "=",
            "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg",
            "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dh=",
            "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8D==",
            "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=\n",
            " TIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8Dg=",
            "xTIBA5rboUvnH4htodjb6e697QjLERt1NAB4mZqp8D-=",
        ] {
            assert_eq!(decode(text), None, "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn every_key_survives_the_way_there_and_back(key: [u8; 32]) {
            proptest::prop_assert_eq!(decode(&encode(&key)), Some(key));
        }
    }
}
