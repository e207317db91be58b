//! What the connections go to, in a process of its own, for each connection takes a descriptor on either side.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

use crate::lab::{SERVER, at};

pub(super) const ECHO: u16 = 7000;
pub(super) const DOWNLOAD: u16 = 7001;
pub(super) const DOWNLOAD_BYTES: usize = 2 << 20;

pub(super) fn start_server() -> Child {
    let program = std::env::current_exe().unwrap();
    let mut server = Command::new(program)
        .arg("serve")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    server
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut [0; 1])
        .unwrap();
    server
}

pub(super) fn stop(mut server: Child) {
    server.kill().unwrap();
    server.wait().unwrap();
}

pub(super) fn serve() {
    let echo = TcpListener::bind(at(SERVER, ECHO)).unwrap();
    let download = TcpListener::bind(at(SERVER, DOWNLOAD)).unwrap();
    std::io::stdout().write_all(b"\n").unwrap();
    std::thread::spawn(move || {
        for peer in download.incoming() {
            let mut peer = peer.unwrap();
            std::thread::spawn(move || {
                peer.write_all(&vec![7; DOWNLOAD_BYTES]).unwrap();
                let _ = peer.read_exact(&mut [0; 1]);
            });
        }
    });
    echo_all(&echo);
}

/// All connections in one thread, so that thousands of them cost memory only here.
fn echo_all(listener: &TcpListener) {
    use rustix::event::epoll;
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
    let listening = epoll::EventData::new_u64(0);
    epoll::add(&epoll, listener, listening, epoll::EventFlags::IN).unwrap();
    let mut peers: HashMap<u64, TcpStream> = HashMap::new();
    let mut events = [epoll::Event {
        flags: epoll::EventFlags::empty(),
        data: listening,
    }; 256];
    for number in 1.. {
        let ready = epoll::wait(&epoll, &mut events, None).unwrap();
        for event in &events[..ready] {
            let id = event.data.u64();
            let Some(peer) = peers.get_mut(&id) else {
                let (peer, _) = listener.accept().unwrap();
                let data = epoll::EventData::new_u64(number);
                epoll::add(&epoll, &peer, data, epoll::EventFlags::IN).unwrap();
                peers.insert(number, peer);
                break;
            };
            let mut byte = [0; 1];
            if !matches!(peer.read(&mut byte), Ok(1)) || peer.write_all(&byte).is_err() {
                peers.remove(&id);
            }
        }
    }
}
