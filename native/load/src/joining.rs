//! Sessions for everybody, some at a time.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use culvert_core::Outbox;
use culvert_udp::{Door, Inbox, Outbox as Sending, Route};

use crate::arguments::Failure;
use crate::member::{Member, number_at, receiver_of};

const TOGETHER: usize = 64;
const PATIENCE: Duration = Duration::from_secs(60);
/// Who has heard nothing for so long begins again.
const ANSWER_WITHIN: Duration = Duration::from_millis(500);
const NAP: Duration = Duration::from_micros(200);

pub(crate) struct Doors {
    pub(crate) devices: Door,
    pub(crate) connector: Door,
}

impl Doors {
    /// Member 0 is the connector.
    fn of(&self, place: usize) -> &Door {
        if place == 0 {
            &self.connector
        } else {
            &self.devices
        }
    }
}

pub(crate) fn join(members: &mut [Member], doors: &Doors, hub: SocketAddr) -> Result<(), Failure> {
    let start = Instant::now();
    let mut crowd = Crowd {
        members,
        doors,
        hub,
        queue: VecDeque::new(),
        owners: HashMap::new(),
        waiting: 0,
        joined: 0,
        inbox: Inbox::new(16, 0),
    };
    crowd.queue.extend(0..crowd.members.len());
    let mut heard = Instant::now();
    while crowd.joined < crowd.members.len() {
        crowd.begin_some();
        if crowd.listen()? {
            heard = Instant::now();
        } else if heard.elapsed() > ANSWER_WITHIN {
            crowd.begin_again();
            heard = Instant::now();
        } else {
            std::thread::sleep(NAP);
        }
        if start.elapsed() > PATIENCE {
            let (joined, all) = (crowd.joined, crowd.members.len());
            return Err(format!("only {joined} of {all} got a session in a minute").into());
        }
    }
    Ok(())
}

struct Crowd<'a> {
    members: &'a mut [Member],
    doors: &'a Doors,
    hub: SocketAddr,
    queue: VecDeque<usize>,
    /// Who chose a number.
    owners: HashMap<u32, usize>,
    waiting: usize,
    joined: usize,
    inbox: Inbox,
}

impl Crowd<'_> {
    fn begin_some(&mut self) {
        while self.waiting < TOGETHER {
            let Some(place) = self.queue.pop_front() else {
                return;
            };
            let message = self.members.get_mut(place).and_then(Member::begin);
            let Some(message) = message else {
                continue;
            };
            self.owners
                .extend(number_at(&message, 4).map(|index| (index, place)));
            send(self.doors.of(place), self.hub, [message.as_slice()]);
            self.waiting += 1;
        }
    }

    fn begin_again(&mut self) {
        let without = self.members.iter().enumerate();
        self.queue = without
            .filter(|(_, member)| !member.has_session())
            .map(|(place, _)| place)
            .collect();
        self.waiting = 0;
    }

    /// Whether anything came.
    fn listen(&mut self) -> Result<bool, Failure> {
        let mut outbox = Outbox::new();
        let mut has_heard = false;
        for door in [&self.doors.devices, &self.doors.connector] {
            self.inbox.receive(door)?;
            for message in self.inbox.messages() {
                for datagram in message.into_segments() {
                    has_heard = true;
                    let owner = receiver_of(datagram).and_then(|index| self.owners.get(&index));
                    let Some(member) = owner.and_then(|place| self.members.get_mut(*place)) else {
                        continue;
                    };
                    let had_session = member.has_session();
                    member.hear(datagram, self.hub, &mut outbox);
                    send(door, self.hub, outbox.iter().map(|(_, datagram)| datagram));
                    outbox.clear();
                    if !had_session && member.has_session() {
                        self.joined += 1;
                        self.waiting = self.waiting.saturating_sub(1);
                    }
                }
            }
        }
        Ok(has_heard)
    }
}

fn send<'a>(door: &Door, to: SocketAddr, datagrams: impl IntoIterator<Item = &'a [u8]>) {
    let mut sending = Sending::new();
    let mut batch = sending.batch(door);
    for datagram in datagrams {
        batch.push(Route::to(to), datagram);
    }
    batch.send();
}
