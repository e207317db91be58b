//! What stands between one spoke and the hub.

use std::time::Duration;

use culvert_core::Tai64n;

use super::occasions::Habit;

/// Handshakes that both ends began within this time may have crossed.
const CROSSING: Duration = Duration::from_secs(8);
/// Pairs are of the hub and the spoke, in this order.
pub(super) struct Link {
    pub(super) habit: Habit,
    pub(super) preshared_key: [u8; 32],
    pub(super) keepalive_seconds: u16,
    /// Datagrams lost, of a hundred.
    pub(super) loss: usize,
    /// The hub has the spoke among its peers.
    pub(super) is_known: bool,
    /// What the hub keeps on disk of the spoke.
    pub(super) replay_floor: Option<Tai64n>,
    /// When this end last forgot all sessions with the other.
    pub(super) forgot: [Duration; 2],
    /// When this end last began a handshake.
    pub(super) began: [Duration; 2],
    /// When both last did at about the same time.
    pub(super) crossed: Duration,
}

impl Link {
    pub(super) fn new() -> Link {
        Link {
            habit: Habit::Both,
            preshared_key: [0; 32],
            keepalive_seconds: 0,
            loss: 0,
            is_known: false,
            replay_floor: None,
            forgot: [Duration::ZERO; 2],
            began: [Duration::ZERO; 2],
            crossed: Duration::ZERO,
        }
    }

    pub(super) fn begin(&mut self, end: usize, at: Duration) {
        self.began[end] = at;
        if self.began[1 - end] + CROSSING >= at {
            self.crossed = at;
        }
    }
}
