//! Datagrams and TCP connections from one host to another that nothing discourages.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{JoinHandle, sleep};
use std::time::{Duration, Instant};

use crate::lab::Host;

const PATIENCE: Duration = Duration::from_millis(500);
const PIECE: usize = 1200;

pub struct Flow {
    is_over: Arc<AtomicBool>,
    bytes: Arc<AtomicU64>,
    threads: Vec<JoinHandle<()>>,
}

impl Flow {
    pub fn start(from: &Host, to: &Host, address: &str) -> Flow {
        let (is_over, bytes) = (Arc::default(), Arc::default());
        let listen = SocketAddr::new(address.parse().unwrap(), 0);
        let open = move || {
            (
                TcpListener::bind(listen).unwrap(),
                UdpSocket::bind(listen).unwrap(),
            )
        };
        let (listener, socket) = to.within(open).join().unwrap();
        let [stream_to, send_to] = [listener.local_addr(), socket.local_addr()].map(Result::unwrap);
        let shared = (&is_over, &bytes);
        let threads = vec![
            run(to, shared, move |bytes| accept(&listener, bytes)),
            run(to, shared, move |bytes| receive(&socket, bytes)),
            run(from, shared, move |_| send(send_to)),
            run(from, shared, move |_| stream(stream_to)),
        ];
        Flow {
            is_over,
            bytes,
            threads,
        }
    }

    /// How many bytes have come so far.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Whether more come from now on.
    pub fn goes_on_within(&self, patience: Duration) -> bool {
        let (start, before) = (Instant::now(), self.bytes());
        while self.bytes() == before && start.elapsed() < patience {
            sleep(Duration::from_millis(1));
        }
        self.bytes() > before
    }

    /// How many bytes came.
    pub fn end(self) -> u64 {
        self.is_over.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().unwrap();
        }
        self.bytes.load(Ordering::Relaxed)
    }
}

fn run(
    host: &Host,
    (is_over, bytes): (&Arc<AtomicBool>, &Arc<AtomicU64>),
    work: impl Fn(&AtomicU64) + Send + 'static,
) -> JoinHandle<()> {
    let (is_over, bytes) = (Arc::clone(is_over), Arc::clone(bytes));
    host.within(move || {
        while !is_over.load(Ordering::Relaxed) {
            work(&bytes);
        }
    })
}

/// A burst, and an answer to it that may be lost.
fn send(to: SocketAddr) {
    let any = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).unwrap();
    for _ in 0..100 {
        for _ in 0..16 {
            let _ = socket.send_to(&[7; PIECE], to);
        }
        sleep(Duration::from_millis(1));
    }
    socket
        .set_read_timeout(Some(Duration::from_millis(1)))
        .unwrap();
    while socket.recv(&mut [0; PIECE]).is_ok() {}
}

fn receive(socket: &UdpSocket, bytes: &AtomicU64) {
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut room = [0; PIECE];
    while let Ok((length, from)) = socket.recv_from(&mut room) {
        bytes.fetch_add(length as u64, Ordering::Relaxed);
        let _ = socket.send_to(&room[..length], from);
    }
}

/// A megabyte, or as much as goes.
fn stream(to: SocketAddr) {
    let Ok(mut stream) = TcpStream::connect_timeout(&to, PATIENCE) else {
        return;
    };
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    for _ in 0..1000 {
        if stream.write_all(&[7; 1000]).is_err() {
            return;
        }
    }
}

fn accept(listener: &TcpListener, bytes: &AtomicU64) {
    listener.set_nonblocking(true).unwrap();
    let Ok((mut stream, _)) = listener.accept() else {
        return sleep(Duration::from_millis(5));
    };
    stream.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut room = [0; 1 << 14];
    while let Ok(length @ 1..) = stream.read(&mut room) {
        bytes.fetch_add(length as u64, Ordering::Relaxed);
    }
}
