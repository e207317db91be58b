//! Which flow a packet toward a device belongs to, read without the code under test.

use crate::packets;

/// Protocol, device, its port or identifier, target, its port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FlowName {
    protocol: u8,
    device: Address,
    device_port: [u8; 2],
    target: Address,
    target_port: [u8; 2],
}

type Address = [u8; 16];

const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;

impl FlowName {
    /// Of what a target said, or of what somebody quotes who speaks about it. None: it does not show.
    pub(crate) fn of_answer(packet: &[u8]) -> Option<FlowName> {
        let at = packets::transport_at(packet);
        let message = packet.get(at..)?;
        match (packets::protocol(packet)?, message.first()?) {
            (TCP | UDP, _) | (ICMP, 0) | (ICMPV6, 129) => Some(Self::of(packet)?.turned()),
            // What they quote begins behind eight bytes.
            (ICMP | ICMPV6, _) => Self::of(message.get(8..)?),
            _ => None,
        }
    }

    /// As its sender means it: the device is who speaks.
    fn of(packet: &[u8]) -> Option<FlowName> {
        let is_v4 = packet.first()? >> 4 == 4;
        if is_v4 && (u16::from_be_bytes([*packet.get(6)?, *packet.get(7)?]) & 0x1fff) != 0 {
            return None;
        }
        let (from, to, size) = if is_v4 { (12, 16, 4) } else { (8, 24, 16) };
        let address = |at: usize| {
            let mut address = Address::default();
            address[..size].copy_from_slice(packet.get(at..at + size)?);
            Some(address)
        };
        let at = packets::transport_at(packet);
        let protocol = packets::protocol(packet)?;
        let two = |place: usize| Some([*packet.get(at + place)?, *packet.get(at + place + 1)?]);
        let (device_port, target_port) = match protocol {
            TCP | UDP => (two(0)?, two(2)?),
            ICMP | ICMPV6 => (two(4)?, [0; 2]),
            _ => return None,
        };
        Some(FlowName {
            protocol,
            device: address(from)?,
            device_port,
            target: address(to)?,
            target_port,
        })
    }

    fn turned(self) -> FlowName {
        let is_icmp = matches!(self.protocol, ICMP | ICMPV6);
        let (device_port, target_port) = if is_icmp {
            (self.device_port, self.target_port)
        } else {
            (self.target_port, self.device_port)
        };
        FlowName {
            device: self.target,
            device_port,
            target: self.device,
            target_port,
            ..self
        }
    }
}
