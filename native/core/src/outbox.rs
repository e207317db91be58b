use crate::Endpoint;

/// Datagrams that a call wants sent: handshakes, cookie replies, keepalives, packets that had been staged.
///
/// Owned by the caller, one per thread, reused: [`Outbox::clear`] keeps the memory.
#[derive(Debug, Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    datagrams: Vec<(Endpoint, usize)>,
}

impl Outbox {
    pub fn new() -> Self {
        Self {
            bytes: Vec::with_capacity(4096),
            datagrams: Vec::with_capacity(16),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.datagrams.is_empty()
    }

    pub fn len(&self) -> usize {
        self.datagrams.len()
    }

    /// In the order in which they should leave.
    pub fn iter(&self) -> impl Iterator<Item = (Endpoint, &[u8])> {
        let mut rest = self.bytes.as_slice();
        self.datagrams.iter().map(move |(endpoint, length)| {
            let (datagram, behind) = rest.split_at_checked(*length).unwrap_or((rest, &[]));
            rest = behind;
            (*endpoint, datagram)
        })
    }

    pub fn clear(&mut self) {
        self.bytes.clear();
        self.datagrams.clear();
    }

    pub(crate) fn push(&mut self, endpoint: Endpoint, datagram: &[u8]) {
        self.bytes.extend_from_slice(datagram);
        self.datagrams.push((endpoint, datagram.len()));
    }

    /// Adds a datagram of `length` zero bytes that `fill` writes; takes it back when `fill` says so.
    pub(crate) fn push_with(
        &mut self,
        endpoint: Endpoint,
        length: usize,
        fill: impl FnOnce(&mut [u8]) -> bool,
    ) -> bool {
        let start = self.bytes.len();
        self.bytes.resize(start + length, 0);
        let filled = self.bytes.get_mut(start..).is_some_and(fill);
        if filled {
            self.datagrams.push((endpoint, length));
        } else {
            self.bytes.truncate(start);
        }
        filled
    }
}
