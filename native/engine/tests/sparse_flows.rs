//! What little a quiet flow sends does not wait behind a super-packet, and no flow overtakes itself. Needs root.
//!
//! ```text
//!   10.5.0.1 ── an interface that is read here, and by nobody else ── 10.5.0.2, whose answers are made here
//! ```
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // test builders, outside #[test] functions

mod lab;

use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

use culvert_tun::{Inbox, Outbox, Queue, Queues, Room, Taken, Tun, TunOptions};
use lab::Host;

const SEGMENT: usize = 1000;
const SEGMENTS: usize = 20;
const LITTLE: &[u8] = b"little";
const QUIET_FLOWS: usize = 8;
/// One in a thousand shares its place with the bulk flow.
const MOST_OF_THEM: usize = 6;
const BEFORE_IT_IS_QUIET: Duration = Duration::from_millis(150);

#[test]
fn quiet_flows_have_a_queue_of_their_own_and_none_is_reordered() {
    let host = Host::new();
    let work = host.within(|| {
        let (_tun, queues) = interface();
        let (bulk, quiet) = (flow(), [(); QUIET_FLOWS].map(|()| flow()));
        // Until an answer comes, the kernel knows nothing of a flow, and it is on either queue.
        send_much(&bulk);
        quiet.iter().for_each(send_little);
        let first = [read(sparse(&queues), &queues), read(&queues.bulk, &queues)].concat();
        assert_eq!(first.len(), SEGMENTS + QUIET_FLOWS);
        quiet
            .iter()
            .chain([&bulk])
            .for_each(|flow| answer(flow, &queues));

        send_much(&bulk);
        quiet.iter().for_each(send_little);
        send_little(&bulk);

        let early = read(sparse(&queues), &queues);
        let late = read(&queues.bulk, &queues);
        assert!(early.len() >= MOST_OF_THEM, "{early:?}");
        assert_eq!(early.len() + late.len(), SEGMENTS + QUIET_FLOWS + 1);
        let mut of_bulk = vec![SEGMENT; SEGMENTS];
        of_bulk.push(LITTLE.len());
        assert_eq!(of(&bulk, &late), of_bulk, "in one queue, the last one last");

        sleep(BEFORE_IT_IS_QUIET);
        answer(&bulk, &queues);
        send_little(&bulk);
        let early = read(sparse(&queues), &queues);
        assert_eq!(of(&bulk, &early), [LITTLE.len()], "it is quiet now");
    });
    work.join().unwrap();
}

fn interface() -> (Tun, Queues) {
    let made = Tun::create(&TunOptions {
        name: "sparse".to_owned(),
        mtu: 1420,
        sparse_first: true,
    });
    for arguments in [
        "addr add 10.5.0.1/24 dev sparse",
        "link set sparse addrgenmode none",
        "link set sparse up",
    ] {
        let ip = Command::new("ip").args(arguments.split(' ')).status();
        assert!(ip.unwrap().success(), "ip {arguments}");
    }
    made.unwrap()
}

fn sparse(queues: &Queues) -> &Queue {
    queues.sparse.as_ref().unwrap()
}

fn flow() -> UdpSocket {
    let socket = UdpSocket::bind("10.5.0.1:0").unwrap();
    socket.connect("10.5.0.2:9").unwrap();
    socket
}

fn send_little(flow: &UdpSocket) {
    flow.send(LITTLE).unwrap();
}

fn send_much(flow: &UdpSocket) {
    segment(flow, SEGMENT as i32);
    flow.send(&[0; SEGMENT * SEGMENTS]).unwrap();
    segment(flow, 0);
}

fn segment(flow: &UdpSocket, bytes: i32) {
    let (place, size) = (&raw const bytes, size_of::<i32>() as u32);
    // SAFETY: the option takes an int, which outlives the call.
    let done = unsafe {
        libc::setsockopt(
            flow.as_raw_fd(),
            libc::SOL_UDP,
            libc::UDP_SEGMENT,
            place.cast(),
            size,
        )
    };
    assert_eq!(done, 0);
}

/// What the far end would say, written as a device writes it.
fn answer(flow: &UdpSocket, queues: &Queues) {
    let mut packet = vec![0x45, 0, 0, 29, 0, 0, 0x40, 0, 64, 17, 0, 0];
    packet.extend([10, 5, 0, 2, 10, 5, 0, 1]);
    let sum: u32 = packet
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(pair[1]))
        .sum();
    let checksum = !((sum & 0xffff) + (sum >> 16)) as u16;
    packet[10..12].copy_from_slice(&checksum.to_be_bytes());
    packet.extend(9u16.to_be_bytes());
    packet.extend(port_of(flow).to_be_bytes());
    packet.extend([0, 9, 0, 0, 0]);
    let mut outbox = Outbox::new();
    let mut batch = outbox.batch_by_flow(queues, Instant::now());
    batch.push(&mut packet);
    assert_eq!(batch.write().written, 1);
}

/// All that waits: the source port of each, and the bytes in it. Bulk flows are noted, as a device does it.
fn read(queue: &Queue, queues: &Queues) -> Vec<(u16, usize)> {
    let mut inbox = Inbox::new(Room {
        before: 0,
        behind: 0,
    });
    while inbox.receive(queue).unwrap() == Taken::Frame {}
    let headers = 20 + 8;
    let seen = inbox.packets().map(|packet| {
        if packet.is_part {
            queues.note_bulk(packet.bytes(), Instant::now());
        }
        let bytes = packet.bytes();
        let port = u16::from_be_bytes([bytes[20], bytes[21]]);
        (port, bytes.len() - headers)
    });
    seen.collect()
}

fn of(flow: &UdpSocket, packets: &[(u16, usize)]) -> Vec<usize> {
    let port = port_of(flow);
    let of_flow = packets.iter().filter(|(from, _)| *from == port);
    of_flow.map(|(_, bytes)| *bytes).collect()
}

fn port_of(flow: &UdpSocket) -> u16 {
    flow.local_addr().unwrap().port()
}
