//! The internet checksum, and the pseudo header that UDP, TCP and ICMPv6 put under theirs.

use std::net::IpAddr;

/// The complement of the one's complement sum; zero over data that carries its own correct checksum.
pub(crate) fn internet_checksum(data: &[u8], start: u64) -> u16 {
    let mut sum = start;
    let (words, rest) = data.as_chunks::<4>();
    // Four bytes at a time in a wide accumulator: 2^32 words would have to pass before it could overflow.
    for word in words {
        sum += u64::from(u32::from_be_bytes(*word));
    }
    sum += match *rest {
        [a] => u64::from(a) << 24,
        [a, b] => u64::from(a) << 24 | u64::from(b) << 16,
        [a, b, c] => u64::from(a) << 24 | u64::from(b) << 16 | u64::from(c) << 8,
        _ => 0,
    };
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

pub(crate) fn pseudo_header(source: IpAddr, destination: IpAddr, protocol: u8, len: usize) -> u64 {
    address_sum(source) + address_sum(destination) + u64::from(protocol) + len as u64
}

fn address_sum(address: IpAddr) -> u64 {
    match address {
        IpAddr::V4(v4) => u64::from(u32::from(v4)),
        IpAddr::V6(v6) => v6
            .segments()
            .iter()
            .map(|segment| u64::from(*segment))
            .sum(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_example_of_rfc_1071_sums_up_to_the_documented_value() {
        let data = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];

        assert_eq!(internet_checksum(&data, 0), !0xddf2);
    }

    proptest! {
        #[test]
        fn it_equals_the_sum_taken_sixteen_bits_at_a_time(data in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut sum: u32 = 0;
            for pair in data.chunks(2) {
                sum += u32::from(u16::from_be_bytes([pair[0], *pair.get(1).unwrap_or(&0)]));
                sum = (sum & 0xffff) + (sum >> 16);
            }
            prop_assert_eq!(internet_checksum(&data, 0), !(sum as u16));
        }
    }
}
