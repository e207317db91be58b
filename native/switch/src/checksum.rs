//! The Internet checksum (RFC 1071), also over a pseudo-header.
use std::net::IpAddr;

/// A running one's-complement sum.
#[derive(Debug, Clone, Copy, Default)]
pub struct Checksum(u32);

impl Checksum {
    /// Every piece but the last one must have an even length.
    pub fn add_bytes(mut self, bytes: &[u8]) -> Self {
        let (pairs, rest) = bytes.as_chunks::<2>();
        for pair in pairs {
            self = self.add_word(u16::from_be_bytes(*pair));
        }
        match rest {
            [last] => self.add_word(u16::from_be_bytes([*last, 0])),
            _ => self,
        }
    }

    pub fn add_word(self, word: u16) -> Self {
        let sum = self.0 + u32::from(word);
        Self((sum & 0xffff) + (sum >> 16))
    }

    /// What TCP, UDP and ICMPv6 sum besides their own bytes.
    pub fn add_pseudo_header(self, from: IpAddr, to: IpAddr, protocol: u8, length: u16) -> Self {
        let sum = match (from, to) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                self.add_bytes(&from.octets()).add_bytes(&to.octets())
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                self.add_bytes(&from.octets()).add_bytes(&to.octets())
            }
            _ => self,
        };
        sum.add_word(u16::from(protocol)).add_word(length)
    }

    pub fn finish(self) -> u16 {
        let folded = (self.0 & 0xffff) + (self.0 >> 16);
        // Fits: the sum is folded after each word.
        !(folded as u16)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_1071_sums_to_its_complement() {
        let bytes = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];

        assert_eq!(Checksum::default().add_bytes(&bytes).finish(), !0xddf2);
    }

    #[test]
    fn an_odd_last_byte_counts_as_the_high_half_of_a_word() {
        let odd = Checksum::default().add_bytes(&[1, 2, 3]).finish();

        assert_eq!(odd, Checksum::default().add_bytes(&[1, 2, 3, 0]).finish());
    }
}
