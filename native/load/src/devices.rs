//! Many devices and one connector on a hub: member 0 is the connector and only counts what comes, the others send to what lies
//! behind it, in turn. Sealing costs this side about what half a hub costs, and nothing here opens what comes back.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use culvert_core::{HEADROOM, Outbox, PublicKey, Sealed, TAILROOM};
use culvert_udp::{Batch, Binding, Door, Inbox, Outbox as Sending, Route};

use crate::arguments::Failure;
use crate::inner::{BYTES, Flow};
use crate::joining::{Doors, join};
use crate::member::Member;

const TOGETHER: usize = 64;
const STRIDE: usize = HEADROOM + BYTES + TAILROOM;
/// The hub asks a connector that has said nothing for some seconds whether it is still there.
const CONNECTOR_SAYS_SOMETHING: Duration = Duration::from_secs(1);
/// The last packets are on their way for less than that.
const LAST_ONES: Duration = Duration::from_millis(100);
/// For whoever watches, to look at the clock before it begins.
const BEFORE: Duration = Duration::from_millis(300);
/// 64 of them.
const NEW_FLOWS_TAKE: Duration = Duration::from_secs(1);
const FIRST_PORT: u16 = 10_000;
/// A data message with less in it is a keepalive.
const SMALLEST: usize = BYTES;

pub(crate) struct Traffic {
    pub(crate) hub: SocketAddr,
    pub(crate) hub_key: PublicKey,
    pub(crate) devices: u32,
    pub(crate) flows: u32,
    pub(crate) ranges: u32,
    pub(crate) seconds: u32,
}

/// Says `joined` when all have a session, `ready` when the hub knows every flow, `done` with what came through, and then waits to be ended.
pub(crate) fn run(traffic: &Traffic) -> Result<(), Failure> {
    let doors = Doors {
        devices: open()?,
        connector: open()?,
    };
    let mut members = Vec::new();
    for number in 0..=traffic.devices {
        members.push(Member::new(number, traffic.hub_key, traffic.hub)?);
    }
    join(&mut members, &doors, traffic.hub)?;
    let (mut sender, mut count) = (Sender::new(traffic), Count::new());
    println!("joined");
    std::thread::sleep(BEFORE);
    introduce(traffic, &mut sender, &mut count, &mut members, &doors)?;
    println!("ready");
    std::thread::sleep(BEFORE);

    (sender.sent, count.delivered) = (0, 0);
    let start = Instant::now();
    let length = Duration::from_secs(u64::from(traffic.seconds));
    let mut said = start;
    while start.elapsed() < length {
        if said.elapsed() >= CONNECTOR_SAYS_SOMETHING {
            say_something(&members, &doors.connector, traffic.hub);
            said = Instant::now();
        }
        sender.send_some(&mut members, &doors.devices);
        count.take(&doors.connector)?;
    }
    let seconds = start.elapsed().as_secs_f64();
    let last = Instant::now();
    while last.elapsed() < LAST_ONES {
        count.take(&doors.connector)?;
    }
    println!(
        r#"done {{"sent":{},"delivered":{},"seconds":{seconds:.6}}}"#,
        sender.sent, count.delivered
    );
    loop {
        std::thread::park();
    }
}

/// One packet of each flow, no more on the way than the hub has room for. What is lost is not waited
/// for long: its flow is new later.
fn introduce(
    traffic: &Traffic,
    sender: &mut Sender<'_>,
    count: &mut Count,
    members: &mut [Member],
    doors: &Doors,
) -> Result<(), Failure> {
    let flows = traffic.devices as usize * traffic.flows as usize;
    while sender.sent < flows {
        sender.send_some(members, &doors.devices);
        let sent = Instant::now();
        while count.delivered < sender.sent.min(flows) && sent.elapsed() < NEW_FLOWS_TAKE {
            count.take(&doors.connector)?;
        }
    }
    Ok(())
}

fn open() -> Result<Door, Failure> {
    let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
    Ok(Door::bind(&Binding::to(any))?)
}

fn say_something(members: &[Member], door: &Door, hub: SocketAddr) {
    let Some(connector) = members.first() else {
        return;
    };
    let (mut outbox, mut sending) = (Outbox::new(), Sending::new());
    connector
        .tunnel
        .send_keepalive(connector.now, &connector.peer, &mut outbox);
    let mut batch = sending.batch(door);
    for (_, datagram) in outbox.iter() {
        batch.push(Route::to(hub), datagram);
    }
    batch.send();
}

struct Sender<'a> {
    traffic: &'a Traffic,
    buffer: Vec<u8>,
    sending: Sending,
    turn: u32,
    sent: usize,
}

impl<'a> Sender<'a> {
    fn new(traffic: &'a Traffic) -> Sender<'a> {
        Sender {
            traffic,
            buffer: vec![0; TOGETHER * STRIDE],
            sending: Sending::new(),
            turn: 0,
            sent: 0,
        }
    }

    fn send_some(&mut self, members: &mut [Member], door: &Door) {
        let mut outbox = Outbox::new();
        for slot in self.buffer.chunks_exact_mut(STRIDE) {
            let (device, flow) = flow_of(self.traffic, self.turn);
            self.turn = self.turn.wrapping_add(1);
            if let Some(member) = members.get(device as usize) {
                seal(member, flow, slot, &mut outbox);
            }
            outbox.clear();
        }
        let mut batch: Batch<'_, '_> = self.sending.batch(door);
        for slot in self.buffer.chunks_exact(STRIDE) {
            let datagram = slot.get(..sealed_bytes()).unwrap_or_default();
            batch.push(Route::to(self.traffic.hub), datagram);
        }
        self.sent += batch.send().sent;
    }
}

/// 1300 bytes are padded to 1312; before them a header, behind them a tag.
const fn sealed_bytes() -> usize {
    HEADROOM + BYTES.next_multiple_of(16) + 16
}

fn seal(member: &Member, flow: Flow, slot: &mut [u8], outbox: &mut Outbox) {
    let inner = HEADROOM..HEADROOM + BYTES;
    flow.write(slot.get_mut(inner.clone()).unwrap_or_default());
    let sealed = member
        .tunnel
        .seal(member.now, &member.peer, slot, inner, outbox);
    debug_assert!(
        matches!(sealed, Sealed::Datagram { ref range, .. } if range.len() == sealed_bytes())
    );
}

/// Every device in turn; each comes with another of its flows when its turn comes again.
fn flow_of(traffic: &Traffic, turn: u32) -> (u32, Flow) {
    let devices = traffic.devices.max(1);
    let device = turn % devices + 1;
    let flow = turn / devices % traffic.flows.max(1);
    let range = if traffic.flows > 1 {
        // All over the list, the last ones too.
        (u64::from(flow) * u64::from(traffic.ranges.saturating_sub(1))
            / u64::from(traffic.flows - 1)) as u32
    } else {
        traffic.ranges.saturating_sub(1)
    };
    let flow = Flow {
        source: device_address(device),
        destination: Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 0, 0, 1)) + 16 * range),
        source_port: FIRST_PORT.wrapping_add(flow as u16),
    };
    (device, flow)
}

/// 100.96.1.0 and on: what the bench tells the hub.
fn device_address(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(Ipv4Addr::new(100, 96, 1, 0)) + number)
}

struct Count {
    inbox: Inbox,
    delivered: usize,
}

impl Count {
    fn new() -> Count {
        Count {
            inbox: Inbox::new(16, 0),
            delivered: 0,
        }
    }

    fn take(&mut self, door: &Door) -> Result<(), Failure> {
        loop {
            self.inbox.receive(door)?;
            for message in self.inbox.messages() {
                let datagrams = message.into_segments();
                self.delivered += datagrams.filter(|one| one.len() >= SMALLEST).count();
            }
            if !self.inbox.is_full() {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn traffic(devices: u32, flows: u32, ranges: u32) -> Traffic {
        Traffic {
            hub: ([192, 0, 2, 1], 51_820).into(),
            hub_key: PublicKey([1; 32]),
            devices,
            flows,
            ranges,
            seconds: 1,
        }
    }

    #[test]
    fn every_device_has_its_turn() {
        let traffic = traffic(3, 1, 1);
        let turns: Vec<u32> = (0..6).map(|turn| flow_of(&traffic, turn).0).collect();
        assert_eq!(turns, [1, 2, 3, 1, 2, 3]);
        assert_eq!(flow_of(&traffic, 1).1.source, Ipv4Addr::new(100, 96, 1, 2));
    }

    #[test]
    fn flows_go_all_over_the_ranges() {
        let traffic = traffic(1, 3, 100_000);
        let destinations: Vec<Ipv4Addr> = (0..4)
            .map(|turn| flow_of(&traffic, turn).1.destination)
            .collect();
        let last = Ipv4Addr::from(u32::from(Ipv4Addr::new(10, 0, 0, 1)) + 16 * 99_999);
        assert_eq!(destinations.first(), Some(&Ipv4Addr::new(10, 0, 0, 1)));
        assert_eq!(destinations.get(2), Some(&last));
        assert_eq!(destinations.get(3), destinations.first());
    }
}
