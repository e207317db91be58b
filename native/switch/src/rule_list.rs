//! The rules that name one subject, filed by network and address, so that a question is put to those alone which may cover it.
use std::collections::HashMap;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::policy::NetworkNumber;
use crate::ranges::RangeMap;
use crate::rule::NetworkSet;

/// A rule of more networks than this is filed under all of them, one of more places than that under every address: it is
/// asked more often than it had to be, and takes one place instead of thousands.
const NETWORKS: usize = 16;
const PLACES: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct RuleList {
    every_network: Shelf,
    by_network: HashMap<NetworkNumber, Shelf>,
}

/// Numbers of rules, ascending: their order is the order in which they decide.
#[derive(Debug, Default)]
struct Shelf {
    every_address: Vec<usize>,
    by_range: RangeMap<Vec<usize>>,
}

impl RuleList {
    /// `number` is larger than all before it. No ranges mean every address.
    pub(crate) fn add(&mut self, number: usize, networks: &NetworkSet, ranges: &[IpNet]) {
        match networks {
            NetworkSet::None => {}
            NetworkSet::Some(few) if few.len() <= NETWORKS => {
                let ranges = some_if(few.len() * ranges.len() <= PLACES, ranges);
                for network in few {
                    self.by_network
                        .entry(*network)
                        .or_default()
                        .add(number, ranges);
                }
            }
            NetworkSet::All | NetworkSet::Some(_) => {
                let ranges = some_if(ranges.len() <= PLACES, ranges);
                self.every_network.add(number, ranges);
            }
        }
    }

    /// The least number below `before` that `covers`. It is asked about rules of this network and address, and a few others.
    pub(crate) fn first(
        &self,
        network: NetworkNumber,
        address: IpAddr,
        before: usize,
        covers: impl Fn(usize) -> bool,
    ) -> Option<usize> {
        let shelves = [Some(&self.every_network), self.by_network.get(&network)];
        let numbers = shelves
            .into_iter()
            .flatten()
            .flat_map(|shelf| shelf.at(address));
        numbers.fold(None, |first, numbers| {
            let before = first.unwrap_or(before);
            let mut earlier = numbers.iter().copied().take_while(|each| *each < before);
            earlier.find(|each| covers(*each)).or(first)
        })
    }
}

fn some_if(are_few: bool, ranges: &[IpNet]) -> &[IpNet] {
    if are_few { ranges } else { &[] }
}

impl Shelf {
    fn add(&mut self, number: usize, ranges: &[IpNet]) {
        if ranges.is_empty() {
            self.every_address.push(number);
        }
        for range in ranges {
            self.by_range.entry(*range).push(number);
        }
    }

    fn at(&self, address: IpAddr) -> impl Iterator<Item = &Vec<usize>> {
        std::iter::once(&self.every_address).chain(self.by_range.covering(address))
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::net::Ipv4Addr;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn of_a_hundred_thousand_rules_only_those_for_this_address_are_asked() {
        let mut list = RuleList::default();
        for number in 0..100_000 {
            let range = IpNet::from(IpAddr::from(address(number)));
            list.add(number, &only(number % 7), &[range]);
        }
        let asked = Cell::new(0);

        let first = list.first(NetworkNumber(3), address(70_003).into(), usize::MAX, |_| {
            asked.set(asked.get() + 1);
            true
        });

        assert_eq!((first, asked.get()), (Some(70_003), 1));
    }

    #[test]
    fn a_rule_of_many_networks_and_ranges_takes_one_place() {
        let mut list = RuleList::default();
        let networks = NetworkSet::of((0..100).map(NetworkNumber).collect());
        let ranges: Vec<IpNet> = (0..100)
            .map(|at| IpAddr::from(address(at)).into())
            .collect();
        list.add(0, &networks, &ranges);

        assert_eq!(list.every_network.every_address, [0]);
        assert!(list.by_network.is_empty());
    }

    proptest! {
        #[test]
        fn the_first_is_the_one_that_going_through_all_finds(
            rules in prop::collection::vec(any_rule(), 0..60),
            network in 0..20_usize,
            at in 0..64_usize,
            before in 0..80_usize,
        ) {
            let mut list = RuleList::default();
            for (number, (networks, ranges)) in rules.iter().enumerate() {
                list.add(number, networks, ranges);
            }
            let (network, at) = (NetworkNumber(network as u32), IpAddr::from(address(at)));
            let covers = |number: usize| {
                let (networks, ranges) = &rules[number];
                let is_there = ranges.is_empty() || ranges.iter().any(|range| range.contains(&at));
                networks.contains(network) && is_there
            };

            let found = list.first(network, at, before, covers);

            let one_by_one = (0..rules.len().min(before)).find(|number| covers(*number));
            prop_assert_eq!(found, one_by_one);
        }
    }

    fn any_rule() -> impl Strategy<Value = (NetworkSet, Vec<IpNet>)> {
        let some = prop::collection::vec(0..20_usize, 0..20).prop_map(|some| {
            NetworkSet::of(some.iter().map(|n| NetworkNumber(*n as u32)).collect())
        });
        let networks = prop_oneof![Just(NetworkSet::All), some];
        let range = (0..64_usize, 26..=32_u8).prop_map(|(at, length)| {
            IpNet::new(address(at).into(), length).expect("a length of IPv4")
        });
        (networks, prop::collection::vec(range, 0..70))
    }

    fn only(network: usize) -> NetworkSet {
        NetworkSet::of(vec![NetworkNumber(network as u32)])
    }

    fn address(at: usize) -> Ipv4Addr {
        Ipv4Addr::from(0x0a00_0000 + at as u32)
    }
}
