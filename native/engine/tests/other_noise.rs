//! Line 1 with somebody else's Noise: the handshakes are made by the crate `snow`, the frames around them and mac1 by this
//! test, as the whitepaper has them. Nothing of ours is on that side. Needs root.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "for tests only; one that is wrong should say so at once"
)]

#[path = "other_noise/framing.rs"]
mod framing;
mod lab;

use std::net::UdpSocket;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use framing::{INDEX, Keys, PRESHARED, Session, initiation, mac1, number, response};
use lab::running::Running;
use lab::sockets::{exchange, uapi_socket};
use lab::{Host, unique};

#[test]
fn line_1_who_begins_with_another_noise_is_answered_and_its_ping_too() {
    let scene = Scene::new();
    scene.configure("");
    let (mine, engine, port) = (scene.mine.clone(), scene.engine.public, scene.port);

    let talk = scene.host.within(move || {
        let socket = socket(port);
        let noise = mine.noise().remote_public_key(&engine).unwrap();
        let mut noise = noise.build_initiator().unwrap();
        socket.send(&initiation(&mut noise, &engine)).unwrap();

        let response = receive(&socket);
        assert_eq!((response.len(), &response[..4]), (92, &[2, 0, 0, 0][..]));
        assert_eq!(number(&response, 8), INDEX);
        let payload = noise.read_message(&response[12..60], &mut []).unwrap();
        assert_eq!(payload, 0);
        assert_eq!(response[60..76], mac1(&mine.public, &response[..60]));
        assert_eq!(response[76..], [0; 16], "mac2 without a cookie");

        let mut session = Session::of(noise, number(&response, 4));
        assert_pinged(&mut session, &socket);
        socket.send(&session.seal(&[])).unwrap();
    });
    talk.join().unwrap();

    // Handshake, a ping of 37 bytes padded to 48, a keepalive; and the answers to the first two.
    scene.awaits(&[
        "rx_bytes=260\n",
        "tx_bytes=172\n",
        "last_handshake_time_sec=1",
    ]);
}

#[test]
fn line_1_who_answers_with_another_noise_is_understood_and_confirmed_at_once() {
    let scene = Scene::new();
    let (mine, engine) = (scene.mine.clone(), scene.engine.public);
    let (tell, port) = std::sync::mpsc::channel();

    let talk = scene.host.within(move || {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        tell.send(socket.local_addr().unwrap().port()).unwrap();
        let mut noise = mine.noise().build_responder().unwrap();
        let mut initiation = [0; 2048];
        let (length, from) = socket.recv_from(&mut initiation).unwrap();
        socket.connect(from).unwrap();
        let initiation = &initiation[..length];

        assert_eq!((length, &initiation[..4]), (148, &[1, 0, 0, 0][..]));
        let mut timestamp = [0; 12];
        let payload = noise.read_message(&initiation[8..116], &mut timestamp);
        assert_eq!(payload.unwrap(), 12);
        assert_eq!(noise.get_remote_static(), Some(&engine[..]));
        assert!(timestamp[..8] > 0x4000_0000_6000_0000_u64.to_be_bytes()[..]);
        assert_eq!(initiation[116..132], mac1(&mine.public, &initiation[..116]));
        let index = number(initiation, 4);
        socket.send(&response(&mut noise, index, &engine)).unwrap();

        let mut session = Session::of(noise, index);
        assert_eq!(
            session.open(&receive(&socket)),
            [],
            "the keepalive that confirms"
        );
        assert_pinged(&mut session, &socket);
    });
    let endpoint = format!("endpoint=127.0.0.1:{}\n", port.recv().unwrap());
    scene.configure(&format!("{endpoint}persistent_keepalive_interval=25\n"));

    talk.join().unwrap();
}

const PATIENCE: Duration = Duration::from_secs(5);

/// An engine whose address inside is 10.189.129.1, and the keys of a peer that has .2.
struct Scene {
    host: Host,
    socket: PathBuf,
    port: u16,
    engine: Keys,
    mine: Keys,
    _running: Running,
}

impl Scene {
    fn new() -> Scene {
        let (host, name) = (Host::new(), unique("a"));
        let _running = host.start_engine(&name, "");
        host.has(&name, &["10.189.129.1/24"]);
        host.ip(&format!("link set {name} up"));
        Scene {
            socket: uapi_socket(&name),
            port: 2111,
            engine: Keys::new(),
            mine: Keys::new(),
            host,
            _running,
        }
    }

    fn configure(&self, of_the_peer: &str) {
        let script = format!(
            "set=1\nprivate_key={}\nlisten_port={}\npublic_key={}\npreshared_key={}\n{of_the_peer}\
             allowed_ip=10.189.129.2/32\n\n",
            hex(&self.engine.private),
            self.port,
            hex(&self.mine.public),
            hex(&PRESHARED),
        );
        assert_eq!(exchange(&self.socket, script.as_bytes()), "errno=0\n\n");
    }

    fn awaits(&self, lines: &[&str]) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let shown = exchange(&self.socket, b"get=1\n\n");
            if lines.iter().all(|line| shown.contains(line)) {
                return;
            }
            assert!(Instant::now() < deadline, "{lines:?}, not {shown}");
        }
    }
}

/// The host behind the engine answers an echo request of 37 bytes, whose frames are padded to 48.
fn assert_pinged(session: &mut Session, socket: &UdpSocket) {
    let request = echo(8, [10, 189, 129, 2], [10, 189, 129, 1]);
    let mut padded = request.clone();
    padded.resize(48, 0);
    socket.send(&session.seal(&padded)).unwrap();

    let answer = session.open(&receive(socket));

    assert_eq!(answer.len(), 48);
    assert_eq!(answer[37..], [0; 11]);
    assert_eq!(answer[9..10], [1]);
    assert_eq!(answer[12..20], [10, 189, 129, 1, 10, 189, 129, 2]);
    let expected = echo(0, [10, 189, 129, 1], [10, 189, 129, 2]);
    assert_eq!(answer[20..37], expected[20..]);
}

fn socket(port: u16) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket.connect(("127.0.0.1", port)).unwrap();
    socket
}

fn receive(socket: &UdpSocket) -> Vec<u8> {
    let mut datagram = vec![0; 2048];
    let length = socket.recv(&mut datagram).unwrap();
    datagram.truncate(length);
    datagram
}

fn echo(kind: u8, from: [u8; 4], to: [u8; 4]) -> Vec<u8> {
    let mut packet = vec![0x45, 0, 0, 37, 0, 0, 0, 0, 20, 1, 0, 0];
    packet.extend(from);
    packet.extend(to);
    put_checksum(&mut packet, 0, 10);
    packet.extend([kind, 0, 0, 0, 3, 0x99, 1, 0xb6]);
    packet.extend(b"WireGuard");
    put_checksum(&mut packet, 20, 22);
    packet
}

fn put_checksum(packet: &mut [u8], from: usize, place: usize) {
    let words = packet[from..].chunks(2);
    let sum: u32 = words
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)))
        .sum();
    let folded = (sum & 0xffff) + (sum >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    packet[place..place + 2].copy_from_slice(&(!(folded as u16)).to_be_bytes());
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
