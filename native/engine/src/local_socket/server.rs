use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

use rustix::event::PollFlags;
use std::os::fd::AsFd;
use zeroize::Zeroizing;

use super::conversation::{Conversation, Line};
use super::listener::Listener;
use crate::control::Engine;
use crate::log_warn;

/// One caller's side of a protocol made of lines.
pub(crate) trait Talk: Default {
    const LONGEST_LINE: usize;

    fn take_line(&mut self, line: &[u8], engine: &mut Engine, answer: &mut Vec<u8>) -> Next;

    fn take_too_long(&mut self, answer: &mut Vec<u8>);

    /// The caller sends no more.
    fn take_end(&mut self, engine: &mut Engine, answer: &mut Vec<u8>) {
        let _ = (engine, answer);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    GoOn,
    /// Answer, then hang up.
    Close,
    /// Answer, then leave.
    Shutdown,
}

/// More callers wait in the kernel's queue.
const MOST_CALLERS: usize = 64;
/// A watcher that does not read is let go before it costs more than this.
const MOST_UNREAD_BYTES: usize = 4 << 20;

/// When nobody can be let in, for want of descriptors above all: trying at once again would only heat a processor.
const REST: Duration = Duration::from_millis(100);

/// A listener and those who have called.
#[derive(Debug)]
pub(crate) struct Server<T> {
    listener: Listener,
    callers: Vec<Caller<T>>,
    rests_until: Option<Instant>,
    /// The last caller could not be let in, which was said once.
    is_short: bool,
    wants_shutdown: bool,
}

#[derive(Debug)]
struct Caller<T> {
    conversation: Conversation,
    talk: T,
    /// The last answer is on its way; then it is over.
    is_closing: bool,
    is_done: bool,
}

impl<T: Talk> Server<T> {
    pub(crate) fn new(listener: Listener) -> Server<T> {
        Server {
            listener,
            callers: Vec::new(),
            rests_until: None,
            is_short: false,
            wants_shutdown: false,
        }
    }

    /// What to poll, the listener first. [`Server::handle`] takes the outcomes in the same order.
    pub(crate) fn interests(&self) -> impl Iterator<Item = (BorrowedFd<'_>, PollFlags)> {
        let has_room = self.callers.len() < MOST_CALLERS;
        let listening = if has_room && self.rests_until.is_none() {
            PollFlags::IN
        } else {
            PollFlags::empty()
        };
        let callers = self.callers.iter();
        let callers =
            callers.map(|caller| (caller.conversation.as_fd(), caller.conversation.interest()));
        std::iter::once((self.listener.as_fd(), listening)).chain(callers)
    }

    pub(crate) fn handle(&mut self, ready: &[PollFlags], engine: &mut Engine) {
        self.rests_until = self.rests_until.filter(|until| Instant::now() < *until);
        let Some((listener, callers)) = ready.split_first() else {
            return;
        };
        for (caller, ready) in self.callers.iter_mut().zip(callers) {
            if !ready.is_empty() {
                self.wants_shutdown |= caller.handle(*ready, engine) == Next::Shutdown;
            }
        }
        self.callers.retain(|caller| !caller.is_done);
        if !listener.is_empty() {
            self.welcome();
        }
    }

    /// When it wants to be polled again even if nothing happens.
    pub(crate) fn next_wakeup(&self) -> Option<Instant> {
        self.rests_until
    }

    pub(crate) fn wants_shutdown(&self) -> bool {
        self.wants_shutdown
    }

    /// Says this to every caller that `is_meant` picks, without being asked.
    pub(crate) fn tell(&mut self, line: &[u8], is_meant: impl Fn(&T) -> bool) {
        for caller in self
            .callers
            .iter_mut()
            .filter(|caller| is_meant(&caller.talk))
        {
            caller.conversation.say(line);
            let is_gone = caller.conversation.flush().is_err();
            caller.is_done |= is_gone || caller.conversation.unsent_bytes() > MOST_UNREAD_BYTES;
        }
        self.callers.retain(|caller| !caller.is_done);
    }

    fn welcome(&mut self) {
        while self.callers.len() < MOST_CALLERS {
            let stream = match self.listener.accept() {
                Ok(Some(stream)) => stream,
                Ok(None) => return,
                Err(cause) => {
                    if !self.is_short {
                        log_warn!("callers of the local sockets have to wait: {cause}");
                    }
                    self.is_short = true;
                    self.rests_until = Some(Instant::now() + REST);
                    return;
                }
            };
            self.is_short = false;
            let conversation = Conversation::new(stream);
            let talk = T::default();
            self.callers.push(Caller {
                conversation,
                talk,
                is_closing: false,
                is_done: false,
            });
        }
    }
}

impl<T: Talk> Caller<T> {
    fn handle(&mut self, ready: PollFlags, engine: &mut Engine) -> Next {
        let may_read = ready.intersects(PollFlags::IN | PollFlags::HUP | PollFlags::ERR);
        let is_gone = self.conversation.flush().is_err()
            || (may_read && !self.is_closing && self.conversation.fill().is_err());
        let next = if is_gone || self.is_closing {
            Next::Close
        } else {
            self.answer_lines(engine)
        };
        self.is_closing |= next != Next::GoOn;
        self.is_done = is_gone || (self.is_closing && self.conversation.unsent_bytes() == 0);
        next
    }

    /// One answer leaves before the next request is looked at.
    fn answer_lines(&mut self, engine: &mut Engine) -> Next {
        let mut answer = Zeroizing::new(Vec::new());
        let mut next = Next::GoOn;
        while next == Next::GoOn && self.conversation.unsent_bytes() == 0 {
            next = match self.conversation.take_line(T::LONGEST_LINE) {
                Line::Whole(line) => {
                    self.talk
                        .take_line(&Zeroizing::new(line), engine, &mut answer)
                }
                Line::TooLong => {
                    self.talk.take_too_long(&mut answer);
                    Next::Close
                }
                Line::Partial if self.conversation.has_ended() => {
                    self.answer_end(engine, &mut answer)
                }
                Line::Partial => return Next::GoOn,
            };
            self.conversation.say(&answer);
            answer.clear();
            if self.conversation.flush().is_err() {
                return Next::Close;
            }
        }
        next
    }

    fn answer_end(&mut self, engine: &mut Engine, answer: &mut Vec<u8>) -> Next {
        let rest = Zeroizing::new(self.conversation.take_rest());
        if !rest.is_empty() {
            self.talk.take_line(&rest, engine, answer);
        }
        self.talk.take_end(engine, answer);
        Next::Close
    }
}
