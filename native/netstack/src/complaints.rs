//! What is said about packets that went nowhere: to devices by ICMP, within limits, and to the log.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::drops::NatDrop;

/// A packet that was not let through, for the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    pub device: IpAddr,
    pub destination: IpAddr,
    /// The IP protocol number.
    pub protocol: u8,
    /// Of the destination; none where the protocol has none.
    pub port: Option<u16>,
    pub reason: NatDrop,
}

/// More than a log can use between two looks at it.
pub(crate) const MOST_REFUSED: usize = 64;

/// A router limits the errors it sends; a scan of a refused range would double its own traffic otherwise.
#[derive(Debug)]
pub(crate) struct Complaints {
    since: Instant,
    count: u32,
}

impl Complaints {
    const PER_SECOND: u32 = 2000;

    pub(crate) fn new(now: Instant) -> Self {
        Self {
            since: now,
            count: 0,
        }
    }

    pub(crate) fn allow(&mut self, now: Instant) -> bool {
        if now.saturating_duration_since(self.since) >= Duration::from_secs(1) {
            *self = Self {
                since: now,
                count: 0,
            };
        }
        self.count += 1;
        self.count <= Self::PER_SECOND
    }
}
