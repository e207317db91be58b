//! A server of the private network that counts what it receives, and may send it back.

use std::net::UdpSocket;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::conversation::SERVER;

pub struct Sink {
    pub port: u16,
    received: Arc<AtomicU64>,
}

const ROOM_BYTES: usize = 16 << 20;

impl Sink {
    pub fn open(answers: bool) -> Self {
        let socket = UdpSocket::bind((SERVER, 0)).unwrap();
        // Nothing is to be lost here.
        rustix::net::sockopt::set_socket_recv_buffer_size_force(&socket, ROOM_BYTES).unwrap();
        let port = socket.local_addr().unwrap().port();
        let received = Arc::new(AtomicU64::new(0));
        let count = Arc::clone(&received);
        thread::spawn(move || {
            let mut data = [0; 16_384];
            while let Ok((len, peer)) = socket.recv_from(&mut data) {
                count.fetch_add(1, Ordering::Release);
                if answers {
                    drop(socket.send_to(&data[..len], peer));
                }
            }
        });
        Self { port, received }
    }

    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Acquire)
    }

    pub fn until(&self, is_enough: impl Fn(u64) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !is_enough(self.received()) {
            assert!(Instant::now() < deadline, "{} came", self.received());
            thread::sleep(Duration::from_millis(1));
        }
    }
}
