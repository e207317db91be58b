//! Why a packet was not carried on, by the names that the engine's status shows.

use crate::inner::Unparsed;

macro_rules! drop_reasons {
    ($($(#[$doc:meta])* $variant:ident => $name:literal,)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum NatDrop { $($(#[$doc])* $variant,)* }

        impl NatDrop {
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

drop_reasons! {
    BadHeader => "bad-header",
    BadChecksum => "bad-checksum",
    Fragment => "fragment",
    IpOptions => "ip-options",
    /// The source is not of the overlay, or is the connector's own address.
    SpoofedSource => "spoofed-source",
    /// In none of the ranges.
    NoRoute => "no-route",
    /// Loopback, link-local and metadata addresses of the connector's host, that no range names.
    HostOnly => "host-only",
    /// Multicast, broadcast, unspecified, or IPv4 written as IPv6.
    NotAHost => "not-a-host",
    UnsupportedProtocol => "unsupported-protocol",
    UnsupportedIcmp => "unsupported-icmp",
    PortZero => "port-zero",
    /// The hop limit ended here.
    HopLimit => "hop-limit",
    /// A segment of a connection that is not known (any more).
    NoFlow => "no-flow",
    FlowTableFull => "flow-table-full",
    /// This device has as many flows as one device may have.
    DeviceFull => "device-full",
    /// The process may not open more sockets.
    NoDescriptors => "no-descriptors",
    /// Ping is closed to this process.
    PingNeedsSysctl => "ping-needs-sysctl",
    /// The host would not send it (the target's answers are not counted here).
    SendFailed => "send-failed",
    /// More to complain about than a second has room for.
    ErrorsLimited => "errors-limited",
}

impl From<Unparsed> for NatDrop {
    fn from(unparsed: Unparsed) -> Self {
        match unparsed {
            Unparsed::Malformed => Self::BadHeader,
            Unparsed::Options => Self::IpOptions,
            Unparsed::Fragment => Self::Fragment,
        }
    }
}

#[derive(Debug, Clone, Default)]
pub struct NatDrops([u64; NatDrop::ALL.len()]);

impl NatDrops {
    pub(crate) fn count(&mut self, reason: NatDrop) {
        if let Some(count) = self.0.get_mut(reason as usize) {
            *count += 1;
        }
    }

    pub fn of(&self, reason: NatDrop) -> u64 {
        self.0.get(reason as usize).copied().unwrap_or(0)
    }

    /// Those that have happened.
    pub fn counted(&self) -> impl Iterator<Item = (&'static str, u64)> {
        NatDrop::ALL
            .iter()
            .map(|reason| (reason.name(), self.of(*reason)))
            .filter(|(_, count)| *count > 0)
    }
}
