//! Flows that take turns: what a packet costs when as many others have passed since its flow's last one, beside what the same
//! sockets cost in the same turns without a NAT. What the far end does is not in it: it says when it has answered a whole turn.

use std::io::Read;
use std::mem::MaybeUninit;
use std::net::{TcpStream, UdpSocket};
use std::time::Instant;

use culvert_netstack::{Batch, Nat, NatLimits};
use rustix::event::epoll;
use socket2::Socket;

use crate::device::Device;
use crate::lab::packets::udp;
use crate::lab::{GATEWAY, SERVER, at, config};
use crate::processor_time::Meter;
use crate::server::{Server, TURN, TURNS_TCP, TURNS_UDP};

const FIRST_PORT: u16 = 20_000;
const TURNS: usize = 4000;
/// Prime, so that neighbours in time are none in memory.
const STRIDE: usize = 7919;
const MESSAGE: &[u8] = b"a question, and an answer of the same size";

/// What a turn has cost so far.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) meter: Meter,
    pub(super) packets: usize,
}

impl Tally {
    fn of_a_packet(&self) -> f64 {
        self.meter.nanoseconds_each(self.packets)
    }
}

pub(super) fn measure(server: &mut Server, count: u16) {
    let datagram = datagrams(server, count);
    let its_socket = bare(server, &bare_sockets(count), DATAGRAM_PACKETS);
    let segment = segments(server, count);
    let its_connection = bare(server, &bare_connections(count), SEGMENT_PACKETS);
    println!(
        "{count:>6} take turns: a datagram {datagram:>5.0} ns, {its_socket:>5.0} of them its socket's alone; \
         a segment {segment:>5.0} ns, {its_connection:>5.0} of them its socket's alone"
    );
}

/// The flows that have a turn, in an order in which each comes round after all the others.
fn turns(count: u16) -> impl Iterator<Item = Vec<u16>> {
    let count = usize::from(count);
    (0..).map(move |turn: usize| {
        let of_turn = turn * TURN..(turn + 1) * TURN;
        of_turn
            .map(|number| FIRST_PORT + (number * STRIDE % count) as u16)
            .collect()
    })
}

/// Once round so that all are open, and then for the measurement.
fn take_turns(count: u16, mut take: impl FnMut(&[u16], &mut Tally)) -> f64 {
    let mut turns = turns(count);
    let mut warming_up = Tally::default();
    for ports in turns.by_ref().take(2 * usize::from(count) / TURN) {
        take(&ports, &mut warming_up);
    }
    let mut tally = Tally::default();
    for ports in turns.take(TURNS) {
        take(&ports, &mut tally);
    }
    tally.of_a_packet()
}

fn datagrams(server: &mut Server, count: u16) -> f64 {
    let limits = NatLimits {
        flows: 16_000,
        flows_per_device: 16_000,
    };
    let now = Instant::now;
    let mut nat = Nat::new(&config(&["10.9.0.0/16"]), limits, now()).unwrap();
    let mut out = Batch::default();
    take_turns(count, |ports, tally| {
        let packets: Vec<Vec<u8>> = ports
            .iter()
            .map(|port| udp(SERVER, *port, TURNS_UDP, 64, MESSAGE))
            .collect();
        tally.meter.time(|| {
            for packet in &packets {
                nat.handle_packet(now(), GATEWAY, packet, &mut out);
            }
            nat.flush(now(), &mut out);
        });
        assert!(out.is_empty(), "nothing is refused");
        server.wait_for_turn();
        tally.meter.time(|| nat.handle_ready(now(), &mut out));
        assert_eq!(out.len(), TURN);
        tally.packets += DATAGRAM_PACKETS * TURN;
        out.clear();
    })
}

fn segments(server: &mut Server, count: u16) -> f64 {
    let mut device = Device::new();
    device.open(FIRST_PORT..FIRST_PORT + count, TURNS_TCP);
    take_turns(count, |ports, tally| {
        device.say(ports, MESSAGE, tally);
        server.wait_for_turn();
        device.hear(ports, MESSAGE.len(), tally);
    })
}

/// A question and its answer.
const DATAGRAM_PACKETS: usize = 2;
/// And the acknowledgement of the answer, which costs the socket nothing: the target's side of it is the kernel's.
const SEGMENT_PACKETS: usize = 3;

/// The least that so many sockets can cost: one call to send, one to receive, and one for a turn to wait.
fn bare(server: &mut Server, sockets: &[Socket], packets: usize) -> f64 {
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
    for (number, socket) in (0..).zip(sockets) {
        let data = epoll::EventData::new_u64(number);
        epoll::add(&epoll, socket, data, epoll::EventFlags::IN).unwrap();
    }
    let mut events = [const { MaybeUninit::uninit() }; TURN];
    let mut answer = [0; 2048];
    take_turns(sockets.len() as u16, |ports, tally| {
        tally.meter.time(|| {
            for port in ports {
                let socket = &sockets[usize::from(port - FIRST_PORT)];
                socket.send(MESSAGE).unwrap();
            }
        });
        server.wait_for_turn();
        tally.meter.time(|| {
            let (ready, _) = epoll::wait(&epoll, &mut events, None).unwrap();
            assert_eq!(ready.len(), TURN);
            for event in ready {
                let mut socket = &sockets[event.data.u64() as usize];
                assert_eq!(socket.read(&mut answer).unwrap(), MESSAGE.len());
            }
        });
        tally.packets += packets * TURN;
    })
}

fn bare_sockets(count: u16) -> Vec<Socket> {
    let sockets = (0..count).map(|_| {
        let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
        socket.connect(at(SERVER, TURNS_UDP)).unwrap();
        Socket::from(socket)
    });
    sockets.collect()
}

fn bare_connections(count: u16) -> Vec<Socket> {
    let sockets = (0..count).map(|_| {
        let stream = TcpStream::connect(at(SERVER, TURNS_TCP)).unwrap();
        stream.set_nodelay(true).unwrap();
        Socket::from(stream)
    });
    sockets.collect()
}
