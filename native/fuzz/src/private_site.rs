//! A connector's private network with real servers, between them and a few devices whatever translates flows: what devices do, what
//! servers do, and what must hold of all that comes out.

use std::collections::{HashMap, HashSet};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use culvert_netstack::{NatConfig, NatLimits, PeerTag};
use ipnet::IpNet;

use crate::decoder::Decoder;
use crate::flow_name::FlowName;
use crate::{packets, private_network};

const MTU: usize = 1420;
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 9, 0, 10);
const WAITS_MS: [u64; 6] = [0, 1, 50, 1_000, 31_000, 400_000];
const CONNECTOR: [u8; 4] = [100, 96, 0, 2];

/// A NAT, or shards of one.
pub(crate) trait Translator {
    const LIMITS: NatLimits;

    /// What one receive brings, each packet with the gateway that it came by.
    fn receive(&mut self, now: Instant, packets: &[(PeerTag, Vec<u8>)]);
    /// After each step.
    fn settle(&mut self, now: Instant, decoder: &mut Decoder);
    fn configure(&mut self, now: Instant, config: &NatConfig);
    fn cut_all(&mut self, now: Instant);
    /// What has come out since it was asked last.
    fn take_out(&mut self) -> Vec<Out>;
    fn flows(&self) -> usize;
}

pub(crate) struct Out {
    /// None: it can not be told.
    pub(crate) shard: Option<usize>,
    pub(crate) peer: PeerTag,
    pub(crate) packet: Vec<u8>,
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

pub(crate) struct Site<T> {
    pub(crate) translator: T,
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
    /// By which gateways the packets of each device came.
    came_by: HashMap<IpAddr, HashSet<PeerTag>>,
    moves: u32,
    shards: HashMap<FlowName, usize>,
}

impl<T: Translator> Site<T> {
    /// `translator` begins with [`config_at_first`], in the private network.
    pub(crate) fn new(translator: impl FnOnce() -> T) -> Site<T> {
        private_network::enter();
        let listener = listen(SERVER, 80);
        let forbidden = listen(Ipv4Addr::LOCALHOST, 22);
        let echo = UdpSocket::bind((SERVER, 7000)).unwrap();
        listener.set_nonblocking(true).unwrap();
        forbidden.set_nonblocking(true).unwrap();
        echo.set_nonblocking(true).unwrap();
        Site {
            translator: translator(),
            ahead: Duration::ZERO,
            ranges: ranges(true),
            listener,
            forbidden,
            echo,
            accepted: Vec::new(),
            last_segment: None,
            asked: HashSet::new(),
            came_by: HashMap::new(),
            moves: 0,
            shards: HashMap::new(),
        }
    }

    pub(crate) fn now(&self) -> Instant {
        Instant::now() + self.ahead
    }

    /// `kind`: below ten.
    pub(crate) fn step(&mut self, kind: usize, decoder: &mut Decoder) {
        match kind {
            0 | 1 => self.receive(vec![packets::any(decoder)]),
            2 => self.receive(vec![dial(decoder)]),
            3 | 4 => {
                if let Some(segment) = self.last_segment.clone() {
                    self.receive(vec![reply(&segment, decoder)]);
                }
            }
            5 => self.serve(decoder),
            6 => self.ahead += Duration::from_millis(decoder.one_of(&WAITS_MS)),
            7 => {
                self.ranges = ranges(decoder.choice(4) != 3);
                let (now, config) = (self.now(), config(&self.ranges));
                self.translator.configure(now, &config);
            }
            _ => self.echo_back(),
        }
    }

    pub(crate) fn settle(&mut self, decoder: &mut Decoder) {
        let now = self.now();
        self.translator.settle(now, decoder);
        self.look();
    }

    pub(crate) fn end(&mut self) {
        let now = self.now();
        self.translator.cut_all(now);
        self.look();
        assert_eq!(self.translator.flows(), 0);
    }

    /// From now on each device comes by the other gateway.
    pub(crate) fn move_devices(&mut self) {
        self.moves += 1;
    }

    pub(crate) fn receive(&mut self, packets: Vec<Vec<u8>>) {
        let now = self.now();
        let packets = packets
            .into_iter()
            .map(|packet| (self.note(&packet), packet));
        let packets: Vec<_> = packets.collect();
        self.translator.receive(now, &packets);
    }

    /// The gateway that it comes by.
    fn note(&mut self, packet: &[u8]) -> PeerTag {
        let Some((from, to)) = addresses(packet) else {
            return PeerTag(1);
        };
        let last = match from {
            IpAddr::V4(v4) => v4.octets()[3],
            IpAddr::V6(v6) => v6.octets()[15],
        };
        let peer = PeerTag(1 + (u32::from(last) + self.moves) % 2);
        self.asked.insert(to);
        self.came_by.entry(from).or_default().insert(peer);
        peer
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
        let mut datagram = [0; 16_384];
        while let Ok((length, from)) = self.echo.recv_from(&mut datagram) {
            drop(self.echo.send_to(&datagram[..length], from));
        }
    }

    /// Whatever comes out is a sound packet that fits, for a device, by the gateway of that device, from where it may come, and of
    /// the shard of its flow; and nobody was reached who must not be.
    fn look(&mut self) {
        for out in self.translator.take_out() {
            let packet = &out.packet;
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
            let ways = self.came_by.get(&to);
            assert!(
                ways.is_some_and(|ways| ways.contains(&out.peer)),
                "by {:?} to {to}",
                out.peer
            );
            self.assert_shard(&out);
            if packets::protocol(packet) == Some(6) {
                self.last_segment = Some(out.packet);
            }
        }
        assert!(self.translator.flows() <= T::LIMITS.flows);
        assert!(
            self.forbidden.accept().is_err(),
            "the host's own loopback was reached"
        );
    }

    fn assert_shard(&mut self, out: &Out) {
        if let (Some(shard), Some(flow)) = (out.shard, FlowName::of_answer(&out.packet)) {
            let first = *self.shards.entry(flow).or_insert(shard);
            assert_eq!(shard, first, "{flow:?} has two shards");
        }
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
pub(crate) fn dial(decoder: &mut Decoder) -> Vec<u8> {
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

pub(crate) fn config_at_first() -> NatConfig {
    config(&ranges(true))
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
