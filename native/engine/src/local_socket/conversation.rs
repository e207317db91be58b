use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use rustix::event::PollFlags;
use zeroize::Zeroize;

use crate::memory::is_there_room_for;

/// How much one caller may send per round, so that nobody holds up the others.
const READ_BYTES: usize = 64 << 10;

/// One connection: lines in, bytes out, never blocking. Lines may hold keys, so they are wiped after use.
#[derive(Debug)]
pub(super) struct Conversation {
    stream: UnixStream,
    input: Vec<u8>,
    /// Where `input`'s first unread line starts, and how far it has been searched for its end.
    start: usize,
    searched: usize,
    output: Vec<u8>,
    written: usize,
    has_ended: bool,
}

pub(super) enum Line {
    Whole(Vec<u8>),
    Partial,
    TooLong,
}

impl Conversation {
    pub(super) fn new(stream: UnixStream) -> Conversation {
        let (input, output) = (Vec::new(), Vec::new());
        Conversation {
            stream,
            input,
            start: 0,
            searched: 0,
            output,
            written: 0,
            has_ended: false,
        }
    }

    /// While an answer waits for its reader nothing more is read: that bounds what a caller can make us hold.
    pub(super) fn interest(&self) -> PollFlags {
        if self.unsent_bytes() > 0 {
            PollFlags::OUT
        } else {
            PollFlags::IN
        }
    }

    pub(super) fn unsent_bytes(&self) -> usize {
        self.output.len() - self.written
    }

    /// The caller sends no more; a last line without an end is a line too.
    pub(super) fn has_ended(&self) -> bool {
        self.has_ended
    }

    pub(super) fn fill(&mut self) -> io::Result<()> {
        let before = self.input.len();
        // What has come, once more as it grows, and once more as a line of its own.
        if !is_there_room_for(3 * before + READ_BYTES) {
            return Err(ErrorKind::OutOfMemory.into());
        }
        self.make_room(READ_BYTES);
        self.input.resize(before + READ_BYTES, 0);
        let room = self.input.get_mut(before..).unwrap_or_default();
        let outcome = self.stream.read(room);
        self.input
            .truncate(before + *outcome.as_ref().unwrap_or(&0));
        match outcome {
            Ok(read) => {
                self.has_ended |= read == 0;
                Ok(())
            }
            Err(cause) if is_passing(&cause) => Ok(()),
            Err(cause) => Err(cause),
        }
    }

    pub(super) fn take_line(&mut self, longest: usize) -> Line {
        let unsearched = self.input.get(self.searched..).unwrap_or_default();
        let Some(found) = unsearched.iter().position(|byte| *byte == b'\n') else {
            self.searched = self.input.len();
            return self.partial(longest);
        };
        let end = self.searched + found;
        let line = self.input.get(self.start..end).unwrap_or_default().to_vec();
        self.input
            .get_mut(self.start..end)
            .unwrap_or_default()
            .zeroize();
        self.start = end + 1;
        self.searched = self.start;
        if line.len() > longest {
            Line::TooLong
        } else {
            Line::Whole(line)
        }
    }

    /// What came before the caller closed its side, without a line end.
    pub(super) fn take_rest(&mut self) -> Vec<u8> {
        let rest = self.input.get(self.start..).unwrap_or_default().to_vec();
        self.forget_read();
        self.input.zeroize();
        rest
    }

    pub(super) fn say(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
    }

    pub(super) fn flush(&mut self) -> io::Result<()> {
        while self.unsent_bytes() > 0 {
            let unsent = self.output.get(self.written..).unwrap_or_default();
            match self.stream.write(unsent) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => self.written += written,
                Err(cause) if is_passing(&cause) => return Ok(()),
                Err(cause) => return Err(cause),
            }
        }
        self.output.zeroize();
        self.written = 0;
        Ok(())
    }

    fn partial(&mut self, longest: usize) -> Line {
        self.forget_read();
        if self.input.len() > longest {
            Line::TooLong
        } else {
            Line::Partial
        }
    }

    /// A vector that grows by itself leaves what was in it where it was.
    fn make_room(&mut self, count: usize) {
        let wanted = self.input.len() + count;
        if wanted > self.input.capacity() {
            let mut grown = Vec::with_capacity(wanted.max(2 * self.input.capacity()));
            grown.extend_from_slice(&self.input);
            self.input.zeroize();
            self.input = grown;
        }
    }

    /// What is moved to the front must not stay behind as well.
    fn forget_read(&mut self) {
        let unread = self.input.len() - self.start;
        self.input.copy_within(self.start.., 0);
        self.input.get_mut(unread..).unwrap_or_default().zeroize();
        self.input.truncate(unread);
        self.searched -= self.start;
        self.start = 0;
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        self.input.zeroize();
        self.output.zeroize();
    }
}

impl AsFd for Conversation {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.stream.as_fd()
    }
}

fn is_passing(cause: &io::Error) -> bool {
    matches!(cause.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted)
}
