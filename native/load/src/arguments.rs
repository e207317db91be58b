use std::net::SocketAddr;

use culvert_core::PublicKey;

pub(crate) type Failure = Box<dyn std::error::Error>;

/// Positional arguments, each asked for by the name that the usage gives it.
pub(crate) struct Arguments {
    words: Box<dyn Iterator<Item = String>>,
}

impl Arguments {
    pub(crate) fn new(words: impl Iterator<Item = String> + 'static) -> Arguments {
        Arguments {
            words: Box::new(words),
        }
    }

    pub(crate) fn word(&mut self, name: &str) -> Result<String, Failure> {
        Ok(self.words.next().ok_or(format!("{name} is missing"))?)
    }

    pub(crate) fn number(&mut self, name: &str) -> Result<u32, Failure> {
        let word = self.word(name)?;
        let number = word.parse();
        Ok(number.map_err(|_| format!("{name} is {word:?}, which is no number"))?)
    }

    pub(crate) fn address(&mut self, name: &str) -> Result<SocketAddr, Failure> {
        let word = self.word(name)?;
        let address = word.parse();
        Ok(address.map_err(|_| format!("{name} is {word:?}; ADDRESS:PORT is wanted"))?)
    }

    pub(crate) fn key(&mut self, name: &str) -> Result<PublicKey, Failure> {
        let word = self.word(name)?;
        let key = read_key(&word);
        Ok(key.ok_or(format!("{name} is {word:?}; 64 hex digits are wanted"))?)
    }
}

fn read_key(hex: &str) -> Option<PublicKey> {
    let pairs = (0..hex.len()).step_by(2);
    let bytes: Option<Vec<u8>> = pairs
        .map(|at| u8::from_str_radix(hex.get(at..at + 2)?, 16).ok())
        .collect();
    Some(PublicKey(bytes?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(words: &[&str]) -> Arguments {
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        Arguments::new(words.into_iter())
    }

    #[test]
    fn arguments_are_read_in_their_order() {
        let key = "01".repeat(32);
        let mut arguments = of(&["192.0.2.1:51820", &key, "16"]);
        assert_eq!(
            arguments.address("TO").ok(),
            Some(([192, 0, 2, 1], 51_820).into())
        );
        assert_eq!(arguments.key("KEY").ok(), Some(PublicKey([1; 32])));
        assert_eq!(arguments.number("COUNT").ok(), Some(16));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        let fault = |result: Result<u32, Failure>| result.err().map(|cause| cause.to_string());
        assert_eq!(
            fault(of(&[]).number("COUNT")).as_deref(),
            Some("COUNT is missing")
        );
        assert_eq!(
            fault(of(&["many"]).number("COUNT")).as_deref(),
            Some("COUNT is \"many\", which is no number")
        );
        for short in ["", "0", "01", "zz"] {
            assert!(of(&[short]).key("KEY").is_err(), "{short:?}");
        }
    }
}
