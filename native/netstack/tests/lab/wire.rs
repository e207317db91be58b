//! What a TCP/IP stack of a test's takes for its network: packets in, packets out.
#![allow(unreachable_pub, reason = "this crate's own tests take it as well")]

use std::collections::VecDeque;

use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};

pub struct Wire {
    pub inbox: VecDeque<Vec<u8>>,
    pub outbox: VecDeque<Vec<u8>>,
    mtu: usize,
}

impl Wire {
    /// `mtu` in bytes.
    pub fn new(mtu: usize) -> Self {
        Self {
            inbox: VecDeque::new(),
            outbox: VecDeque::new(),
            mtu,
        }
    }
}

impl Device for Wire {
    type RxToken<'a> = Received;
    type TxToken<'a> = ToSend<'a>;

    fn receive(&mut self, _: smoltcp::time::Instant) -> Option<(Received, ToSend<'_>)> {
        let packet = self.inbox.pop_front()?;
        Some((Received(packet), ToSend(&mut self.outbox)))
    }

    fn transmit(&mut self, _: smoltcp::time::Instant) -> Option<ToSend<'_>> {
        Some(ToSend(&mut self.outbox))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = self.mtu;
        capabilities
    }
}

pub struct Received(Vec<u8>);

impl RxToken for Received {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        read(&self.0)
    }
}

pub struct ToSend<'a>(&'a mut VecDeque<Vec<u8>>);

impl TxToken for ToSend<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, write: F) -> R {
        let mut packet = vec![0; len];
        let result = write(&mut packet);
        self.0.push_back(packet);
        result
    }
}
