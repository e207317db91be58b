//! Flows by number and by key. A number is never given to a second flow in a way that an old event could be taken for a new
//! one: it carries the generation of its place.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FlowKey {
    pub(crate) protocol: u8,
    pub(crate) device: IpAddr,
    /// The identifier, where the flow is an echo.
    pub(crate) device_port: u16,
    pub(crate) target: IpAddr,
    pub(crate) target_port: u16,
}

impl FlowKey {
    pub(crate) fn target(&self) -> SocketAddr {
        SocketAddr::new(self.target, self.target_port)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Token {
    index: u32,
    generation: u32,
}

impl Token {
    pub(crate) fn to_u64(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }

    pub(crate) fn from_u64(value: u64) -> Self {
        Self {
            index: value as u32,
            generation: (value >> 32) as u32,
        }
    }
}

#[derive(Debug)]
pub(crate) struct FlowTable<F> {
    places: Vec<Place<F>>,
    free: Vec<u32>,
    by_key: HashMap<FlowKey, Token>,
}

#[derive(Debug)]
struct Place<F> {
    generation: u32,
    flow: Option<(FlowKey, F)>,
}

impl<F> FlowTable<F> {
    pub(crate) fn new() -> Self {
        Self {
            places: Vec::new(),
            free: Vec::new(),
            by_key: HashMap::new(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.by_key.len()
    }

    pub(crate) fn find(&self, key: &FlowKey) -> Option<Token> {
        self.by_key.get(key).copied()
    }

    pub(crate) fn get_mut(&mut self, token: Token) -> Option<(&FlowKey, &mut F)> {
        let place = self.places.get_mut(token.index as usize)?;
        if place.generation != token.generation {
            return None;
        }
        place.flow.as_mut().map(|(key, flow)| (&*key, flow))
    }

    /// The token that the next [`FlowTable::insert`] will give, so that a socket can be registered before.
    pub(crate) fn next_token(&mut self) -> Token {
        if self.free.is_empty() {
            self.free.push(self.places.len() as u32);
            self.places.push(Place {
                generation: 0,
                flow: None,
            });
        }
        let index = self.free.last().copied().unwrap_or_default();
        let generation = self
            .places
            .get(index as usize)
            .map_or(0, |place| place.generation);
        Token { index, generation }
    }

    pub(crate) fn insert(&mut self, key: FlowKey, flow: F) -> Token {
        let token = self.next_token();
        self.free.pop();
        if let Some(place) = self.places.get_mut(token.index as usize) {
            place.flow = Some((key, flow));
        }
        self.by_key.insert(key, token);
        token
    }

    pub(crate) fn remove(&mut self, token: Token) -> Option<(FlowKey, F)> {
        let place = self.places.get_mut(token.index as usize)?;
        if place.generation != token.generation {
            return None;
        }
        let (key, flow) = place.flow.take()?;
        place.generation = place.generation.wrapping_add(1);
        self.free.push(token.index);
        self.by_key.remove(&key);
        Some((key, flow))
    }

    pub(crate) fn tokens(&self) -> Vec<Token> {
        self.by_key.values().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_of_a_flow_that_is_gone_finds_nothing_even_when_its_place_is_taken_again() {
        let mut table = FlowTable::new();
        let old = table.insert(key(1), "old");
        table.remove(old);

        let new = table.insert(key(2), "new");

        assert!(table.get_mut(old).is_none() && table.remove(old).is_none());
        assert_eq!(table.get_mut(new).map(|(_, flow)| *flow), Some("new"));
        assert_eq!(
            (table.find(&key(1)), table.find(&key(2)), table.len()),
            (None, Some(new), 1)
        );
    }

    #[test]
    fn the_announced_token_is_the_one_that_insert_gives() {
        let mut table = FlowTable::new();
        let first = table.next_token();
        assert_eq!(table.insert(key(1), ()), first);
        let second = table.next_token();
        assert_eq!(table.insert(key(2), ()), second);
        table.remove(first);
        let third = table.next_token();

        assert_eq!(table.insert(key(3), ()), third);
        assert_eq!(Token::from_u64(third.to_u64()), third);
        assert_ne!(third, first);
    }

    fn key(port: u16) -> FlowKey {
        let device = "100.96.0.7".parse().unwrap();
        let target = "192.168.0.10".parse().unwrap();
        FlowKey {
            protocol: 6,
            device,
            device_port: port,
            target,
            target_port: 22,
        }
    }
}
