//! Numbers for names. A name keeps its number for as long as it is remembered, and no number is ever given twice: what a flow
//! remembers of somebody can never mean somebody else.
use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

/// Names that are in no configuration any more and may come back soon: of a connector that is taken out and put in again
/// the flows go on. With keys of 32 bytes these take some 5 MB.
const MOST_REMEMBERED: usize = 65_536;

#[derive(Debug, Clone)]
pub struct Numbers<K> {
    known: HashMap<K, u32>,
    /// The last that was given. The first is 1.
    last: u32,
}

impl<K> Default for Numbers<K> {
    fn default() -> Self {
        Self {
            known: HashMap::new(),
            last: 0,
        }
    }
}

impl<K: Eq + Hash> Numbers<K> {
    /// `None`: four billion were given, and there is no other.
    pub fn number_of(&mut self, name: K) -> Option<u32> {
        let next = self.last.checked_add(1);
        if let Some(known) = self.known.get(&name) {
            return Some(*known);
        }
        self.last = next?;
        self.known.insert(name, self.last);
        next
    }

    pub fn known<Q: Eq + Hash + ?Sized>(&self, name: &Q) -> Option<u32>
    where
        K: Borrow<Q>,
    {
        self.known.get(name).copied()
    }

    /// Beside those in use only so many are remembered; who comes back after that gets a new number.
    pub fn bound(&mut self, in_use: usize, is_used: impl Fn(&K) -> bool) {
        if self.known.len() > in_use + MOST_REMEMBERED {
            self.known.retain(|name, _| is_used(name));
            self.known.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_number_and_nobody_else_gets_it_however_many_come_and_go() {
        let (mut numbers, mut given) = (Numbers::default(), std::collections::HashSet::new());
        assert_eq!(numbers.number_of(0), Some(1));
        for name in 1..500_000 {
            let number = numbers.number_of(name).unwrap();

            numbers.bound(2, |known| [0, name].contains(known));

            assert!(given.insert(number), "{number} is given twice");
            assert!(numbers.known.len() <= MOST_REMEMBERED + 2);
        }
        assert_eq!(numbers.known(&0), Some(1), "it was in use all the time");
        assert_eq!(numbers.known(&1), None);
        assert_eq!(numbers.number_of(1), Some(500_001));
    }

    #[test]
    fn who_is_away_for_a_while_finds_its_number_again() {
        let mut numbers = Numbers::default();
        let number = numbers.number_of("tokyo").unwrap();
        for other in ["osaka", "kyoto", "nara"] {
            numbers.number_of(other);
            numbers.bound(1, |known| *known == other);
        }

        assert_eq!(numbers.number_of("tokyo"), Some(number));
    }

    #[test]
    fn when_all_numbers_are_given_nobody_gets_anothers() {
        let mut numbers = Numbers {
            last: u32::MAX - 1,
            ..Numbers::default()
        };

        assert_eq!(numbers.number_of("last"), Some(u32::MAX));
        assert_eq!(numbers.number_of("too many"), None);
        assert_eq!(numbers.number_of("last"), Some(u32::MAX));
    }
}
