/// `struct virtio_net_hdr`, which goes before each packet of a TUN with `IFF_VNET_HDR`, in the machine's byte order.
pub(crate) const HEADER_BYTES: usize = 10;

pub(crate) type RawHeader = [u8; HEADER_BYTES];

const NEEDS_CHECKSUM: u8 = 1;
/// Beside the type: the first segment carries CWR. It changes nothing about how to cut.
const ECN: u8 = 0x80;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Segmentation {
    None,
    TcpV4,
    TcpV6,
    /// UDP segments of their own (`UDP_SEGMENT`), not IP fragments.
    Udp,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) needs_checksum: bool,
    pub(crate) segmentation: Segmentation,
    pub(crate) header_bytes: u16,
    pub(crate) segment_bytes: u16,
    pub(crate) checksum_start: u16,
    pub(crate) checksum_offset: u16,
}

impl Header {
    pub(crate) const PLAIN: Header = Header {
        needs_checksum: false,
        segmentation: Segmentation::None,
        header_bytes: 0,
        segment_bytes: 0,
        checksum_start: 0,
        checksum_offset: 0,
    };

    /// `None`: a segmentation that we have not offered to do.
    pub(crate) fn decode(raw: &RawHeader) -> Option<Header> {
        let [flags, kind, h0, h1, s0, s1, c0, c1, o0, o1] = *raw;
        let segmentation = match kind & !ECN {
            0 => Segmentation::None,
            1 => Segmentation::TcpV4,
            4 => Segmentation::TcpV6,
            5 => Segmentation::Udp,
            _ => return None,
        };
        Some(Header {
            needs_checksum: flags & NEEDS_CHECKSUM != 0,
            segmentation,
            header_bytes: u16::from_ne_bytes([h0, h1]),
            segment_bytes: u16::from_ne_bytes([s0, s1]),
            checksum_start: u16::from_ne_bytes([c0, c1]),
            checksum_offset: u16::from_ne_bytes([o0, o1]),
        })
    }

    pub(crate) fn encode(&self) -> RawHeader {
        let kind = match self.segmentation {
            Segmentation::None => 0,
            Segmentation::TcpV4 => 1,
            Segmentation::TcpV6 => 4,
            Segmentation::Udp => 5,
        };
        let [h0, h1] = self.header_bytes.to_ne_bytes();
        let [s0, s1] = self.segment_bytes.to_ne_bytes();
        let [c0, c1] = self.checksum_start.to_ne_bytes();
        let [o0, o1] = self.checksum_offset.to_ne_bytes();
        [
            u8::from(self.needs_checksum),
            kind,
            h0,
            h1,
            s0,
            s1,
            c0,
            c1,
            o0,
            o1,
        ]
    }
}
