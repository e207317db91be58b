//! Fragments, as the device's kernel makes and takes them.

use super::packets::{fix_header_sum, open, packet};
use super::{DEVICE, DEVICE_V6, SERVER, SERVER_V6, ip};

/// What the device's kernel makes of a datagram in fragments; it also checks the sum over the whole.
pub fn reassemble(fragments: &[Vec<u8>]) -> Vec<u8> {
    let v4 = fragments[0][0] >> 4 == 4;
    let mut whole = Vec::new();
    for (index, fragment) in fragments.iter().enumerate() {
        let (offset, more, data) = if v4 {
            let field = u16::from_be_bytes([fragment[6], fragment[7]]);
            (
                usize::from(field & 0x1fff) * 8,
                field & 0x2000 != 0,
                &fragment[20..],
            )
        } else {
            let field = u16::from_be_bytes([fragment[42], fragment[43]]);
            (usize::from(field & !7), field & 1 != 0, &fragment[48..])
        };
        assert_eq!((offset, more), (whole.len(), index + 1 < fragments.len()));
        whole.extend_from_slice(data);
    }
    let from = if v4 { SERVER } else { SERVER_V6 };
    let to = if v4 { ip(DEVICE) } else { ip(DEVICE_V6) };
    let mut unfragmented = packet(from, 17, 64, whole.clone(), None);
    // The builder writes packets of the device; here the two ends are the other way round, which sums up the same.
    assert_eq!(to.is_ipv4(), v4);
    if v4 {
        fix_header_sum(&mut unfragmented);
    }
    open(&unfragmented);
    whole
}

/// A packet that was whole, cut into fragments of `step` bytes.
pub fn cut(packet: &[u8], step: usize) -> Vec<Vec<u8>> {
    let head = if packet[0] >> 4 == 4 { 20 } else { 40 };
    let count = packet[head..].chunks(step).len();
    let pieces = packet[head..].chunks(step).enumerate();
    pieces
        .map(|(number, data)| piece(&packet[..head], number * step, number + 1 < count, data))
        .collect()
}

fn piece(header: &[u8], offset: usize, more: bool, data: &[u8]) -> Vec<u8> {
    let mut piece = header.to_vec();
    if header.len() == 20 {
        let field = (offset / 8) as u16 | if more { 0x2000 } else { 0 };
        piece[2..4].copy_from_slice(&(20 + data.len() as u16).to_be_bytes());
        piece[6..8].copy_from_slice(&field.to_be_bytes());
        fix_header_sum(&mut piece);
    } else {
        let protocol = std::mem::replace(&mut piece[6], 44);
        piece[4..6].copy_from_slice(&(8 + data.len() as u16).to_be_bytes());
        piece.extend([protocol, 0]);
        piece.extend((offset as u16 | u16::from(more)).to_be_bytes());
        piece.extend([0, 0, 0, 9]);
    }
    piece.extend(data);
    piece
}
