//! What the connections go to, in a process of its own, for each connection takes a descriptor on either side.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};

use crate::lab::{SERVER, at};

pub(super) const ECHO: u16 = 7000;
pub(super) const DOWNLOAD: u16 = 7001;
pub(super) const DOWNLOAD_BYTES: usize = 2 << 20;
/// These echo as well, and tell when they have done so [`TURN`] times.
pub(super) const TURNS_TCP: u16 = 7002;
pub(super) const TURNS_UDP: u16 = 7003;
pub(super) const TURN: usize = 10;

pub(super) struct Server(Child);

impl Server {
    pub(super) fn start() -> Self {
        let program = std::env::current_exe().unwrap();
        let child = Command::new(program)
            .arg("serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut server = Self(child);
        server.hear();
        server
    }

    pub(super) fn wait_for_turn(&mut self) {
        self.hear();
    }

    fn hear(&mut self) {
        let said = self.0.stdout.as_mut().unwrap();
        said.read_exact(&mut [0; 1]).unwrap();
    }

    pub(super) fn stop(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

pub(super) fn serve() {
    let echo = TcpListener::bind(at(SERVER, ECHO)).unwrap();
    let download = TcpListener::bind(at(SERVER, DOWNLOAD)).unwrap();
    let turns = TcpListener::bind(at(SERVER, TURNS_TCP)).unwrap();
    let datagrams = UdpSocket::bind(at(SERVER, TURNS_UDP)).unwrap();
    say();
    std::thread::spawn(move || echo_all(&turns, &mut Turn::default()));
    std::thread::spawn(move || echo_datagrams(&datagrams));
    std::thread::spawn(move || {
        for peer in download.incoming() {
            let mut peer = peer.unwrap();
            std::thread::spawn(move || {
                peer.write_all(&vec![7; DOWNLOAD_BYTES]).unwrap();
                let _ = peer.read_exact(&mut [0; 1]);
            });
        }
    });
    echo_all(&echo, &mut ());
}

fn say() {
    let mut out = std::io::stdout();
    out.write_all(b"\n").and_then(|()| out.flush()).unwrap();
}

/// Told of each echo.
trait Echoes {
    fn note(&mut self);
}

impl Echoes for () {
    fn note(&mut self) {}
}

#[derive(Default)]
struct Turn(usize);

impl Echoes for Turn {
    fn note(&mut self) {
        self.0 += 1;
        if self.0.is_multiple_of(TURN) {
            say();
        }
    }
}

fn echo_datagrams(socket: &UdpSocket) {
    let (mut datagram, mut turn) = ([0; 2048], Turn::default());
    while let Ok((len, from)) = socket.recv_from(&mut datagram) {
        socket.send_to(&datagram[..len], from).unwrap();
        turn.note();
    }
}

/// All connections in one thread, so that thousands of them cost memory only here.
fn echo_all(listener: &TcpListener, echoes: &mut impl Echoes) {
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
            let mut bytes = [0; 64];
            match peer.read(&mut bytes) {
                Ok(len) if len > 0 && peer.write_all(&bytes[..len]).is_ok() => echoes.note(),
                _ => drop(peers.remove(&id)),
            }
        }
    }
}
