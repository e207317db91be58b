//! A recorded handshake after the responder was killed, line 9. Needs root and `wg`.
//!
//! ```text
//!   near 10.5.0.1 ══ relay 192.0.2.2:4000, which records ══ far 10.5.0.2, killed and started again
//! ```
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // test builders, outside #[test] functions

mod device;
mod lab;

use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::time::Duration;

use device::Device;
use lab::folder::{Folder, Keys};
use lab::running::Running;
use lab::{Host, unique};

const INITIATION: u8 = 1;

#[test]
fn line_9_a_recorded_initiation_is_not_answered_after_a_kill_when_there_is_a_state_file() {
    let scene = Scene::new();
    let state = scene.folder.join("state");

    let (fresh, replayed) =
        scene.answers_before_and_after_a_kill(&format!("--state {}", state.display()));

    assert_eq!((fresh, replayed), (true, false));
    assert_eq!(mode(&state), 0o600);
}

/// What the state file is for: if this fails, the test above shows nothing.
#[test]
fn line_9_without_a_state_file_the_same_initiation_is_answered_again() {
    assert_eq!(
        Scene::new().answers_before_and_after_a_kill(""),
        (true, true)
    );
}

struct Scene {
    one: Host,
    other: Host,
    folder: Folder,
}

impl Scene {
    fn new() -> Scene {
        let (one, other) = Host::pair();
        Scene {
            one,
            other,
            folder: Folder::new(),
        }
    }

    /// Whether a recorded initiation was answered when it was fresh, and by the next engine of that key.
    fn answers_before_and_after_a_kill(&self, options: &str) -> (bool, bool) {
        let near = Device::start(&self.one, &self.folder, 1);
        let (name, keys) = (unique("a"), Keys::new(&self.folder));
        let mut engine = self.start(&name, &keys, &near, options);
        near.wg(&format!(
            "peer {} endpoint 192.0.2.2:4000 allowed-ips 10.5.0.2/32",
            keys.public
        ));
        let recorder = self.other.within(record_one_initiation);
        self.one.run("ping", "-c 1 -W 0.1 10.5.0.2");
        let initiation = recorder.join().unwrap();

        let fresh = self.is_answered(initiation.clone());
        engine.signal(libc::SIGKILL);
        engine.end();
        drop(engine);
        let _again = self.start(&name, &keys, &near, options);
        (fresh, self.is_answered(initiation))
    }

    fn start(&self, name: &str, keys: &Keys, near: &Device<'_>, options: &str) -> Running {
        let running = self.other.start_engine(name, options);
        let (own, peer) = (keys.file.display(), &near.keys.public);
        self.other.must(
            "wg",
            &format!(
                "set {name} private-key {own} listen-port 2111 peer {peer} allowed-ips 10.5.0.1/32"
            ),
        );
        running
    }

    fn is_answered(&self, initiation: Vec<u8>) -> bool {
        let asked = self.other.within(move || {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            socket
                .set_read_timeout(Some(Duration::from_secs(5)))
                .unwrap();
            let to: SocketAddr = "127.0.0.1:2111".parse().unwrap();
            socket.send_to(&initiation, to).unwrap();
            let mut answer = [0; 256];
            matches!(socket.recv(&mut answer), Ok(92)) && answer[0] == 2
        });
        asked.join().unwrap()
    }
}

fn record_one_initiation() -> Vec<u8> {
    let socket = UdpSocket::bind("192.0.2.2:4000").unwrap();
    socket
        .set_read_timeout(Some(Duration::from_secs(5)))
        .unwrap();
    let mut datagram = vec![0; 2048];
    let length = socket.recv(&mut datagram).unwrap();
    datagram.truncate(length);
    assert_eq!((length, datagram[0]), (148, INITIATION));
    datagram
}

fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().unwrap().permissions().mode() & 0o777
}
