use std::net::SocketAddr;

use crate::door::{BindFault, Binding};
use crate::doors::{Doors, bind_both};
use crate::steering;

/// Pairs of doors that share one port, each for a thread of its own.
#[derive(Debug)]
pub struct Lanes {
    /// The lanes for data, of which there is one at least: a WireGuard data message comes to the one that the lowest byte of
    /// its receiver index tells, modulo their number.
    pub first: Doors,
    pub others: Vec<Doors>,
    /// All that is no data message, so that a flood of handshakes neither fills the buffers that data wait in, nor wakes the
    /// threads that carry them. `None` where the kernel can not tell them apart (before 4.5): then they come to the lanes, all
    /// from one remote address to one of them. What GRO has glued goes by its first datagram, so nobody may rely on it.
    pub handshakes: Option<Doors>,
}

impl Lanes {
    /// `template` as for [`Doors::bind`]; `count` is the number of lanes for data.
    pub fn bind(template: &Binding, count: u8) -> Result<Lanes, BindFault> {
        // Alone first: a port that another program shares would not be refused to one that shares, too.
        let alone = Doors::bind(template)?;
        let port = alone.port();
        drop(alone);
        let shared = Binding {
            address: SocketAddr::new(template.address.ip(), port),
            reuse_port: true,
            ..*template
        };
        let bind = || bind_both(&shared, port);
        let first = bind()?;
        let others = (1..count).map(|_| bind()).collect::<Result<_, _>>()?;
        let attach = |door| steering::attach(door, count.max(1));
        let is_steered = first.iter().try_for_each(attach).is_ok();
        // The last of the group, which is the number that the program says.
        let handshakes = is_steered.then(bind).transpose()?;
        Ok(Lanes {
            first,
            others,
            handshakes,
        })
    }
}
