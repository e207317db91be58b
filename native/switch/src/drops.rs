//! Why a packet went no further, by name, and how often.

macro_rules! drop_reasons {
    ($($(#[$doc:meta])* $variant:ident => $name:literal,)*) => {
        /// Why a packet was not forwarded.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum DropReason { $($(#[$doc])* $variant,)* }

        impl DropReason {
            pub const ALL: &[DropReason] = &[$(DropReason::$variant,)*];

            /// The name that status, metrics and logs show.
            pub fn name(self) -> &'static str {
                match self { $(DropReason::$variant => $name,)* }
            }
        }
    };
}

drop_reasons! {
    /// No peer of the current configuration: just removed, or never there.
    UnknownPeer => "unknown-peer",
    /// The device's time is over.
    Expired => "expired",
    /// The source is none of the sender's own addresses.
    SpoofedSource => "spoofed-source",
    /// Neither IPv4 nor IPv6, or a header that contradicts itself.
    BadHeader => "bad-header",
    BadLength => "bad-length",
    /// A piece whose first is not known, or that no datagram or echo can be cut into.
    Fragment => "fragment",
    IpOptions => "ip-options",
    ExtensionHeader => "extension-header",
    /// Anything but TCP, UDP and ICMP: SCTP, GRE, IP in IP.
    UnsupportedProtocol => "unsupported-protocol",
    /// An ICMP message that is neither echo nor an error.
    UnsupportedIcmp => "unsupported-icmp",
    BadTcpFlags => "bad-tcp-flags",
    PortZero => "port-zero",
    /// No network has the destination.
    NoRoute => "no-route",
    /// A rule blocks it, or none allows it.
    Denied => "denied",
    /// An overlay address is no destination: devices do not reach each other.
    DeviceToDevice => "device-to-device",
    /// The network has no connector that could carry it now.
    NoConnector => "no-connector",
    /// The connector that carried the flow is gone.
    ConnectorLost => "connector-lost",
    /// It belongs to no flow, and may not open one.
    NoFlow => "no-flow",
    /// It belongs to a flow of another connector.
    WrongConnector => "wrong-connector",
    FlowTableFull => "flow-table-full",
    TooBig => "too-big",
}

/// How many packets each reason stopped.
#[derive(Debug, Clone)]
pub struct DropCounters([u64; DropReason::ALL.len()]);

impl Default for DropCounters {
    fn default() -> Self {
        Self([0; DropReason::ALL.len()])
    }
}

impl DropCounters {
    pub fn count(&mut self, reason: DropReason) {
        if let Some(counter) = self.0.get_mut(reason as usize) {
            *counter += 1;
        }
    }

    pub fn of(&self, reason: DropReason) -> u64 {
        self.0.get(reason as usize).copied().unwrap_or(0)
    }

    /// Those that happened, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> {
        DropReason::ALL
            .iter()
            .map(|reason| (reason.name(), self.of(*reason)))
            .filter(|(_, count)| *count > 0)
    }
}
