use std::net::IpAddr;

use ipnet::IpNet;

#[derive(Clone, Debug)]
pub struct NatConfig {
    /// Of inner packets.
    pub mtu: usize,
    /// The connector's own in the overlay.
    pub addresses: Vec<IpAddr>,
    /// Where packets may go.
    pub ranges: Vec<IpNet>,
    /// Where they may come from.
    pub overlay: Vec<IpNet>,
}

#[derive(Clone, Copy, Debug)]
pub struct NatLimits {
    pub flows: usize,
    /// So that one device cannot lock the others out.
    pub flows_per_device: usize,
}

impl NatLimits {
    /// For a process that may have `descriptors` files open: each flow holds one, the rest of the engine a few.
    pub fn for_descriptors(descriptors: u64) -> Self {
        let flows = usize::try_from(descriptors)
            .unwrap_or(usize::MAX)
            .saturating_sub(64);
        let flows = flows.clamp(16, 65_536);
        Self {
            flows,
            flows_per_device: (flows / 2).max(16),
        }
    }
}
