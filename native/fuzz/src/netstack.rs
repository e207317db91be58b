//! The connector's NAT between arbitrary inner packets and real sockets of a host whose servers accept, write, read,
//! close and vanish whenever they like.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use culvert_netstack::{Batch, Nat, NatConfig, NatLimits, PeerTag};
use ipnet::IpNet;

use crate::decoder::Decoder;
use crate::{packets, private_network};

const MTU: usize = 1420;
const MOST_STEPS: usize = 200;
const MOST_FLOWS: usize = 16;
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 10);
const WAITS_MS: [u64; 6] = [0, 1, 50, 1_000, 31_000, 400_000];
const CONNECTOR: [u8; 4] = [100, 96, 0, 2];

pub(crate) fn run(data: &[u8]) {
    private_network::enter();
    let mut decoder = Decoder::new(data);
    let mut site = Site::new();
    for _ in 0..MOST_STEPS {
        if decoder.is_empty() {
            break;
        }
        site.step(&mut decoder);
    }
    let now = site.now();
    site.nat.cut_all(now, &mut site.batch);
    site.look();
    assert_eq!(site.nat.flows(), 0);
}

/// The listener of the last run may live on in a program that another thread is just starting.
fn listen(address: Ipv4Addr, port: u16) -> TcpListener {
    let tries = (0..200).find_map(|_| {
        let listener = TcpListener::bind((address, port)).ok();
        if listener.is_none() {
            std::thread::sleep(Duration::from_millis(5));
        }
        listener
    });
    tries.expect("a port in a network of our own is free")
}

struct Site {
    nat: Nat,
    batch: Batch,
    ahead: Duration,
    ranges: Vec<IpNet>,
    listener: TcpListener,
    /// Where nobody may go: it listens on the host's own loopback.
    forbidden: TcpListener,
    echo: UdpSocket,
    accepted: Vec<TcpStream>,
    /// The last TCP segment that came out, to be answered.
    last_segment: Option<Vec<u8>>,
    /// Whom the device wrote to: a refusal comes in their name.
    asked: HashSet<IpAddr>,
}

impl Site {
    fn new() -> Site {
        let ranges = ranges(true);
        let limits = NatLimits {
            flows: MOST_FLOWS,
            flows_per_device: MOST_FLOWS / 2,
        };
        let listener = listen(SERVER, 80);
        let forbidden = listen(Ipv4Addr::LOCALHOST, 22);
        let echo = UdpSocket::bind((SERVER, 7000)).unwrap();
        listener.set_nonblocking(true).unwrap();
        forbidden.set_nonblocking(true).unwrap();
        echo.set_nonblocking(true).unwrap();
        Site {
            nat: Nat::new(&config(&ranges), limits, Instant::now()).unwrap(),
            batch: Batch::default(),
            ahead: Duration::ZERO,
            ranges,
            listener,
            forbidden,
            echo,
            accepted: Vec::new(),
            last_segment: None,
            asked: HashSet::new(),
        }
    }

    fn now(&self) -> Instant {
        Instant::now() + self.ahead
    }

    fn step(&mut self, decoder: &mut Decoder) {
        match decoder.choice(10) {
            0 | 1 => self.send(&packets::any(decoder)),
            2 => self.send(&dial(decoder)),
            3 | 4 => {
                if let Some(segment) = self.last_segment.clone() {
                    self.send(&reply(&segment, decoder));
                }
            }
            5 => self.serve(decoder),
            6 => self.ahead += Duration::from_millis(decoder.one_of(&WAITS_MS)),
            7 => {
                self.ranges = ranges(decoder.choice(4) != 3);
                let (now, config) = (self.now(), config(&self.ranges));
                self.nat.configure(now, &config, &mut self.batch);
            }
            _ => self.echo_back(),
        }
        let now = self.now();
        self.nat.flush(now, &mut self.batch);
        self.nat.handle_ready(now, &mut self.batch);
        self.look();
    }

    fn send(&mut self, packet: &[u8]) {
        self.asked.extend(addresses(packet).map(|(_, to)| to));
        let now = self.now();
        self.nat
            .handle_packet(now, PeerTag(1), packet, &mut self.batch);
    }

    fn serve(&mut self, decoder: &mut Decoder) {
        if let Ok((stream, _)) = self.listener.accept() {
            stream.set_nonblocking(true).unwrap();
            self.accepted.push(stream);
        }
        let Some(stream) = self.accepted.last_mut() else {
            return;
        };
        match decoder.choice(5) {
            0 => drop(stream.write(&vec![7; usize::from(decoder.number())])),
            1 => drop(stream.read(&mut [0; 4096])),
            2 => drop(stream.shutdown(std::net::Shutdown::Write)),
            3 => drop(self.accepted.pop()),
            _ => self.accepted.clear(),
        }
    }

    fn echo_back(&mut self) {
        let mut datagram = [0; 2048];
        while let Ok((length, from)) = self.echo.recv_from(&mut datagram) {
            drop(self.echo.send_to(&datagram[..length], from));
        }
    }

    /// Whatever comes out is a sound packet that fits, for a device, from where it may come; and nobody was reached who
    /// must not be.
    fn look(&mut self) {
        for (_, packet) in self.batch.packets() {
            assert!(packet.len() <= MTU, "{} bytes", packet.len());
            assert_sound(packet);
            let (from, to) = addresses(packet).expect("an IP packet");
            assert!(overlay().iter().any(|net| net.contains(&to)), "to {to}");
            let is_own = from == IpAddr::from(CONNECTOR);
            let is_of_site = |from| everything().iter().any(|net: &IpNet| net.contains(&from));
            assert!(
                is_own || is_of_site(from) || self.asked.contains(&from),
                "from {from}"
            );
            if packets::protocol(packet) == Some(6) {
                self.last_segment = Some(packet.to_vec());
            }
        }
        self.batch.clear();
        assert!(self.nat.flows() <= MOST_FLOWS);
        assert!(
            self.forbidden.accept().is_err(),
            "the host's own loopback was reached"
        );
    }
}

/// Fragments carry no checksum of the whole.
fn assert_sound(packet: &[u8]) {
    let is_fragment = packet[0] >> 4 == 4 && (packet[6] & 0x3f, packet[7]) != (0, 0)
        || packet[0] >> 4 == 6 && packet[6] == 44;
    match packets::protocol(packet) {
        Some(6 | 17 | 1) if !is_fragment => packets::assert_sound(packet),
        _ => {}
    }
}

fn addresses(packet: &[u8]) -> Option<(IpAddr, IpAddr)> {
    let v4 = |at: usize| {
        Some(IpAddr::from(
            <[u8; 4]>::try_from(packet.get(at..at + 4)?).ok()?,
        ))
    };
    let v6 = |at: usize| {
        Some(IpAddr::from(
            <[u8; 16]>::try_from(packet.get(at..at + 16)?).ok()?,
        ))
    };
    match packet.first()? >> 4 {
        4 => Some((v4(12)?, v4(16)?)),
        _ => Some((v6(8)?, v6(24)?)),
    }
}

/// A SYN, an echo request or a datagram that has somewhere to go.
fn dial(decoder: &mut Decoder) -> Vec<u8> {
    let mut packet = match decoder.choice(3) {
        0 => packets::udp(decoder, 64),
        _ => packets::tcp_with_data(decoder, 0),
    };
    let is_tcp = packets::protocol(&packet) == Some(6);
    let at = packets::transport_at(&packet);
    let port: u16 = if is_tcp { 80 } else { 7000 };
    packet[at..at + 2].copy_from_slice(&(1000 + u16::from(decoder.byte() % 24)).to_be_bytes());
    packet[at + 2..at + 4].copy_from_slice(&port.to_be_bytes());
    if is_tcp {
        packet[at + 13] = decoder.one_of(&[2, 2, 2, 0x10, 0x04, 0x12]);
    }
    let server = decoder.one_of(&[
        [10, 9, 0, 10],
        [10, 9, 0, 10],
        [10, 9, 1, 1],
        [127, 0, 0, 1],
    ]);
    let is_v4 = packet[0] >> 4 == 4;
    let (from, to) = if is_v4 { (12, 16) } else { (20, 36) };
    packet[from..from + 4].copy_from_slice(&[100, 96, 0, 7 + decoder.byte() % 2]);
    packet[to..to + 4].copy_from_slice(&server);
    packets::sound(packet)
}

/// What the device's TCP could say to this segment, and some things that it should not.
fn reply(segment: &[u8], decoder: &mut Decoder) -> Vec<u8> {
    let at = packets::transport_at(segment);
    let data = decoder.blob(1300);
    let mut answer = segment[..at + 20].to_vec();
    answer.extend(data);
    let (from, to, size) = if segment[0] >> 4 == 4 {
        (12, 16, 4)
    } else {
        (8, 24, 16)
    };
    answer[from..from + size].copy_from_slice(&segment[to..to + size]);
    answer[to..to + size].copy_from_slice(&segment[from..from + size]);
    answer[at..at + 2].copy_from_slice(&segment[at + 2..at + 4]);
    answer[at + 2..at + 4].copy_from_slice(&segment[at..at + 2]);
    let word = |place: usize| u32::from_be_bytes(segment[place..place + 4].try_into().unwrap());
    let headers = at + usize::from(segment[at + 12] >> 4) * 4;
    let data_bytes = segment.len().saturating_sub(headers) as u32;
    let phantom = u32::from(segment[at + 13] & 3 != 0);
    let drift = decoder.one_of(&[0, 0, 0, 1, u32::MAX, 70_000]);
    let acknowledged = word(at + 4)
        .wrapping_add(data_bytes + phantom)
        .wrapping_add(drift);
    answer[at + 4..at + 8].copy_from_slice(
        &word(at + 8)
            .wrapping_add(decoder.one_of(&[0, 0, 0, 9]))
            .to_be_bytes(),
    );
    answer[at + 8..at + 12].copy_from_slice(&acknowledged.to_be_bytes());
    answer[at + 12] = 5 << 4;
    answer[at + 13] = decoder.one_of(&[0x10, 0x18, 0x11, 0x04, 0x14, 0x02, 0x00, 0xff]);
    answer[at + 14..at + 16].copy_from_slice(&decoder.number().to_be_bytes());
    packets::sound(answer)
}

fn config(ranges: &[IpNet]) -> NatConfig {
    NatConfig {
        mtu: MTU,
        addresses: vec![IpAddr::from(CONNECTOR)],
        ranges: ranges.to_vec(),
        overlay: overlay(),
    }
}

fn overlay() -> Vec<IpNet> {
    vec![
        "100.96.0.0/16".parse().unwrap(),
        "fd5a::6460:0/112".parse().unwrap(),
    ]
}

fn everything() -> Vec<IpNet> {
    ["10.9.0.0/16", "0.0.0.0/1", "fd5a::/16"]
        .map(|net| net.parse().unwrap())
        .to_vec()
}

fn ranges(is_wide: bool) -> Vec<IpNet> {
    if is_wide {
        everything()
    } else {
        vec!["10.9.1.0/24".parse().unwrap()]
    }
}
