//! What is sealed and opened.

/// How many packets are best sealed or opened together; more is no faster.
pub const TOGETHER: usize = 16;

/// Bytes of a tag.
pub const TAG: usize = 16;

/// A message in place: a text, and behind it 16 bytes for its tag. No data is associated.
#[derive(Debug)]
pub struct Packet<'a> {
    /// The nonce, as WireGuard has it. Under one key, never seal two different packets with the same counter.
    pub counter: u64,
    pub message: &'a mut [u8],
    /// After sealing or opening: whether it worked. What was not authentic is not decrypted, or blanked.
    pub is_done: bool,
}

impl<'a> Packet<'a> {
    pub fn new(counter: u64, message: &'a mut [u8]) -> Self {
        Self {
            counter,
            message,
            is_done: false,
        }
    }

    /// Stands in an array where there is none: nothing is done with it.
    pub fn empty() -> Self {
        Self::new(0, &mut [])
    }

    /// How long the text is.
    pub fn text_len(&self) -> usize {
        self.message.len().saturating_sub(TAG)
    }

    /// The text and its tag; nothing when the message is too short for a tag.
    pub(crate) fn parts(&mut self) -> Option<(&mut [u8], &mut [u8; TAG])> {
        self.message.split_last_chunk_mut()
    }

    pub(crate) fn has_room(&self) -> bool {
        self.message.len() >= TAG
    }
}
