//! A super-packet becomes the packets that a network card would have made of it.

use crate::checksum::Sum;
use crate::fields::{byte, ipv4, ipv6, put_byte, put_u16, put_u32, tcp, u16_at, u32_at, udp};
use crate::virtio::{Header, Segmentation};

/// How a frame is to be cut, and how far that has come. The frame's bytes lie elsewhere and stay unchanged.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cutter {
    transport: Transport,
    /// Where the transport header starts, and where it ends.
    transport_at: usize,
    header_bytes: usize,
    segment_bytes: usize,
    frame_bytes: usize,
    /// Payload bytes, and segments, that are cut already.
    done: usize,
    segments: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Transport {
    Tcp,
    Udp,
    /// Nothing to cut: the frame is one packet that was too long for its place.
    Whole,
}

impl Cutter {
    /// `None`: the headers are not what the frame's virtio header says.
    pub(crate) fn new(header: &Header, frame: &[u8]) -> Option<Cutter> {
        let transport = match header.segmentation {
            Segmentation::None => return Cutter::whole(frame),
            Segmentation::TcpV4 | Segmentation::TcpV6 => Transport::Tcp,
            Segmentation::Udp => Transport::Udp,
        };
        let transport_at = usize::from(header.checksum_start);
        let least = if byte(frame, 0)? >> 4 == 4 {
            ipv4::HEADER
        } else {
            ipv6::HEADER
        };
        let transport_bytes = match transport {
            Transport::Tcp => usize::from(byte(frame, transport_at + tcp::OFFSET)? >> 4) * 4,
            _ => udp::HEADER,
        };
        // The virtio header's own length may count payload that lay in the kernel's linear area.
        let header_bytes = transport_at + transport_bytes;
        let segment_bytes = usize::from(header.segment_bytes);
        let is_sound = header.needs_checksum
            && transport_at >= least
            && (transport != Transport::Tcp || transport_bytes >= tcp::HEADER)
            && header_bytes < frame.len()
            && segment_bytes > 0;
        let cutter = Cutter {
            transport,
            transport_at,
            header_bytes,
            segment_bytes,
            frame_bytes: frame.len(),
            done: 0,
            segments: 0,
        };
        is_sound.then_some(cutter)
    }

    fn whole(frame: &[u8]) -> Option<Cutter> {
        Some(Cutter {
            transport: Transport::Whole,
            transport_at: 0,
            header_bytes: 0,
            segment_bytes: frame.len(),
            frame_bytes: frame.len(),
            done: 0,
            segments: 0,
        })
    }

    /// How many bytes the next packet has; `None` when all are cut.
    pub(crate) fn next_bytes(&self) -> Option<usize> {
        let left = self.frame_bytes - self.header_bytes - self.done;
        (left > 0).then(|| self.header_bytes + left.min(self.segment_bytes))
    }

    /// Writes the next packet; `packet` has exactly [`Cutter::next_bytes`] bytes.
    pub(crate) fn cut(&mut self, frame: &[u8], packet: &mut [u8]) -> Option<()> {
        let (headers, payload) = packet.split_at_mut_checked(self.header_bytes)?;
        let from = self.header_bytes + self.done;
        let to = from + payload.len();
        headers.copy_from_slice(frame.get(..self.header_bytes)?);
        payload.copy_from_slice(frame.get(from..to)?);
        if self.transport != Transport::Whole {
            self.write_network(packet)?;
            self.write_transport(packet, to == self.frame_bytes)?;
        }
        self.done = to - self.header_bytes;
        self.segments = self.segments.wrapping_add(1);
        Some(())
    }

    fn write_network(&self, packet: &mut [u8]) -> Option<()> {
        let bytes = packet.len();
        if byte(packet, 0)? >> 4 == 6 {
            put_u16(
                packet,
                ipv6::PAYLOAD_LENGTH,
                u16::try_from(bytes - ipv6::HEADER).ok()?,
            );
            return Some(());
        }
        let id = u16_at(packet, ipv4::ID)?.wrapping_add(self.segments);
        put_u16(packet, ipv4::TOTAL_LENGTH, u16::try_from(bytes).ok()?);
        put_u16(packet, ipv4::ID, id);
        write_ipv4_checksum(packet, self.transport_at)
    }

    fn write_transport(&self, packet: &mut [u8], is_last: bool) -> Option<()> {
        let bytes = packet.len() - self.transport_at;
        let segment = packet.get_mut(self.transport_at..)?;
        if self.transport == Transport::Udp {
            put_u16(segment, udp::LENGTH, u16::try_from(bytes).ok()?);
            let sum = self.sum(segment, udp::CHECKSUM)?;
            put_u16(segment, udp::CHECKSUM, sum.udp_checksum());
            return Some(());
        }
        let sequence = u32_at(segment, tcp::SEQUENCE)?.wrapping_add(u32::try_from(self.done).ok()?);
        put_u32(segment, tcp::SEQUENCE, sequence);
        let mut flags = byte(segment, tcp::FLAGS)?;
        if !is_last {
            flags &= !(tcp::FIN | tcp::PSH);
        }
        if self.segments > 0 {
            flags &= !tcp::CWR;
        }
        put_byte(segment, tcp::FLAGS, flags);
        let sum = self.sum(segment, tcp::CHECKSUM)?;
        put_u16(segment, tcp::CHECKSUM, sum.checksum());
        Some(())
    }

    /// The checksum field holds the super-packet's pseudo-header sum: right but for the length in it.
    fn sum(&self, segment: &mut [u8], checksum_at: usize) -> Option<Sum> {
        let pseudo = u16_at(segment, checksum_at)?;
        put_u16(segment, checksum_at, 0);
        let super_bytes = u16::try_from(self.frame_bytes - self.transport_at).ok()?;
        let bytes = u16::try_from(segment.len()).ok()?;
        Some(
            Sum::default()
                .field(pseudo)
                .without(super_bytes)
                .field(bytes)
                .bytes(segment),
        )
    }
}

pub(crate) fn write_ipv4_checksum(packet: &mut [u8], header_bytes: usize) -> Option<()> {
    put_u16(packet, ipv4::CHECKSUM, 0);
    let checksum = Sum::default().bytes(packet.get(..header_bytes)?).checksum();
    put_u16(packet, ipv4::CHECKSUM, checksum);
    Some(())
}

/// A packet whose transport checksum the kernel has left to the "card": the field holds the pseudo-header's sum.
pub(crate) fn finish_checksum(header: &Header, packet: &mut [u8]) -> Option<()> {
    let start = usize::from(header.checksum_start);
    let at = usize::from(header.checksum_offset);
    let segment = packet.get_mut(start..)?;
    let pseudo = u16_at(segment, at)?;
    put_u16(segment, at, 0);
    let sum = Sum::default().field(pseudo).bytes(segment);
    let is_udp = at == udp::CHECKSUM;
    put_u16(
        segment,
        at,
        if is_udp {
            sum.udp_checksum()
        } else {
            sum.checksum()
        },
    );
    Some(())
}
