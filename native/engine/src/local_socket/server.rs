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

    /// It is meant to be silent: it waits for what we say.
    fn is_watching(&self) -> bool {
        false
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

/// The next one takes the place of whoever has been idle longest, watchers apart.
const MOST_CALLERS: usize = 64;
/// Nobody has to make room sooner: a caller may need this between connecting and its first byte, on a busy machine.
const SHORTEST_STAY: Duration = Duration::from_millis(50);
/// A watcher that does not read is let go before it costs more than this.
const MOST_UNREAD_BYTES: usize = 4 << 20;

/// When nobody can be let in, for want of descriptors or because all watch: trying at once again would only heat a processor.
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
    /// When it last sent something, or took something of an answer.
    active_at: Instant,
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
        let listening = if self.rests_until.is_none() {
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

    /// Says this to everybody who watches, without being asked.
    pub(crate) fn tell_watchers(&mut self, line: &[u8]) {
        for caller in self
            .callers
            .iter_mut()
            .filter(|caller| caller.talk.is_watching())
        {
            caller.conversation.say(line);
            let is_gone = caller.conversation.flush().is_err();
            caller.is_done |= is_gone || caller.conversation.unsent_bytes() > MOST_UNREAD_BYTES;
        }
        self.callers.retain(|caller| !caller.is_done);
    }

    fn welcome(&mut self) {
        while self.has_room() {
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
            self.callers.push(Caller::new(conversation));
        }
    }

    /// Hangs up on somebody where that is needed, or says until when nobody can be let in.
    fn has_room(&mut self) -> bool {
        if self.callers.len() < MOST_CALLERS {
            return true;
        }
        let now = Instant::now();
        let callers = self.callers.iter().enumerate();
        let idlest = callers
            .filter(|(_, caller)| !caller.talk.is_watching())
            .map(|(index, caller)| (caller.active_at + SHORTEST_STAY, index))
            .min();
        match idlest {
            Some((stays_until, index)) if stays_until <= now => {
                self.callers.remove(index);
                true
            }
            Some((stays_until, _)) => {
                self.rests_until = Some(stays_until);
                false
            }
            None => {
                self.rests_until = Some(now + REST);
                false
            }
        }
    }
}

impl<T: Talk> Caller<T> {
    fn new(conversation: Conversation) -> Caller<T> {
        Caller {
            conversation,
            talk: T::default(),
            active_at: Instant::now(),
            is_closing: false,
            is_done: false,
        }
    }

    fn handle(&mut self, ready: PollFlags, engine: &mut Engine) -> Next {
        self.active_at = Instant::now();
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
