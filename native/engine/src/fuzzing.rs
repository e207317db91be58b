//! Doors for `native/fuzz`: the sockets' whole way from bytes to a role, without a process around it.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::num::NonZeroU8;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use culvert_core::{Aead, SourceCheck, Tunnel, TunnelOptions};
use rustix::event::{PollFd, Timespec, poll};

use crate::control::{ControlTalk, Engine, EventSink, Role, RoleKind, Status, events};
use crate::entropy::SystemEntropy;
use crate::local_socket::{Listener, Next, Server, Talk};
use crate::uapi::{Change, Configuration, Errno, UapiTalk};
use crate::{clock, connector, device, gateway};

pub use crate::connector::ShardDesk;

/// An engine as its callers see it.
pub struct Desk {
    engine: Engine,
    /// Events go there; nobody reads them.
    _source: Option<events::EventSource>,
    was_shut_down: bool,
}

impl Desk {
    /// A tunnel, with a port and a mark that are only numbers.
    pub fn device() -> Desk {
        Desk::of(Box::new(TunnelAlone::new()), None)
    }

    /// # Panics
    /// When the system has no descriptors left.
    pub fn gateway() -> Desk {
        Desk::started(|sink| {
            gateway::start(Default::default(), Aead::best(), sink)
                .map(|role| Box::new(role) as Box<dyn Role>)
        })
    }

    /// # Panics
    /// When the system has no descriptors left.
    pub fn connector() -> Desk {
        Desk::started(|sink| {
            connector::start(None, NonZeroU8::MIN, Aead::best(), sink)
                .map(|role| Box::new(role) as Box<dyn Role>)
        })
    }

    /// What comes back when this is sent piece by piece, and then no more.
    pub fn uapi(&mut self, pieces: &[Vec<u8>]) -> Vec<u8> {
        self.converse::<UapiTalk>(pieces)
    }

    /// As [`Desk::uapi`], line by line and without a socket between: what parser and role say, two hundred times as often.
    pub fn uapi_lines(&mut self, script: &[u8]) -> Vec<u8> {
        let (mut talk, mut answer) = (UapiTalk::default(), Vec::new());
        let mut lines = script.split(|byte| *byte == b'\n');
        // What follows the last line end is a line only if there is something in it.
        let last = lines.next_back().filter(|line| !line.is_empty());
        for line in lines.chain(last) {
            if talk.take_line(line, &mut self.engine, &mut answer) == Next::Close {
                return answer;
            }
        }
        talk.take_end(&mut self.engine, &mut answer);
        answer
    }

    pub fn control(&mut self, pieces: &[Vec<u8>]) -> Vec<u8> {
        self.converse::<ControlTalk>(pieces)
    }

    /// What `get=1` prints.
    pub fn show(&mut self) -> String {
        let said = self.uapi(&[b"get=1\n\n".to_vec()]);
        String::from_utf8_lossy(&said).into_owned()
    }

    pub fn was_shut_down(&self) -> bool {
        self.was_shut_down
    }

    pub fn stop(self) {
        self.engine.role.stop();
    }

    fn of(role: Box<dyn Role>, source: Option<events::EventSource>) -> Desk {
        Desk {
            engine: Engine::new(role),
            _source: source,
            was_shut_down: false,
        }
    }

    fn started(start: impl FnOnce(EventSink) -> std::io::Result<Box<dyn Role>>) -> Desk {
        let (sink, source) = must(events::channel());
        Desk::of(must(start(sink)), Some(source))
    }

    fn converse<T: Talk>(&mut self, pieces: &[Vec<u8>]) -> Vec<u8> {
        let path = socket_path();
        let listener = Listener::open(&path).unwrap_or_else(|fault| stop_with(&fault));
        let mut server = Server::<T>::new(listener);
        let mut caller = must(UnixStream::connect(&path));
        must(caller.set_nonblocking(true));
        let mut said = Vec::new();
        for piece in pieces {
            self.send(&mut server, &mut caller, piece, &mut said);
        }
        let _ = caller.shutdown(Shutdown::Write);
        while !self.turn(&mut server, &mut caller, &mut said) {}
        self.was_shut_down |= server.wants_shutdown();
        said
    }

    /// A caller that was hung up on sends no more.
    fn send<T: Talk>(
        &mut self,
        server: &mut Server<T>,
        caller: &mut UnixStream,
        piece: &[u8],
        said: &mut Vec<u8>,
    ) {
        let mut rest = piece;
        while !rest.is_empty() {
            match caller.write(rest) {
                Ok(written) => rest = rest.get(written..).unwrap_or_default(),
                Err(cause) if cause.kind() == ErrorKind::WouldBlock => {}
                Err(_) => return,
            }
            if self.turn(server, caller, said) {
                return;
            }
        }
    }

    /// What one round of the engine's loop does. True when the engine has hung up.
    fn turn<T: Talk>(
        &mut self,
        server: &mut Server<T>,
        caller: &mut UnixStream,
        said: &mut Vec<u8>,
    ) -> bool {
        let interests: Vec<_> = server.interests().collect();
        let mut fds: Vec<PollFd<'_>> = interests
            .iter()
            .map(|(fd, flags)| PollFd::new(fd, *flags))
            .collect();
        let at_once = Timespec {
            tv_sec: 0,
            tv_nsec: 0,
        };
        let _ = poll(&mut fds, Some(&at_once));
        let ready: Vec<_> = fds.iter().map(PollFd::revents).collect();
        server.handle(&ready, &mut self.engine);
        let mut part = [0; 65_536];
        loop {
            match caller.read(&mut part) {
                Ok(0) => return true,
                Ok(read) => said.extend_from_slice(part.get(..read).unwrap_or_default()),
                Err(cause) => return cause.kind() != ErrorKind::WouldBlock,
            }
        }
    }
}

/// A device without TUN and sockets.
struct TunnelAlone {
    tunnel: Tunnel,
    listen_port: u16,
    fwmark: u32,
}

impl TunnelAlone {
    fn new() -> TunnelAlone {
        let options = TunnelOptions {
            entropy: Arc::new(SystemEntropy),
            mtu: 1420,
            source_check: SourceCheck::AllowedIps,
        };
        TunnelAlone {
            tunnel: Tunnel::new(options, clock::now()),
            listen_port: 0,
            fwmark: 0,
        }
    }
}

impl Role for TunnelAlone {
    fn kind(&self) -> RoleKind {
        RoleKind::Device
    }

    fn status(&mut self) -> Status {
        Status::default()
    }

    fn wireguard(&mut self) -> Configuration {
        device::wireguard::configuration(&self.tunnel, self.listen_port, self.fwmark)
    }

    fn set_wireguard(&mut self, changes: Vec<Change>) -> Result<(), Errno> {
        for change in changes {
            match change {
                Change::PrivateKey(key) => self.tunnel.set_private_key(clock::now(), key),
                Change::ListenPort(port) => self.listen_port = port,
                Change::Fwmark(mark) => self.fwmark = mark,
                Change::ReplacePeers => self.tunnel.remove_all_peers(),
                Change::Peer(change) => device::wireguard::apply_peer(&self.tunnel, change, None),
            }
        }
        Ok(())
    }

    fn stop(self: Box<Self>) {}
}

fn socket_path() -> PathBuf {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let number = LAST.fetch_add(1, Ordering::Relaxed);
    let process = std::process::id();
    std::env::temp_dir().join(format!("culvert-fuzz-{process}-{number}.sock"))
}

fn must<T>(outcome: std::io::Result<T>) -> T {
    outcome.unwrap_or_else(|cause| stop_with(&cause))
}

/// Without its sockets a target would say nothing about the engine.
fn stop_with(cause: &dyn std::fmt::Display) -> ! {
    eprintln!("the fuzzing desk can not be set up: {cause}");
    std::process::exit(3)
}
