//! Datagrams and pings in pieces: as a kernel cuts them, in any order, some twice, some not at all, some edited; and whether pieces that come out are as their shard makes them.

use crate::decoder::Decoder;
use crate::packets;

/// Of a datagram before it is cut.
const LARGEST: usize = 8192;
const SERVER: [u8; 4] = [10, 9, 0, 10];
const MORE: u16 = 0x2000;
const FRAGMENT: u8 = 44;

pub(crate) fn any(decoder: &mut Decoder) -> Vec<Vec<u8>> {
    let whole = datagram(decoder);
    let step = 8 * (1 + usize::from(decoder.number()) % 170);
    // No more than a datagram may have gaps, and some more.
    let step = step.max(whole.len() / 40 / 8 * 8);
    let mut pieces = cut(&whole, step, decoder.byte() % 4);
    for _ in 0..decoder.choice(4) {
        meddle(&mut pieces, decoder);
    }
    pieces
}

/// To the server that sends back what it is sent.
fn datagram(decoder: &mut Decoder) -> Vec<u8> {
    let bytes = usize::from(decoder.number()) % (LARGEST - 48);
    let mut packet = packets::udp(decoder, bytes);
    let at = packets::transport_at(&packet);
    let (from, to) = if at == 20 { (12, 16) } else { (20, 36) };
    packet[from..from + 4].copy_from_slice(&[100, 96, 0, 7 + decoder.byte() % 2]);
    packet[to..to + 4].copy_from_slice(&SERVER);
    packet[at..at + 2].copy_from_slice(&(1000 + u16::from(decoder.byte() % 24)).to_be_bytes());
    packet[at + 2..at + 4].copy_from_slice(&7000_u16.to_be_bytes());
    packets::sound(packet)
}

fn meddle(pieces: &mut Vec<Vec<u8>>, decoder: &mut Decoder) {
    let [one, other] = [(); 2].map(|()| decoder.choice(pieces.len()));
    match decoder.choice(4) {
        0 => pieces.swap(one, other),
        1 => pieces.push(pieces[one].clone()),
        2 if pieces.len() > 1 => drop(pieces.remove(one)),
        _ => pieces[one] = packets::edited(&pieces[one], decoder),
    }
}

fn cut(packet: &[u8], step: usize, identification: u8) -> Vec<Vec<u8>> {
    let head = packets::transport_at(packet);
    let count = packet[head..].chunks(step).len();
    let pieces = packet[head..].chunks(step).enumerate();
    pieces
        .map(|(number, data)| {
            let offset = u16::try_from(number * step / 8).unwrap();
            let has_more = number + 1 < count;
            let header = &packet[..head];
            if head == 20 {
                piece_v4(header, offset, has_more, identification, data)
            } else {
                piece_v6(header, offset, has_more, identification, data)
            }
        })
        .collect()
}

fn piece_v4(
    header: &[u8],
    offset: u16,
    has_more: bool,
    identification: u8,
    data: &[u8],
) -> Vec<u8> {
    let mut piece = header.to_vec();
    piece[4..6].copy_from_slice(&[0, identification]);
    let field = offset | if has_more { MORE } else { 0 };
    piece[6..8].copy_from_slice(&field.to_be_bytes());
    piece.extend(data);
    packets::make_header_sound(&mut piece);
    piece
}

/// RFC 8200, 4.5.
fn piece_v6(
    header: &[u8],
    offset: u16,
    has_more: bool,
    identification: u8,
    data: &[u8],
) -> Vec<u8> {
    let mut piece = header.to_vec();
    let protocol = std::mem::replace(&mut piece[6], FRAGMENT);
    let field = (offset * 8) | u16::from(has_more);
    piece.extend([protocol, 0]);
    piece.extend(field.to_be_bytes());
    piece.extend([0, 0, 0, identification]);
    piece.extend(data);
    packets::make_header_sound(&mut piece);
    piece
}

/// Two datagrams to one device that have the same number are one to it: each shard has numbers of its own. None: of any.
pub(crate) fn assert_numbered_by_its_shard(packet: &[u8], shard: Option<usize>, shards: usize) {
    if let (Some(shard), Some(identification)) = (shard, identification_of_piece(packet)) {
        let whose = identification as usize % shards.next_power_of_two();
        assert_eq!(whose, shard, "piece {identification:#x} of {shards} shards");
    }
}

fn identification_of_piece(packet: &[u8]) -> Option<u32> {
    if packet[0] >> 4 == 6 {
        let at = packets::transport_at(packet) + 4;
        return (packet[6] == FRAGMENT)
            .then(|| u32::from_be_bytes(packet[at..at + 4].try_into().unwrap()));
    }
    let field = u16::from_be_bytes([packet[6], packet[7]]);
    let is_piece = field & 0x3fff != 0;
    is_piece.then(|| u32::from(u16::from_be_bytes([packet[4], packet[5]])))
}
