/// Why a datagram or a packet went no further.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(usize)]
pub enum DropReason {
    /// Type, reserved bytes or length are not those of a WireGuard message.
    Malformed,
    /// The sender does not know our public key.
    BadMac1,
    /// A cookie was asked for instead of an answer.
    CookieSent,
    /// This source has had its share of handshakes, or of cookies, while we are under load.
    RateLimited,
    /// A cookie reply that does not open, or that answers nothing of ours.
    BadCookie,
    /// A handshake that does not authenticate.
    BadHandshake,
    /// Authentic, but of a public key that is not configured.
    UnknownPeer,
    /// An initiation that is not newer than the last one.
    ReplayedHandshake,
    /// An initiation too soon after the last one.
    HandshakeFlood,
    /// No session, or handshake, has this index.
    UnknownIndex,
    /// The session's keys are older than 180 s.
    SessionExpired,
    /// The counter is past REJECT_AFTER_MESSAGES.
    CounterExhausted,
    /// A data message that does not authenticate.
    BadTag,
    /// A data message that has been here before, or is older than the window.
    Replayed,
    /// What was inside is not an IPv4 or IPv6 packet of the length it claims.
    BadInnerPacket,
    /// The inner source address belongs to another peer or to none.
    SpoofedSource,
    /// The peer has no endpoint yet.
    NoEndpoint,
    /// The buffer lacks headroom or tailroom.
    NoRoom,
    /// The interface has no private key yet.
    NoPrivateKey,
    /// The peer was removed meanwhile.
    PeerRemoved,
}

impl DropReason {
    pub const ALL: [Self; 20] = [
        Self::Malformed,
        Self::BadMac1,
        Self::CookieSent,
        Self::RateLimited,
        Self::BadCookie,
        Self::BadHandshake,
        Self::UnknownPeer,
        Self::ReplayedHandshake,
        Self::HandshakeFlood,
        Self::UnknownIndex,
        Self::SessionExpired,
        Self::CounterExhausted,
        Self::BadTag,
        Self::Replayed,
        Self::BadInnerPacket,
        Self::SpoofedSource,
        Self::NoEndpoint,
        Self::NoRoom,
        Self::NoPrivateKey,
        Self::PeerRemoved,
    ];

    /// Found out before any Diffie-Hellman.
    pub(crate) fn is_cheap(self) -> bool {
        matches!(
            self,
            Self::Malformed | Self::BadMac1 | Self::CookieSent | Self::RateLimited
        )
    }

    /// The name under which it is counted and shown.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::BadMac1 => "bad-mac1",
            Self::CookieSent => "cookie-sent",
            Self::RateLimited => "rate-limited",
            Self::BadCookie => "bad-cookie",
            Self::BadHandshake => "bad-handshake",
            Self::UnknownPeer => "unknown-peer",
            Self::ReplayedHandshake => "replayed-handshake",
            Self::HandshakeFlood => "handshake-flood",
            Self::UnknownIndex => "unknown-index",
            Self::SessionExpired => "session-expired",
            Self::CounterExhausted => "counter-exhausted",
            Self::BadTag => "bad-tag",
            Self::Replayed => "replayed",
            Self::BadInnerPacket => "bad-inner-packet",
            Self::SpoofedSource => "spoofed-source",
            Self::NoEndpoint => "no-endpoint",
            Self::NoRoom => "no-room",
            Self::NoPrivateKey => "no-private-key",
            Self::PeerRemoved => "peer-removed",
        }
    }
}
