//! Authentic datagrams around arbitrary inner packets, against a reading of headers and allowed-ips that is too simple
//! to be wrong.

use std::net::IpAddr;

use culvert_core::{DropReason, Outbox, PeerUpdate, PrivateKey, Received};
use ipnet::IpNet;

use crate::decoder::Decoder;
use crate::tunnels::{LEFT, MTU, RIGHT, Tunnels, home};

const MOST_STEPS: usize = 64;
const MINE: [&str; 5] = [
    "10.0.0.1/32",
    "10.1.0.0/16",
    "fd00::1/128",
    "fd01::/16",
    "0.0.0.0/1",
];
/// Inside of mine, and another peer's.
const ANOTHERS: [&str; 3] = ["10.1.2.0/24", "fd01:2::/32", "10.1.3.4/32"];
const ADDRESSES: [&str; 12] = [
    "10.0.0.1",
    "10.0.0.2",
    "10.1.1.1",
    "10.1.2.3",
    "10.1.3.4",
    "127.0.0.1",
    "128.0.0.1",
    "255.255.255.255",
    "fd00::1",
    "fd01:1::1",
    "fd01:2::1",
    "::ffff:10.0.0.1",
];

pub(crate) fn run(data: &[u8]) {
    let mut decoder = Decoder::new(data);
    let tunnels = Tunnels::connected();
    let nets = |texts: &[&str]| texts.iter().map(|text| text.parse().unwrap()).collect();
    let (mine, anothers): (Vec<IpNet>, Vec<IpNet>) = (nets(&MINE), nets(&ANOTHERS));
    let right = &tunnels.hosts[RIGHT];
    right.update_peer(
        tunnels.now,
        PeerUpdate {
            allowed_ips: mine.clone(),
            ..PeerUpdate::new(tunnels.hosts[LEFT].public_key().unwrap())
        },
    );
    right.update_peer(
        tunnels.now,
        PeerUpdate {
            allowed_ips: anothers.clone(),
            ..PeerUpdate::new(PrivateKey::from_bytes([9; 32]).public_key())
        },
    );
    for _ in 0..MOST_STEPS {
        if decoder.is_empty() {
            break;
        }
        let packet = packet(&mut decoder);
        let expected = expected(&packet, &mine, &anothers);
        assert_eq!(through(&tunnels, &packet), expected, "{packet:02x?}");
    }
}

/// What comes out at the other end: a packet, nothing to deliver, or a reason.
fn through(tunnels: &Tunnels, packet: &[u8]) -> Result<Vec<u8>, Option<DropReason>> {
    let (datagram, _) = tunnels.seal_raw(LEFT, packet);
    let mut datagram = datagram.expect("a live session seals whatever it is given");
    let mut outbox = Outbox::new();
    let received =
        tunnels.hosts[RIGHT].receive(tunnels.now, home(LEFT), &mut datagram, &mut outbox);
    match received {
        Received::Packet { inner, .. } => Ok(datagram[inner].to_vec()),
        Received::Handled => Err(None),
        Received::Dropped(reason) => Err(Some(reason)),
    }
}

fn expected(
    packet: &[u8],
    mine: &[IpNet],
    anothers: &[IpNet],
) -> Result<Vec<u8>, Option<DropReason>> {
    let padded = packet.len().next_multiple_of(16);
    let padded = if packet.len() > MTU {
        packet.len()
    } else {
        padded.min(MTU)
    };
    let mut plaintext = packet.to_vec();
    plaintext.resize(padded.max(packet.len()), 0);
    if plaintext.is_empty() {
        return Err(None);
    }
    let bad = Err(Some(DropReason::BadInnerPacket));
    let (source, length): (IpAddr, usize) = match plaintext[0] >> 4 {
        4 if plaintext.len() >= 20 => {
            let source: [u8; 4] = plaintext[12..16].try_into().unwrap();
            let length = usize::from(plaintext[2]) * 256 + usize::from(plaintext[3]);
            if length < 20 {
                return bad;
            }
            (source.into(), length)
        }
        6 if plaintext.len() >= 40 => {
            let source: [u8; 16] = plaintext[8..24].try_into().unwrap();
            let length = usize::from(plaintext[4]) * 256 + usize::from(plaintext[5]);
            (source.into(), 40 + length)
        }
        _ => return bad,
    };
    if length > plaintext.len() {
        return bad;
    }
    let longest = |nets: &[IpNet]| {
        let holders = nets.iter().filter(|net| net.contains(&source));
        holders.map(IpNet::prefix_len).max()
    };
    if longest(mine).is_none() || longest(mine) < longest(anothers) {
        return Err(Some(DropReason::SpoofedSource));
    }
    plaintext.truncate(length);
    Ok(plaintext)
}

/// Anything, or something that starts like an IP packet.
fn packet(decoder: &mut Decoder) -> Vec<u8> {
    let is_wild = decoder.byte() < 64;
    if is_wild {
        return decoder.blob(1500).to_vec();
    }
    let source: IpAddr = decoder.one_of(&ADDRESSES).parse().unwrap();
    let claimed = decoder.number() % 1600;
    let mut packet = match source {
        IpAddr::V4(source) => {
            let mut header = vec![0x45, 0];
            header.extend(claimed.to_be_bytes());
            header.extend([0; 8]);
            header.extend(source.octets());
            header
        }
        IpAddr::V6(source) => {
            let mut header = vec![0x60, 0, 0, 0];
            header.extend(claimed.to_be_bytes());
            header.extend([59, 64]);
            header.extend(source.octets());
            header
        }
    };
    let length = match decoder.choice(4) {
        0 => usize::from(claimed),
        1 => usize::from(claimed) + 40,
        2 => usize::from(decoder.number()) % 1500,
        _ => usize::from(claimed).saturating_sub(decoder.choice(20)),
    };
    packet.resize(length.min(1500), 0xab);
    packet
}
