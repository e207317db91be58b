//! The packets that devices send: IPv4 and UDP, 1300 bytes, headers as a host writes them.

use std::net::Ipv4Addr;

pub(crate) const BYTES: usize = 1300;
const HEADER: usize = 20;
const UDP: u8 = 17;

/// Which conversation a packet belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flow {
    pub(crate) source: Ipv4Addr,
    pub(crate) destination: Ipv4Addr,
    pub(crate) source_port: u16,
}

impl Flow {
    /// `place` must hold [`BYTES`]; what is behind the headers stays as it is.
    pub(crate) fn write(&self, place: &mut [u8]) {
        let mut header = [0; HEADER + 8];
        let mut at = 0;
        let mut put = |bytes: &[u8]| {
            for (place, byte) in header.iter_mut().skip(at).zip(bytes) {
                *place = *byte;
            }
            at += bytes.len();
        };
        put(&[0x45, 0]);
        put(&(BYTES as u16).to_be_bytes());
        put(&[0, 0, 0x40, 0, 64, UDP, 0, 0]);
        put(&self.source.octets());
        put(&self.destination.octets());
        put(&self.source_port.to_be_bytes());
        put(&[0x10, 0]);
        put(&((BYTES - HEADER) as u16).to_be_bytes());
        let sum = checksum(header.get(..HEADER).unwrap_or_default()).to_be_bytes();
        for (place, byte) in header.iter_mut().skip(10).zip(sum) {
            *place = byte;
        }
        for (place, byte) in place.iter_mut().zip(header) {
            *place = byte;
        }
    }
}

/// RFC 1071.
fn checksum(bytes: &[u8]) -> u16 {
    let sum: u32 = bytes
        .chunks(2)
        .map(|pair| {
            let [high, low] = [pair.first(), pair.get(1)].map(|byte| byte.copied().unwrap_or(0));
            u32::from(u16::from_be_bytes([high, low]))
        })
        .sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    !((folded & 0xffff) + (folded >> 16)) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_one_that_a_host_would_take() {
        let flow = Flow {
            source: [100, 96, 1, 1].into(),
            destination: [10, 0, 0, 1].into(),
            source_port: 10_007,
        };
        let mut packet = [7; BYTES];
        flow.write(&mut packet);
        assert_eq!(&packet[..2], &[0x45, 0]);
        assert_eq!(u16::from_be_bytes([packet[2], packet[3]]), 1300);
        assert_eq!(
            checksum(&packet[..HEADER]),
            0,
            "a right header sums to nothing"
        );
        assert_eq!(&packet[12..16], &[100, 96, 1, 1]);
        assert_eq!(&packet[16..20], &[10, 0, 0, 1]);
        assert_eq!(u16::from_be_bytes([packet[20], packet[21]]), 10_007);
        assert_eq!(u16::from_be_bytes([packet[24], packet[25]]), 1280);
        assert_eq!(packet[HEADER + 8], 7, "the payload stays");
    }
}
