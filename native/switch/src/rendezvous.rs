//! Rendezvous hashing: each connector draws a weight for a flow, the heaviest carries it. One that comes or goes
//! moves only its own share of the flows, and nobody has to remember who had what.
use std::net::IpAddr;

use crate::tuple::Tuple;

/// A connector's part of every weight that it draws (FNV-1a).
pub(crate) fn weight_seed(connector_id: &str) -> u64 {
    connector_id
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
}

/// A flow's part, equal on every gateway.
pub(crate) fn flow_seed(tuple: Tuple) -> u64 {
    let ports = u64::from(tuple.source_port) << 16 | u64::from(tuple.destination_port);
    let [source_high, source_low] = words(tuple.source);
    let [destination_high, destination_low] = words(tuple.destination);
    [
        source_high,
        source_low,
        destination_high,
        destination_low,
        ports,
        tuple.protocol as u64,
    ]
    .into_iter()
    .fold(0, |hash, word| mix(hash ^ word))
}

pub(crate) fn weight(flow_seed: u64, connector_seed: u64) -> u64 {
    mix(flow_seed ^ mix(connector_seed))
}

/// The finaliser of SplitMix64: every bit of the input moves every bit of the output.
fn mix(word: u64) -> u64 {
    let word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

fn words(address: IpAddr) -> [u64; 2] {
    match address {
        IpAddr::V4(address) => [4, u64::from(address.to_bits())],
        IpAddr::V6(address) => {
            let bits = address.to_bits();
            [(bits >> 64) as u64, bits as u64]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tuple::Protocol;

    #[test]
    fn removing_one_of_four_connectors_moves_only_its_own_flows() {
        let seeds = ["a", "b", "c", "d"].map(weight_seed);
        let pick = |flow: u64, among: &[u64]| {
            among
                .iter()
                .copied()
                .max_by_key(|connector| weight(flow, *connector))
                .unwrap()
        };

        let flows: Vec<u64> = (1..=4000).map(|port| flow_seed(tuple(port))).collect();

        for flow in &flows {
            let before = pick(*flow, &seeds);
            assert!(before == seeds[3] || pick(*flow, &seeds[..3]) == before);
        }
        let share = flows
            .iter()
            .filter(|flow| pick(**flow, &seeds) == seeds[3])
            .count();
        assert!(
            (850..1150).contains(&share),
            "a quarter of 4000 flows, not {share}"
        );
    }

    fn tuple(source_port: u16) -> Tuple {
        Tuple {
            protocol: Protocol::Tcp,
            source: "100.96.0.7".parse().unwrap(),
            destination: "192.168.0.10".parse().unwrap(),
            source_port,
            destination_port: 22,
        }
    }
}
