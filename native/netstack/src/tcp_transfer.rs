//! Moves bytes between the endpoint's two rings and the flow's socket, as far as either side takes them.

use std::io::{self, Read};

use smoltcp::socket::tcp;
use socket2::Socket;

/// The flow's own socket, and what is known of it, while the endpoint is borrowed.
pub(crate) struct Ends<'a> {
    pub(crate) socket: &'a Socket,
    pub(crate) readable: &'a mut bool,
    pub(crate) writable: &'a mut bool,
    pub(crate) target_finished: &'a mut bool,
    pub(crate) device_fin_seen: &'a mut bool,
    pub(crate) device_finished: &'a mut bool,
}

impl Ends<'_> {
    pub(crate) fn write_to_target(&mut self, endpoint: &mut tcp::Socket<'_>) {
        while *self.writable && endpoint.can_recv() {
            let sent = endpoint.recv(|bytes| {
                let sent = self.socket.send_with_flags(bytes, libc::MSG_NOSIGNAL);
                (*sent.as_ref().unwrap_or(&0), sent)
            });
            match sent {
                Ok(Ok(_)) => {}
                Ok(Err(error)) if is_interrupted(&error) => {}
                Ok(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    *self.writable = false
                }
                Ok(Err(_)) => return endpoint.abort(),
                // The handshake is not complete: nothing may be taken out yet.
                Err(_) => return,
            }
        }
        *self.device_fin_seen |= has_received_fin(endpoint.state());
        if *self.device_fin_seen && !endpoint.can_recv() && !*self.device_finished {
            *self.device_finished = true;
            // Fails when the target has reset the connection, which the next read tells better.
            let _ = self.socket.shutdown(std::net::Shutdown::Write);
        }
    }

    pub(crate) fn read_from_target(&mut self, endpoint: &mut tcp::Socket<'_>) {
        while *self.readable && endpoint.can_send() {
            let read = endpoint.send(|room| {
                let read = (&mut &*self.socket).read(room);
                (*read.as_ref().unwrap_or(&0), read)
            });
            match read {
                Ok(Ok(0)) => {
                    *self.readable = false;
                    *self.target_finished = true;
                    return endpoint.close();
                }
                Ok(Ok(_)) => {}
                Ok(Err(error)) if is_interrupted(&error) => {}
                Ok(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    *self.readable = false
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
