//! Packets and configurations for the tests of the switch.
#![allow(
    dead_code,
    unreachable_pub,
    reason = "each test file uses its own part"
)]
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test that is wrong should say so at once"
)]
use std::net::IpAddr;
use std::sync::Arc;

use culvert_switch::checksum::Checksum;
use culvert_switch::config::*;
use culvert_switch::drops::DropReason;
use culvert_switch::policy::Policy;
use culvert_switch::refusal::MAX_ANSWER_LEN;
use culvert_switch::switch::{FlowLimits, Switch, Verdict};
use culvert_switch::time::Now;

pub const LAPTOP: PeerHandle = PeerHandle(1);
pub const PHONE: PeerHandle = PeerHandle(2);
pub const TOKYO_A: PeerHandle = PeerHandle(11);
pub const TOKYO_B: PeerHandle = PeerHandle(12);
pub const OSAKA: PeerHandle = PeerHandle(13);

pub const FIN: u8 = 1;
pub const SYN: u8 = 2;
pub const RST: u8 = 4;
pub const ACK: u8 = 16;

pub fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// Two devices, Tokyo with two connectors, Osaka with one; everybody may reach everything in both.
pub fn config() -> Config {
    Config {
        mtu: 1420,
        devices: vec![
            device(LAPTOP, "laptop", &["100.96.0.7", "fd00::7"]),
            device(PHONE, "phone", &["100.96.0.8", "fd00::8"]),
        ],
        connectors: vec![
            connector(TOKYO_A, "tokyo-a", "100.96.1.1", "tokyo"),
            connector(TOKYO_B, "tokyo-b", "100.96.1.2", "tokyo"),
            connector(OSAKA, "osaka-a", "100.96.1.3", "osaka"),
        ],
        networks: vec![
            network("tokyo", &["192.168.0.0/24", "10.0.0.0/8", "fd10::/32"]),
            network("osaka", &["192.168.0.128/25", "10.0.0.0/8", "fd20::/32"]),
        ],
        rules: vec![allow("all", &["everyone"])],
    }
}

pub fn device(handle: PeerHandle, id: &str, addresses: &[&str]) -> Device {
    Device {
        handle,
        id: id.into(),
        addresses: addresses.iter().map(|text| ip(text)).collect(),
        subjects: vec!["everyone".into(), format!("device:{id}")],
        expires_at_unix_ms: None,
    }
}

pub fn connector(handle: PeerHandle, id: &str, address: &str, network: &str) -> Connector {
    Connector {
        handle,
        id: id.into(),
        addresses: vec![ip(address)],
        network_id: network.into(),
        is_healthy: true,
    }
}

pub fn network(id: &str, ranges: &[&str]) -> Network {
    Network {
        id: id.into(),
        ranges: ranges.iter().map(|text| text.parse().unwrap()).collect(),
    }
}

pub fn allow(id: &str, subjects: &[&str]) -> Rule {
    Rule {
        id: id.into(),
        name: id.into(),
        action: Action::Allow,
        subjects: subjects.iter().map(|text| text.to_string()).collect(),
        network_ids: vec![],
        ranges: vec![],
        protocol: RuleProtocol::Any,
        ports: vec![],
    }
}

pub fn block(id: &str, subjects: &[&str]) -> Rule {
    Rule {
        action: Action::Block,
        ..allow(id, subjects)
    }
}

/// A switch with a clock and an answer buffer.
pub struct World {
    pub switch: Switch,
    pub now: Now,
    pub answer: Vec<u8>,
    /// Between the switch and its peers; without one, packets come and go by themselves.
    pub carrier: Option<Box<dyn Carrier>>,
}

/// What a gateway has around its switch.
pub trait Carrier {
    fn configure(&mut self, config: &Config);
    fn restart(&mut self);
    fn wait(&mut self, ms: u64);
    /// The packet as the gateway has it and from whom; `None` if it does not get there.
    fn arrive(&mut self, from: PeerHandle, packet: &[u8]) -> Option<(PeerHandle, Vec<u8>)>;
    fn leave(&mut self, to: PeerHandle, packet: &[u8]);
}

impl World {
    pub fn new(config: Config) -> Self {
        Self::with_limits(config, FlowLimits::default())
    }

    pub fn with_limits(config: Config, limits: FlowLimits) -> Self {
        let mut world = Self {
            switch: Switch::new(limits, [7, 11]),
            now: Now {
                monotonic_ms: 1_000_000,
                unix_ms: 1_700_000_000_000,
            },
            answer: vec![0; MAX_ANSWER_LEN],
            carrier: None,
        };
        world.configure(config);
        for connector in [TOKYO_A, TOKYO_B, OSAKA] {
            world.switch.set_session(connector, true, world.now);
        }
        world
    }

    pub fn configure(&mut self, config: Config) {
        if let Some(carrier) = &mut self.carrier {
            carrier.configure(&config);
        }
        let policy = Policy::compile(config, self.switch.policy()).unwrap();
        self.switch.configure(Arc::new(policy), self.now);
    }

    /// As the gateway's process is started anew, with the configuration that it had.
    pub fn restart(&mut self, config: Config) {
        self.switch = Switch::new(FlowLimits::default(), [7, 11]);
        if let Some(carrier) = &mut self.carrier {
            carrier.restart();
        }
        self.configure(config);
    }

    pub fn wait(&mut self, ms: u64) {
        if let Some(carrier) = &mut self.carrier {
            carrier.wait(ms);
        }
        self.now.monotonic_ms += ms;
        self.now.unix_ms += ms;
    }

    pub fn handle(&mut self, from: PeerHandle, packet: &[u8]) -> Verdict {
        let Some(carrier) = &mut self.carrier else {
            return self.switch.handle(from, packet, self.now, &mut self.answer);
        };
        let Some((from, packet)) = carrier.arrive(from, packet) else {
            return Verdict::Drop(DropReason::UnknownPeer);
        };
        let verdict = (self.switch).handle(from, &packet, self.now, &mut self.answer);
        match verdict {
            Verdict::Forward(to) => carrier.leave(to, &packet),
            Verdict::Refuse(refusal) => carrier.leave(from, &self.answer[..refusal.answer_len]),
            Verdict::Drop(_) => {}
        }
        verdict
    }

    /// The answer that refuses this packet.
    pub fn refused(&mut self, from: PeerHandle, packet: &[u8]) -> Vec<u8> {
        match self.handle(from, packet) {
            Verdict::Refuse(refusal) => self.answer[..refusal.answer_len].to_vec(),
            other => panic!("expected a refusal, not {other:?}"),
        }
    }

    pub fn forwarded(&mut self, from: PeerHandle, packet: &[u8]) -> PeerHandle {
        match self.handle(from, packet) {
            Verdict::Forward(to) => to,
            other => panic!("expected it to be forwarded, not {other:?}"),
        }
    }

    /// The name of what stopped the packet; `None` when nothing did.
    pub fn stopped(&mut self, from: PeerHandle, packet: &[u8]) -> Option<&'static str> {
        match self.handle(from, packet) {
            Verdict::Forward(_) => None,
            Verdict::Refuse(refusal) => Some(refusal.reason.name()),
            Verdict::Drop(reason) => Some(reason.name()),
        }
    }

    /// Sweeps to the end, and returns every notice.
    pub fn notices(&mut self) -> Vec<(PeerHandle, Vec<u8>)> {
        let mut notices = vec![];
        loop {
            self.switch.handle_timeout(self.now);
            while let Some(notice) = self.switch.poll_notice(&mut self.answer) {
                notices.push((notice.to, self.answer[..notice.len].to_vec()));
            }
            if self
                .switch
                .poll_timeout(self.now)
                .is_none_or(|at| at > self.now.monotonic_ms)
            {
                return notices;
            }
        }
    }
}

pub fn tcp(from: &str, to: &str, ports: (u16, u16), flags: u8) -> Vec<u8> {
    segment(from, to, ports, flags, 1000, 5000, b"")
}

pub fn segment(
    from: &str,
    to: &str,
    ports: (u16, u16),
    flags: u8,
    sequence: u32,
    acknowledgement: u32,
    data: &[u8],
) -> Vec<u8> {
    let mut payload = vec![];
    payload.extend(ports.0.to_be_bytes());
    payload.extend(ports.1.to_be_bytes());
    payload.extend(sequence.to_be_bytes());
    payload.extend(acknowledgement.to_be_bytes());
    payload.extend([5 << 4, flags, 0xff, 0xff, 0, 0, 0, 0]);
    payload.extend(data);
    seal(from, to, 6, 16, payload)
}

pub fn udp(from: &str, to: &str, ports: (u16, u16)) -> Vec<u8> {
    let mut payload = vec![];
    payload.extend(ports.0.to_be_bytes());
    payload.extend(ports.1.to_be_bytes());
    payload.extend([0, 13, 0, 0]);
    payload.extend(b"hello");
    seal(from, to, 17, 6, payload)
}

pub fn echo_request(from: &str, to: &str, identifier: u16) -> Vec<u8> {
    icmp(
        from,
        to,
        if ip(from).is_ipv4() { 8 } else { 128 },
        0,
        identifier,
        b"ping",
    )
}

pub fn echo_reply(from: &str, to: &str, identifier: u16) -> Vec<u8> {
    icmp(
        from,
        to,
        if ip(from).is_ipv4() { 0 } else { 129 },
        0,
        identifier,
        b"ping",
    )
}

/// "Port unreachable", about that packet.
pub fn icmp_error(from: &str, to: &str, quoted: &[u8]) -> Vec<u8> {
    let (kind, code) = if ip(from).is_ipv4() { (3, 3) } else { (1, 4) };
    icmp(from, to, kind, code, 0, quoted)
}

pub fn icmp(from: &str, to: &str, kind: u8, code: u8, identifier: u16, rest: &[u8]) -> Vec<u8> {
    let mut payload = vec![kind, code, 0, 0];
    payload.extend(identifier.to_be_bytes());
    payload.extend([0, 1]);
    payload.extend(rest);
    seal(
        from,
        to,
        if ip(from).is_ipv4() { 1 } else { 58 },
        2,
        payload,
    )
}

/// Puts checksum and IP header to a payload.
pub fn seal(
    from: &str,
    to: &str,
    protocol: u8,
    checksum_at: usize,
    mut payload: Vec<u8>,
) -> Vec<u8> {
    let checksum = transport_checksum(ip(from), ip(to), protocol, &payload);
    payload[checksum_at..checksum_at + 2].copy_from_slice(&checksum.to_be_bytes());
    with_ip(from, to, protocol, &payload)
}

pub fn with_ip(from: &str, to: &str, protocol: u8, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![];
    match (ip(from), ip(to)) {
        (IpAddr::V4(from), IpAddr::V4(to)) => {
            packet.extend([0x45, 0]);
            packet.extend((20 + payload.len() as u16).to_be_bytes());
            packet.extend([0, 0, 0x40, 0, 64, protocol, 0, 0]);
            packet.extend(from.octets());
            packet.extend(to.octets());
            fix_ipv4_checksum(&mut packet);
        }
        (IpAddr::V6(from), IpAddr::V6(to)) => {
            packet.extend([0x60, 0, 0, 0]);
            packet.extend((payload.len() as u16).to_be_bytes());
            packet.extend([protocol, 64]);
            packet.extend(from.octets());
            packet.extend(to.octets());
        }
        _ => panic!("{from} and {to} are of two families"),
    }
    packet.extend(payload);
    packet
}

pub fn fix_ipv4_checksum(packet: &mut [u8]) {
    let length = usize::from(packet[0] & 15) * 4;
    packet[10..12].fill(0);
    let end = length.min(packet.len());
    let checksum = Checksum::default().add_bytes(&packet[..end]).finish();
    packet[10..12].copy_from_slice(&checksum.to_be_bytes());
}

pub fn transport_checksum(from: IpAddr, to: IpAddr, protocol: u8, payload: &[u8]) -> u16 {
    let sum = match protocol {
        1 => Checksum::default(),
        _ => Checksum::default().add_pseudo_header(from, to, protocol, payload.len() as u16),
    };
    sum.add_bytes(payload).finish()
}

/// Checks both checksums of a packet, as its receiver would.
pub fn assert_sound(packet: &[u8]) {
    let (from, to, protocol, payload) = parts(packet);
    if from.is_ipv4() {
        assert_eq!(
            Checksum::default().add_bytes(&packet[..20]).finish(),
            0,
            "header checksum"
        );
        assert_eq!(
            u16::from_be_bytes([packet[2], packet[3]]) as usize,
            packet.len()
        );
    } else {
        assert_eq!(
            u16::from_be_bytes([packet[4], packet[5]]) as usize,
            packet.len() - 40
        );
    }
    assert_eq!(
        transport_checksum(from, to, protocol, payload),
        0,
        "checksum of the payload"
    );
}

/// Source, destination, protocol, payload.
pub fn parts(packet: &[u8]) -> (IpAddr, IpAddr, u8, &[u8]) {
    if packet[0] >> 4 == 4 {
        let address = |at: usize| IpAddr::from(<[u8; 4]>::try_from(&packet[at..at + 4]).unwrap());
        (address(12), address(16), packet[9], &packet[20..])
    } else {
        let address = |at: usize| IpAddr::from(<[u8; 16]>::try_from(&packet[at..at + 16]).unwrap());
        (address(8), address(24), packet[6], &packet[40..])
    }
}
