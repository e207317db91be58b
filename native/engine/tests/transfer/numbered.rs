//! UDP datagrams of every size that fits, and of sizes that have to be fragmented: alone, and as the kernel's
//! super-datagrams (`UDP_SEGMENT`, udp(7)). Each says which one it is, so that whatever comes is compared byte by byte and
//! none comes twice; a few may be lost.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use super::{PERIOD, hold_all, pattern};
use crate::lab::Host;

/// As many as the kernel cuts one super-datagram into, at least (`UDP_MAX_SEGMENTS`, once 64).
const PLACES: u64 = 64;
/// The most that a super-datagram, or a datagram over IPv4, can hold.
const LARGEST: usize = 65_507;
/// Of the number at a datagram's start. Smaller ones have no number: how many there are of each size is compared.
const NUMBER: usize = 8;
/// So that each kind of train has each size of [`Trains::edges`].
const LEAST_TRAINS: u64 = 40;
/// On the way at once; a buffer that is smaller than what is sent at once would lose it, as buffers do. What a short
/// datagram takes in a buffer is mostly not its own bytes.
const ON_THE_WAY: u64 = 160_000;
const COST: u64 = 800;
/// What has not come by then is taken for lost.
const SLOW: Duration = Duration::from_millis(200);
/// After that nothing comes any more; sooner, where only what nobody sent could still come.
const QUIET: Duration = Duration::from_millis(400);
const QUIET_AT_THE_END: Duration = Duration::from_millis(5);
const PATIENCE: Duration = Duration::from_secs(5);

/// From one host to another that it can reach at this address, until so many bytes have left. `mtu` is the way's.
pub fn carry(from: &Host, to: &Host, address: &str, mtu: usize, bytes: u64) {
    let receiver = bound(to, SocketAddr::new(address.parse().unwrap(), 0));
    let sender = bound(from, any_beside(&receiver));
    let place = receiver.local_addr().unwrap();
    carry_between(&sender, place, &receiver, mtu, bytes);
}

/// Between two sockets that can already speak to each other: through a translator there is no other way back.
pub fn carry_between(
    sender: &UdpSocket,
    to: SocketAddr,
    receiver: &UdpSocket,
    mtu: usize,
    bytes: u64,
) {
    let headers = if to.is_ipv4() { 20 + 8 } else { 40 + 8 };
    let trains = Trains::new(mtu - headers);
    let came = Arc::new(Came::default());
    let reader = {
        let (trains, came) = (trains.clone(), Arc::clone(&came));
        let receiver = receiver.try_clone().unwrap();
        spawn(move || trains.compare_all(&receiver, &came))
    };
    let count = trains.send_all(sender, to, bytes, &came);
    trains.judge(&reader.join().unwrap(), count);
}

/// A socket that belongs to the host, whoever uses it.
pub fn bound(host: &Host, address: SocketAddr) -> UdpSocket {
    let bind = move || UdpSocket::bind(address).unwrap();
    let socket = host.within(bind).join().unwrap();
    hold_all(&socket);
    socket
}

fn any_beside(other: &UdpSocket) -> SocketAddr {
    let is_v4 = other.local_addr().unwrap().is_ipv4();
    if is_v4 { "0.0.0.0:0" } else { "[::]:0" }.parse().unwrap()
}

/// What the reader tells the sender, and the other way round.
#[derive(Default)]
struct Came {
    cost: AtomicU64,
    /// How many datagrams there are, once the last train is about to leave; 0 until then.
    of: AtomicU64,
}

/// What came: by number, and how many of each size that has no room for one.
#[derive(Default)]
struct Seen {
    count: u64,
    numbers: Vec<bool>,
    small: [u64; NUMBER],
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Alone,
    Segmented,
    Fragmented,
}

/// Which datagrams there are: train K has the numbers from `K * PLACES` on.
#[derive(Clone)]
struct Trains {
    /// The longest that is not fragmented.
    fit: usize,
    period: Arc<Vec<u8>>,
}

impl Trains {
    fn new(fit: usize) -> Trains {
        Trains {
            fit,
            period: Arc::new(pattern(PERIOD, 2)),
        }
    }

    fn kind(train: u64) -> Kind {
        match train % 4 {
            0 => Kind::Alone,
            1 | 2 => Kind::Segmented,
            _ => Kind::Fragmented,
        }
    }

    fn edges(&self) -> [usize; 10] {
        [1, 2, 7, 8, 9, 15, 16, 17, self.fit - 1, self.fit]
    }

    /// Of all its datagrams but, perhaps, the last.
    fn size(&self, train: u64) -> usize {
        let turn = usize::try_from(train / 4).unwrap();
        if Trains::kind(train) == Kind::Fragmented {
            let most = LARGEST - self.fit;
            return match turn {
                0 => self.fit + 1,
                1 => LARGEST,
                // Mostly of a few fragments, as such datagrams are.
                _ if turn.is_multiple_of(8) => self.fit + 1 + turn * 7919 % most,
                _ => self.fit + 1 + turn * 7919 % (3 * self.fit).min(most),
            };
        }
        // A prime: every size has its turn.
        let swept = 1 + turn * 7919 % self.fit;
        self.edges().get(turn).copied().unwrap_or(swept)
    }

    fn places(&self, train: u64) -> u64 {
        match Trains::kind(train) {
            Kind::Segmented => ((LARGEST / self.size(train)) as u64).min(PLACES),
            Kind::Alone | Kind::Fragmented => 1,
        }
    }

    /// The last of a train may be shorter.
    fn size_of(&self, number: u64) -> Option<usize> {
        let (train, place) = (number / PLACES, number % PLACES);
        let (size, places) = (self.size(train), self.places(train));
        let is_last = place + 1 == places && places > 1;
        let shortened = size - usize::try_from(train).unwrap() % size;
        (place < places).then_some(if is_last { shortened } else { size })
    }

    fn fill(&self, number: u64, room: &mut Vec<u8>) {
        let size = self.size_of(number).unwrap();
        let start = if size < NUMBER {
            size
        } else {
            room.extend(number.to_le_bytes());
            usize::try_from(number).unwrap() * 31 % (PERIOD - LARGEST)
        };
        let rest = size - if size < NUMBER { 0 } else { NUMBER };
        room.extend_from_slice(&self.period[start..start + rest]);
    }

    /// How many trains it were.
    fn send_all(&self, sender: &UdpSocket, to: SocketAddr, bytes: u64, came: &Came) -> u64 {
        let (mut sent, mut datagrams, mut cost, mut train) = (0, 0, 0, 0);
        let (mut room, mut given_up) = (Vec::new(), 0);
        while train < LEAST_TRAINS || sent < bytes {
            room.clear();
            let places = self.places(train);
            (0..places).for_each(|place| self.fill(train * PLACES + place, &mut room));
            sent += room.len() as u64;
            datagrams += places;
            cost += room.len() as u64 + places * COST;
            if train + 1 >= LEAST_TRAINS && sent >= bytes {
                came.of.store(datagrams, Ordering::Release);
            }
            self.send(sender, to, train, &room);
            train += 1;
            let since = Instant::now();
            while cost - (came.cost.load(Ordering::Acquire) + given_up).min(cost) > ON_THE_WAY {
                if since.elapsed() > SLOW {
                    given_up = cost - came.cost.load(Ordering::Acquire).min(cost);
                }
                sleep(Duration::from_micros(20));
            }
        }
        train
    }

    fn send(&self, sender: &UdpSocket, to: SocketAddr, train: u64, bytes: &[u8]) {
        let size = self.size(train);
        let is_one = bytes.len() <= size;
        set_segment_size(sender, if is_one { 0 } else { size });
        match sender.send_to(bytes, to) {
            Ok(_) => {}
            // An older kernel asks the interface to compute checksums for it.
            Err(cause) if !is_one && cause.raw_os_error() == Some(libc::EIO) => {
                set_segment_size(sender, 0);
                for datagram in bytes.chunks(size) {
                    sender.send_to(datagram, to).unwrap();
                }
            }
            Err(cause) => panic!("{} bytes in pieces of {size}: {cause}", bytes.len()),
        }
    }

    fn compare_all(&self, receiver: &UdpSocket, came: &Came) -> Seen {
        let (mut seen, mut room, mut expected) = (Seen::default(), vec![0; 1 << 16], Vec::new());
        receiver.set_read_timeout(Some(QUIET)).unwrap();
        loop {
            let of = came.of.load(Ordering::Acquire);
            match receiver.recv(&mut room) {
                Ok(size) => {
                    self.compare(&room[..size], &mut expected, &mut seen, came);
                    if seen.count == came.of.load(Ordering::Acquire) {
                        receiver.set_read_timeout(Some(QUIET_AT_THE_END)).unwrap();
                    }
                }
                Err(cause) if is_quiet(&cause) && of > 0 => return seen,
                Err(cause) => assert!(is_quiet(&cause), "{cause}"),
            }
        }
    }

    fn compare(&self, datagram: &[u8], expected: &mut Vec<u8>, seen: &mut Seen, came: &Came) {
        let size = datagram.len();
        seen.count += 1;
        came.cost.fetch_add(size as u64 + COST, Ordering::AcqRel);
        let Some(number) = datagram.first_chunk::<NUMBER>() else {
            assert_eq!(datagram, &self.period[size..2 * size], "a small one");
            seen.small[size] += 1;
            return;
        };
        let number = u64::from_le_bytes(*number);
        assert_eq!(self.size_of(number), Some(size), "size of number {number}");
        expected.clear();
        self.fill(number, expected);
        assert!(datagram == expected, "number {number}, {size} bytes: wrong");
        let place = usize::try_from(number).unwrap();
        if seen.numbers.len() <= place {
            seen.numbers.resize(place + 1, false);
        }
        assert!(!seen.numbers[place], "number {number} came twice");
        seen.numbers[place] = true;
    }

    /// None is there that was not sent, and of each kind most came.
    fn judge(&self, seen: &Seen, trains: u64) {
        let (mut small, mut counts) = ([0; NUMBER], [[0_u64; 2]; 3]);
        for train in 0..trains {
            for number in (0..self.places(train)).map(|place| train * PLACES + place) {
                let size = self.size_of(number).unwrap();
                if size < NUMBER {
                    small[size] += 1;
                    continue;
                }
                let place = usize::try_from(number).unwrap();
                let has_come = seen.numbers.get(place) == Some(&true);
                let [sent, came] = &mut counts[Trains::kind(train) as usize];
                (*sent, *came) = (*sent + 1, *came + u64::from(has_come));
            }
        }
        let last = usize::try_from(trains * PLACES).unwrap();
        assert!(seen.numbers.len() <= last, "more came than was sent");
        for (size, (came, sent)) in seen.small.iter().zip(small).enumerate() {
            assert!(
                *came <= sent,
                "{came} of {sent} datagrams of {size} bytes came"
            );
            assert!(came * 2 >= sent, "{came} of {sent} of {size} bytes");
        }
        for (kind, [sent, came]) in [Kind::Alone, Kind::Segmented, Kind::Fragmented]
            .into_iter()
            .zip(counts)
        {
            assert!(came * 2 >= sent, "{kind:?}: {came} of {sent} came");
        }
    }
}

fn is_quiet(cause: &io::Error) -> bool {
    matches!(cause.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut)
}

/// 0: what is sent is one datagram.
fn set_segment_size(socket: &UdpSocket, size: usize) {
    let size = libc::c_int::try_from(size).unwrap();
    let length = size_of_val(&size) as libc::socklen_t;
    let place = (&raw const size).cast();
    let descriptor = socket.as_raw_fd();
    // SAFETY: size outlives the call, and its length is told.
    let done =
        unsafe { libc::setsockopt(descriptor, libc::SOL_UDP, libc::UDP_SEGMENT, place, length) };
    assert_eq!(done, 0, "{}", io::Error::last_os_error());
}

/// What the first datagram tells: where the other end sees us. It goes again until it has come, as a handshake may lose it.
pub fn place_seen_by(other: &UdpSocket, ours: &UdpSocket) -> SocketAddr {
    let to = other.local_addr().unwrap();
    other
        .set_read_timeout(Some(Duration::from_millis(200)))
        .unwrap();
    let deadline = Instant::now() + PATIENCE;
    let mut late = 0;
    let from = loop {
        ours.send_to(b"hello", to).unwrap();
        match other.recv_from(&mut [0; 16]) {
            Ok((_, from)) => break from,
            Err(cause) => assert!(Instant::now() < deadline, "nothing comes to {to}: {cause}"),
        }
        late += 1;
    };
    // One that was late would be taken for a datagram of the test's.
    while late > 0 && other.recv(&mut [0; 16]).is_ok() {}
    from
}
