//! The identification of packets that are cut on their way: two of one target may not have the same one at a time. A counter is
//! enough, one host sees them in order; shards count in steps, each through numbers of its own
//! (of IPv4's 65,536 then only a part, so these come again sooner, RFC 4963).

#[derive(Debug)]
pub(crate) struct Identification {
    next: u32,
    step: u32,
}

impl Identification {
    /// For one of so many shards. A power of two divides the numbers of IPv4, which has only 65,536, without a rest.
    pub(crate) fn of_shard(number: usize, of: usize) -> Self {
        Self {
            next: number as u32,
            step: of.next_power_of_two() as u32,
        }
    }

    pub(crate) fn next(&mut self) -> u32 {
        self.next = self.next.wrapping_add(self.step);
        self.next
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_shard_ever_uses_a_number_of_another_also_not_after_the_last_of_ipv4() {
        for shards in 1..=4 {
            let mut used: HashSet<u16> = HashSet::new();
            for number in 0..shards {
                let mut identification = Identification::of_shard(number, shards);
                let own: HashSet<u16> =
                    (0..200_000).map(|_| identification.next() as u16).collect();

                assert!(own.len() >= 65_536 / 4 && used.is_disjoint(&own));
                used.extend(own);
            }
        }
    }
}
