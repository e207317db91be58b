//! How many handshakes an engine answers. The initiations are made beforehand, so that the engine and not this program is
//! what is slow: two agreements of keys each are then left to the engine alone. Each member's last answer is checked to the end.

use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use culvert_core::{Outbox, PublicKey};

use crate::arguments::Failure;
use crate::member::{Member, number_at, receiver_of};

/// Nothing for so long: what is under way is lost.
const PATIENCE: Duration = Duration::from_millis(100);

pub(crate) struct Storm {
    pub(crate) to: SocketAddr,
    pub(crate) server: PublicKey,
    pub(crate) members: u32,
    pub(crate) in_flight: u32,
    pub(crate) each: u32,
}

#[derive(Default)]
struct Outcome {
    answers: Vec<Vec<u8>>,
    cookies: Vec<Vec<u8>>,
    lost: u32,
}

pub(crate) fn run(storm: &Storm) -> Result<(), Failure> {
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    socket.connect(storm.to)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let mut members = Vec::new();
    for number in 0..storm.members {
        members.push(Member::new(number, storm.server, storm.to)?);
    }
    let greeting = first_words(storm, &socket, &mut members)?;

    let (messages, owners) = initiations(&mut members, storm.each);
    let start = Instant::now();
    let outcome = exchange(&socket, &messages, storm.in_flight)?;
    let seconds = start.elapsed().as_secs_f64();

    finish(&mut members, &owners, &outcome.answers, storm.to);
    let verified = members.iter().filter(|member| member.has_session()).count();
    println!(
        r#"{{"answered":{},"seconds":{seconds:.6},"cookies":{},"lost":{},"verified":{verified},"greetings":{greeting}}}"#,
        outcome.answers.len(),
        outcome.cookies.len(),
        outcome.lost,
    );
    Ok(())
}

/// Everybody once, so that an engine that asks for cookies has asked; they serve for two minutes. How many it answered.
fn first_words(
    storm: &Storm,
    socket: &UdpSocket,
    members: &mut [Member],
) -> Result<usize, Failure> {
    let (messages, owners) = initiations(members, 1);
    let outcome = exchange(socket, &messages, storm.in_flight)?;
    finish(members, &owners, &outcome.cookies, storm.to);
    Ok(outcome.answers.len())
}

/// In turn, so that the same member comes again as late as can be; and whose number each has.
fn initiations(members: &mut [Member], each: u32) -> (Vec<Vec<u8>>, HashMap<u32, usize>) {
    let mut owners = HashMap::new();
    let mut messages = Vec::new();
    for _ in 0..each {
        for (place, member) in members.iter_mut().enumerate() {
            let Some(message) = member.begin() else {
                continue;
            };
            owners.extend(number_at(&message, 4).map(|index| (index, place)));
            messages.push(message);
        }
    }
    (messages, owners)
}

fn exchange(socket: &UdpSocket, messages: &[Vec<u8>], in_flight: u32) -> io::Result<Outcome> {
    let mut outcome = Outcome::default();
    let mut waiting = 0;
    let mut messages = messages.iter();
    loop {
        while waiting < in_flight {
            let Some(message) = messages.next() else {
                break;
            };
            socket.send(message)?;
            waiting += 1;
        }
        if waiting == 0 {
            return Ok(outcome);
        }
        let mut buffer = [0; 256];
        match socket.recv(&mut buffer) {
            Ok(length) => {
                let datagram = buffer.get(..length).unwrap_or_default().to_vec();
                match datagram.first() {
                    Some(2) => outcome.answers.push(datagram),
                    Some(3) => outcome.cookies.push(datagram),
                    _ => continue,
                }
                waiting = waiting.saturating_sub(1);
            }
            Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => {
                outcome.lost += waiting;
                waiting = 0;
            }
            Err(cause) => return Err(cause),
        }
    }
}

/// Hands each its own. A member takes an answer only to what it began last.
fn finish(
    members: &mut [Member],
    owners: &HashMap<u32, usize>,
    datagrams: &[Vec<u8>],
    from: SocketAddr,
) {
    let mut outbox = Outbox::new();
    for datagram in datagrams {
        let owner = receiver_of(datagram).and_then(|index| owners.get(&index));
        if let Some(member) = owner.and_then(|place| members.get_mut(*place)) {
            member.hear(&mut datagram.clone(), from, &mut outbox);
            outbox.clear();
        }
    }
}
