//! Moves bytes between the endpoint's two rings and the flow's socket, as far as either side takes them.

use std::io::{self, Read};

use smoltcp::socket::tcp;
use socket2::Socket;

/// The target's side of a flow: its socket, and what is known of it.
pub(crate) struct TargetSide {
    pub(crate) socket: Socket,
    /// Edge-triggered readiness: true until the kernel has said "would block".
    readable: bool,
    writable: bool,
    /// A read that brings less than it was asked for says nothing: only one that brings nothing does.
    more_behind: bool,
    /// The target has sent its FIN, and the endpoint was told to send ours.
    pub(crate) finished: bool,
    pub(crate) device_fin_seen: bool,
    /// All that the device sent before its FIN was written to the target.
    pub(crate) device_finished: bool,
}

impl TargetSide {
    pub(crate) fn new(socket: Socket) -> Self {
        Self {
            socket,
            readable: true,
            writable: true,
            more_behind: false,
            finished: false,
            device_fin_seen: false,
            device_finished: false,
        }
    }

    /// `more_behind`: a read stops before an end, an error or a byte that was sent as urgent, though more can be read.
    pub(crate) fn note_ready(&mut self, more_behind: bool) {
        self.readable = true;
        self.writable = true;
        self.more_behind |= more_behind;
    }

    /// Moves what can be moved, both ways. True: there was something.
    pub(crate) fn exchange(&mut self, endpoint: &mut tcp::Socket<'_>) -> bool {
        let has_come = endpoint.recv_queue() > 0;
        self.write_to_target(endpoint);
        let before = endpoint.send_queue();
        self.read_from_target(endpoint);
        has_come || endpoint.send_queue() != before
    }

    fn write_to_target(&mut self, endpoint: &mut tcp::Socket<'_>) {
        while self.writable && endpoint.can_recv() {
            let sent = endpoint.recv(|bytes| {
                let sent = self.socket.send_with_flags(bytes, libc::MSG_NOSIGNAL);
                (*sent.as_ref().unwrap_or(&0), sent)
            });
            match sent {
                Ok(Ok(_)) => {}
                Ok(Err(error)) if is_interrupted(&error) => {}
                Ok(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.writable = false;
                }
                Ok(Err(_)) => return endpoint.abort(),
                // The handshake is not complete: nothing may be taken out yet.
                Err(_) => return,
            }
        }
        self.pass_fin_on(endpoint);
    }

    fn pass_fin_on(&mut self, endpoint: &tcp::Socket<'_>) {
        self.device_fin_seen |= has_received_fin(endpoint.state());
        if self.device_fin_seen && !endpoint.can_recv() && !self.device_finished {
            self.device_finished = true;
            // Fails when the target has reset the connection, which the next read tells better.
            let _ = self.socket.shutdown(std::net::Shutdown::Write);
        }
    }

    fn read_from_target(&mut self, endpoint: &mut tcp::Socket<'_>) {
        while self.readable && endpoint.can_send() {
            let mut asked = 0;
            let read = endpoint.send(|room| {
                asked = room.len();
                let read = (&self.socket).read(room);
                (*read.as_ref().unwrap_or(&0), read)
            });
            match read {
                Ok(Ok(0)) => {
                    self.readable = false;
                    self.finished = true;
                    return endpoint.close();
                }
                // It has no more (epoll(7)); whatever comes from now on is told anew.
                Ok(Ok(len)) if len < asked && !self.more_behind => self.readable = false,
                Ok(Ok(_)) => {}
                Ok(Err(error)) if is_interrupted(&error) => {}
                Ok(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.readable = false;
                }
                Ok(Err(_)) => return endpoint.abort(),
                Err(_) => return,
            }
        }
    }
}

fn has_received_fin(state: tcp::State) -> bool {
    matches!(
        state,
        tcp::State::CloseWait | tcp::State::LastAck | tcp::State::Closing | tcp::State::TimeWait
    )
}

fn is_interrupted(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::Interrupted
}
