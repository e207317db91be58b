//! What is looked at of a TCP segment outside of the TCP that sends or takes it.

use crate::compose::{FIN, SYN};

/// RFC 9293, 3.1; the packet around it is whole and has neither IP options nor extension headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment<'a> {
    /// Of the TCP header in the packet.
    pub(crate) start: usize,
    pub(crate) sequence: u32,
    pub(crate) acknowledgement: u32,
    pub(crate) flags: u8,
    pub(crate) window: u16,
    pub(crate) data_len: u32,
    options: &'a [u8],
}

impl<'a> Segment<'a> {
    pub(crate) fn of(packet: &'a [u8]) -> Option<Self> {
        let start = if packet.first()? >> 4 == 4 { 20 } else { 40 };
        let segment = packet.get(start..)?;
        let &[
            _,
            _,
            _,
            _,
            s0,
            s1,
            s2,
            s3,
            a0,
            a1,
            a2,
            a3,
            offset,
            flags,
            w0,
            w1,
            ..,
        ] = segment.first_chunk::<20>()?;
        let header_len = usize::from(offset >> 4) * 4;
        Some(Self {
            start,
            sequence: u32::from_be_bytes([s0, s1, s2, s3]),
            acknowledgement: u32::from_be_bytes([a0, a1, a2, a3]),
            flags,
            window: u16::from_be_bytes([w0, w1]),
            data_len: segment.len().checked_sub(header_len)? as u32,
            options: segment.get(20..header_len)?,
        })
    }

    /// The sequence number after it; SYN and FIN count as one each.
    pub(crate) fn end(&self) -> u32 {
        let marks = u32::from(self.flags & SYN != 0) + u32::from(self.flags & FIN != 0);
        self.sequence.wrapping_add(self.data_len + marks)
    }

    /// Selective acknowledgements, from and to (RFC 2018, 3): at most four.
    pub(crate) fn sack_blocks(&self) -> impl Iterator<Item = (u32, u32)> + use<'a> {
        let blocks = sack_option(self.options).unwrap_or_default();
        blocks.chunks_exact(8).filter_map(|block| {
            let &[a, b, c, d, e, f, g, h] = block.first_chunk()?;
            Some((
                u32::from_be_bytes([a, b, c, d]),
                u32::from_be_bytes([e, f, g, h]),
            ))
        })
    }
}

fn sack_option(mut options: &[u8]) -> Option<&[u8]> {
    loop {
        options = match *options {
            [1, ..] => options.get(1..)?,
            [5, len, ..] => return options.get(2..usize::from(len)),
            [2..=255, len, ..] if len >= 2 => options.get(usize::from(len)..)?,
            _ => return None,
        };
    }
}

/// Which of two sequence numbers comes first, around the wrap (RFC 9293, 3.4).
pub(crate) fn is_before(a: u32, b: u32) -> bool {
    (a.wrapping_sub(b) as i32) < 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selective_acknowledgements_are_found_among_other_options() {
        let mut packet = vec![0x45; 20];
        packet.extend([0; 12]);
        packet.extend([13 << 4, 16, 0, 9, 0, 0, 0, 0]);
        // Two of padding, a timestamp, two more, one block.
        packet.extend([1, 1, 8, 10, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 5, 10]);
        packet.extend([0, 0, 0, 7, 0, 0, 0, 9]);
        packet.extend([0; 8]);

        let segment = Segment::of(&packet).unwrap();

        assert_eq!(segment.sack_blocks().collect::<Vec<_>>(), [(7, 9)]);
        assert_eq!((segment.data_len, segment.window), (0, 9));
    }

    #[test]
    fn options_that_contradict_themselves_have_no_blocks() {
        for options in [
            &[5][..],
            &[5, 1, 0, 0],
            &[8, 0, 5, 10],
            &[0, 5, 10, 0],
            &[5, 200, 0, 0],
        ] {
            assert_eq!(sack_option(options).unwrap_or_default(), b"", "{options:?}");
        }
    }

    #[test]
    fn sequence_numbers_wrap() {
        assert!(is_before(u32::MAX, 3) && !is_before(3, u32::MAX) && !is_before(5, 5));
    }
}
