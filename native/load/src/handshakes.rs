//! How many handshakes an engine answers. The initiations are made beforehand, so that the engine and not this program is
//! what is slow: two agreements of keys each are then left to the engine alone. Each member's last answer is checked to the end.
//!
//! Every member has a port of its own, [`FIRST_PORT`] and its number: engines tell peers apart by where they are, and one sends
//! its answer only where the peer was configured to be.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use culvert_core::{Outbox, PublicKey};

use crate::arguments::Failure;
use crate::member::{Member, number_at, receiver_of};

const FIRST_PORT: u32 = 20_000;
/// Without an answer for so long, there is none.
const PATIENCE: Duration = Duration::from_millis(100);

pub(crate) struct Storm {
    pub(crate) to: SocketAddr,
    pub(crate) server: PublicKey,
    pub(crate) members: u32,
    pub(crate) in_flight: u32,
    pub(crate) each: u32,
}

struct Caller {
    member: Member,
    socket: UdpSocket,
    messages: Vec<Vec<u8>>,
    answered: usize,
    cookies: usize,
    lost: usize,
    last: Option<Vec<u8>>,
}

pub(crate) fn run(storm: &Storm) -> Result<(), Failure> {
    let mut callers = Vec::new();
    for number in 0..storm.members {
        callers.push(Caller::new(storm, number)?);
    }
    // Everybody once, so that an engine that asks for cookies has asked; they serve for two minutes.
    prepare(&mut callers, 1);
    call(&mut callers, storm.in_flight)?;
    let greetings: usize = callers.iter().map(|caller| caller.answered).sum();
    for caller in &mut callers {
        caller.take_cookie(storm.to);
    }

    prepare(&mut callers, storm.each);
    let seconds = call(&mut callers, storm.in_flight)?.as_secs_f64();
    for caller in &mut callers {
        caller.take_last(storm.to);
    }
    let count = |of: fn(&Caller) -> usize| callers.iter().map(of).sum::<usize>();
    println!(
        r#"{{"answered":{},"seconds":{seconds:.6},"cookies":{},"lost":{},"verified":{},"greetings":{greetings}}}"#,
        count(|caller| caller.answered),
        count(|caller| caller.cookies),
        count(|caller| caller.lost),
        count(|caller| usize::from(caller.member.has_session())),
    );
    Ok(())
}

fn prepare(callers: &mut [Caller], each: u32) {
    for caller in callers {
        let member = &mut caller.member;
        caller.messages = (0..each).filter_map(|_| member.begin()).collect();
        (caller.answered, caller.cookies, caller.lost) = (0, 0, 0);
        caller.last = None;
    }
}

/// So many at a time: each thread has its share of the callers and goes round them, so that the same one comes again as late as
/// can be.
fn call(callers: &mut [Caller], in_flight: u32) -> Result<Duration, Failure> {
    let share = callers.len().div_ceil(in_flight.max(1) as usize).max(1);
    let start = Instant::now();
    let outcome: io::Result<()> = thread::scope(|scope| {
        let threads: Vec<_> = callers
            .chunks_mut(share)
            .map(|own| scope.spawn(move || go_round(own)))
            .collect();
        threads.into_iter().try_for_each(|thread| {
            let ended = thread.join();
            ended.unwrap_or_else(|_| Err(io::Error::other("a caller has panicked")))
        })
    });
    outcome?;
    Ok(start.elapsed())
}

fn go_round(callers: &mut [Caller]) -> io::Result<()> {
    let rounds = callers.first().map_or(0, |caller| caller.messages.len());
    for round in 0..rounds {
        for caller in &mut *callers {
            caller.call(round)?;
        }
    }
    Ok(())
}

impl Caller {
    fn new(storm: &Storm, number: u32) -> Result<Caller, Failure> {
        let port = u16::try_from(FIRST_PORT + number)?;
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, port))?;
        socket.connect(storm.to)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        Ok(Caller {
            member: Member::new(number, storm.server, storm.to)?,
            socket,
            messages: Vec::new(),
            answered: 0,
            cookies: 0,
            lost: 0,
            last: None,
        })
    }

    fn call(&mut self, round: usize) -> io::Result<()> {
        let Some(message) = self.messages.get(round) else {
            return Ok(());
        };
        self.socket.send(message)?;
        let mut buffer = [0; 256];
        loop {
            match self.socket.recv(&mut buffer) {
                Ok(length) => {
                    let datagram = buffer.get(..length).unwrap_or_default();
                    // Not what a call before this one got too late.
                    if receiver_of(datagram) != number_at(message, 4) {
                        continue;
                    }
                    match datagram.first() {
                        Some(2) => self.answered += 1,
                        _ => self.cookies += 1,
                    }
                    self.last = Some(datagram.to_vec());
                    return Ok(());
                }
                Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => {
                    self.lost += 1;
                    return Ok(());
                }
                Err(cause) => return Err(cause),
            }
        }
    }

    /// For the next initiations, unless it was an answer.
    fn take_cookie(&mut self, from: SocketAddr) {
        if self.cookies > 0 {
            self.take_last(from);
        }
    }

    fn take_last(&mut self, from: SocketAddr) {
        let mut outbox = Outbox::new();
        if let Some(mut datagram) = self.last.take() {
            self.member.hear(&mut datagram, from, &mut outbox);
        }
    }
}
