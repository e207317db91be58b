//! What went wrong on the way to a target, from errno and the socket's error queue, told to the device as the ICMP
//! message that a router in the connector's place would have sent.

use std::io;
use std::net::IpAddr;

use crate::batch::{Batch, PeerTag};
use crate::checksum::internet_checksum;
use crate::compose::{HOP_LIMIT, Way, copy_at, header_len, push_payload, seal_transport};
use crate::ecn::NOT_CAPABLE;
use crate::inner::{ICMP, ICMPV6};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The target itself said no: a reset for TCP, port unreachable for UDP.
    Refused,
    Network,
    Host,
    Prohibited,
    TooBig {
        mtu: u32,
    },
    HopLimit,
    /// Word for word what a router or the target answered.
    Told {
        kind: u8,
        code: u8,
        info: u32,
    },
}

impl Trouble {
    pub(crate) fn from_error(error: &io::Error) -> Self {
        match error.raw_os_error() {
            Some(libc::ECONNREFUSED | libc::ECONNRESET) => Self::Refused,
            Some(libc::ENETUNREACH | libc::ENETDOWN | libc::EAFNOSUPPORT) => Self::Network,
            Some(libc::EACCES | libc::EPERM) => Self::Prohibited,
            // Which link is too narrow the error queue tells; without it, what every link must carry.
            Some(libc::EMSGSIZE) => Self::TooBig { mtu: 1280 },
            // Silence (ETIMEDOUT), no neighbour (EHOSTUNREACH), no way to speak to such an address (EINVAL).
            _ => Self::Host,
        }
    }

    /// ICMP type, code, and the second word of the message.
    fn message(self, v4: bool) -> (u8, u8, u32) {
        match (self, v4) {
            (Self::Refused, true) => (3, 3, 0),
            (Self::Refused, false) => (1, 4, 0),
            (Self::Network, true) => (3, 0, 0),
            (Self::Network, false) => (1, 0, 0),
            (Self::Host, true) => (3, 1, 0),
            (Self::Host, false) => (1, 3, 0),
            (Self::Prohibited, true) => (3, 13, 0),
            (Self::Prohibited, false) => (1, 1, 0),
            (Self::TooBig { mtu }, true) => (3, 4, mtu.min(0xffff)),
            (Self::TooBig { mtu }, false) => (2, 0, mtu),
            (Self::HopLimit, true) => (11, 0, 0),
            (Self::HopLimit, false) => (3, 0, 0),
            (Self::Told { kind, code, info }, _) => (kind, code, info),
        }
    }

    /// `from` says it, about `original`: an inner packet, of which as much is quoted as the standard allows.
    pub(crate) fn push(
        self,
        batch: &mut Batch,
        peer: PeerTag,
        from: IpAddr,
        to: IpAddr,
        original: &[u8],
    ) {
        let v4 = to.is_ipv4();
        let (kind, code, info) = self.message(v4);
        let room = if v4 { 576 } else { 1280 } - header_len(to) - 8;
        let quoted = original.get(..room).unwrap_or(original);
        let mut message = [0; 1280];
        let Some(message) = message.get_mut(..8 + quoted.len()) else {
            return;
        };
        copy_at(message, 0, &[kind, code]);
        copy_at(message, 4, &info.to_be_bytes());
        copy_at(message, 8, quoted);
        let way = Way {
            peer,
            source: from,
            destination: to,
            mtu: 1280,
            ecn: NOT_CAPABLE,
        };
        if v4 {
            let sum = internet_checksum(message, 0);
            copy_at(message, 2, &sum.to_be_bytes());
        } else {
            seal_transport(&way, ICMPV6, message, 2);
        }
        push_payload(
            batch,
            &way,
            if v4 { ICMP } else { ICMPV6 },
            HOP_LIMIT,
            0,
            message,
        );
    }
}
