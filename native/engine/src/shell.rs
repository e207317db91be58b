//! The thread that every role has: control socket, UAPI, signals and the role's timers, in one poll loop.

use std::path::{Path, PathBuf};
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use thiserror::Error;

use crate::arguments::Arguments;
use crate::control::events::EventSource;
use crate::control::{ControlTalk, Engine, Role};
use crate::local_socket::{Listener, Server, SocketFault};
use crate::setback::Setback;
use crate::signals::Signals;
use crate::uapi::UapiTalk;
use crate::{log_debug, log_info};

const UAPI_FOLDER: &str = "/var/run/wireguard";

#[derive(Debug, Error)]
pub(crate) enum ShellFault {
    #[error("{0}")]
    Role(String),
}

/// The listeners, made before the role so that a second engine stops before it touches anything.
#[derive(Debug)]
pub(crate) struct Sockets {
    control: Option<Listener>,
    uapi: Option<Listener>,
}

pub(crate) fn open_sockets(arguments: &Arguments) -> Result<Sockets, SocketFault> {
    let control = arguments
        .control
        .as_deref()
        .map(Listener::open)
        .transpose()?;
    let uapi = arguments.uapi.as_deref().map(uapi_path);
    let uapi = uapi
        .as_deref()
        .map(Listener::open_with_folder)
        .transpose()?;
    Ok(Sockets { control, uapi })
}

fn uapi_path(name: &str) -> PathBuf {
    Path::new(UAPI_FOLDER).join(format!("{name}.sock"))
}

pub(crate) struct Shell {
    engine: Engine,
    control: Option<Server<ControlTalk>>,
    uapi: Option<Server<UapiTalk>>,
    signals: Signals,
    events: EventSource,
    setback: Setback,
}

impl Shell {
    pub(crate) fn new(
        role: Box<dyn Role>,
        sockets: Sockets,
        signals: Signals,
        events: EventSource,
    ) -> Shell {
        let control = sockets.control.map(Server::new);
        let uapi = sockets.uapi.map(Server::new);
        Shell {
            engine: Engine::new(role),
            control,
            uapi,
            signals,
            events,
            setback: Setback::default(),
        }
    }

    /// Serves until a signal, a `shutdown` or the role's failure. Everything made is removed then.
    pub(crate) fn run(mut self) -> Result<(), ShellFault> {
        let outcome = self.serve();
        log_info!("leaving");
        self.engine.role.stop();
        outcome
    }

    fn serve(&mut self) -> Result<(), ShellFault> {
        loop {
            let ready = match self.wait() {
                Ok(ready) => ready,
                Err(errno) => {
                    self.setback.wait_after("waiting for work failed", errno);
                    continue;
                }
            };
            if ready.signal {
                return Ok(());
            }
            self.handle(&ready);
            if let Some(sentence) = self.engine.role.failure() {
                return Err(ShellFault::Role(sentence));
            }
            if self.control.as_ref().is_some_and(Server::wants_shutdown) {
                log_debug!("shutdown was asked for on the control socket");
                return Ok(());
            }
        }
    }

    fn wait(&self) -> Result<Ready, Errno> {
        let watched = self.engine.role.watched();
        let mut fds = vec![
            PollFd::new(&self.signals, PollFlags::IN),
            PollFd::new(&self.events, PollFlags::IN),
        ];
        fds.extend(watched.iter().map(|fd| PollFd::new(fd, PollFlags::IN)));
        let before_control = fds.len();
        let control = self
            .control
            .iter()
            .flat_map(Server::interests)
            .collect::<Vec<_>>();
        fds.extend(control.iter().map(|(fd, flags)| PollFd::new(fd, *flags)));
        let before_uapi = fds.len();
        let uapi = self
            .uapi
            .iter()
            .flat_map(Server::interests)
            .collect::<Vec<_>>();
        fds.extend(uapi.iter().map(|(fd, flags)| PollFd::new(fd, *flags)));

        poll_until(&mut fds, self.next_wakeup())?;
        let mut outcomes: Vec<PollFlags> = fds.iter().map(PollFd::revents).collect();
        let uapi = outcomes.split_off(before_uapi);
        let control = outcomes.split_off(before_control);
        let is_ready = |index: usize| outcomes.get(index).is_some_and(|flags| !flags.is_empty());
        Ok(Ready {
            signal: is_ready(0),
            event: is_ready(1),
            watched: is_ready(2),
            control,
            uapi,
        })
    }

    fn next_wakeup(&self) -> Option<Instant> {
        let control = self.control.as_ref().and_then(Server::next_wakeup);
        let uapi = self.uapi.as_ref().and_then(Server::next_wakeup);
        let wakeups = [self.engine.role.next_wakeup(), control, uapi];
        wakeups.into_iter().flatten().min()
    }

    fn handle(&mut self, ready: &Ready) {
        if ready.watched {
            self.engine.role.handle_watched();
        }
        if let Some(server) = &mut self.uapi {
            server.handle(&ready.uapi, &mut self.engine);
        }
        if let Some(server) = &mut self.control {
            server.handle(&ready.control, &mut self.engine);
        }
        self.engine.role.wake(Instant::now());
        if ready.event {
            self.tell_events();
        }
    }

    fn tell_events(&mut self) {
        for event in self.events.drain() {
            if let Some(server) = &mut self.control {
                server.tell_watchers(&ControlTalk::event_line(&event));
            }
        }
    }
}

struct Ready {
    signal: bool,
    event: bool,
    watched: bool,
    control: Vec<PollFlags>,
    uapi: Vec<PollFlags>,
}

fn poll_until(fds: &mut [PollFd<'_>], deadline: Option<Instant>) -> Result<(), Errno> {
    let timeout = deadline.and_then(|deadline| {
        Timespec::try_from(deadline.saturating_duration_since(Instant::now())).ok()
    });
    // Keys were moved through many hands.
    culvert_core::scrub_stack();
    match poll(fds, timeout.as_ref()) {
        Err(Errno::INTR) => Ok(()),
        outcome => outcome.map(|_| ()),
    }
}
