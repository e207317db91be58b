use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;

use crate::bell::Bell;

/// What watchers are told. Times are Unix milliseconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(
    tag = "kind",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase"
)]
pub(crate) enum Event {
    PeerHandshake {
        id: String,
        at: u64,
        endpoint: Option<String>,
    },
    PeerLost {
        id: String,
        at: u64,
    },
    FlowDenied {
        device_id: String,
        destination: String,
        protocol: String,
        port: Option<u16>,
        rule_id: Option<String>,
        at: u64,
    },
}

/// Events that wait for the control thread. When it lags behind by more, the oldest go: `status` has the truth.
const MOST_WAITING: usize = 4096;

type Queue = Arc<Mutex<VecDeque<Event>>>;

/// The data threads' end. Cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct EventSink {
    queue: Queue,
    bell: Bell,
}

/// The control thread's end.
#[derive(Debug)]
pub(crate) struct EventSource {
    queue: Queue,
    bell: Bell,
}

pub(crate) fn channel() -> io::Result<(EventSink, EventSource)> {
    let (queue, bell) = (Queue::default(), Bell::new()?);
    Ok((
        EventSink {
            queue: queue.clone(),
            bell: bell.clone(),
        },
        EventSource { queue, bell },
    ))
}

impl EventSink {
    pub(crate) fn send(&self, event: Event) {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        if queue.len() == MOST_WAITING {
            queue.pop_front();
        }
        queue.push_back(event);
        drop(queue);
        self.wake();
    }

    /// Has the control thread call `Role::wake`, and ask for the next wake-up again.
    pub(crate) fn wake(&self) {
        self.bell.ring();
    }
}

impl EventSource {
    pub(crate) fn drain(&self) -> VecDeque<Event> {
        self.bell.silence();
        std::mem::take(&mut *self.queue.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl AsFd for EventSource {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.bell.as_fd()
    }
}
