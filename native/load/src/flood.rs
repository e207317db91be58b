//! Bad datagrams at a steady rate, and a port where the same cost nobody anything.

use std::net::{SocketAddr, UdpSocket};
use std::str::FromStr;
use std::time::{Duration, Instant};

use culvert_core::PublicKey;
use ring::rand::{SecureRandom, SystemRandom};

use crate::arguments::Failure;
use crate::member::Member;

/// Where an initiation has its mac1.
const MAC1_AT: usize = 116;
/// The first byte of no WireGuard message.
const OF_NO_MESSAGE: u8 = 0x55;
/// Strangers to make initiations of; an engine sees the same one every so often, and can not know.
const STRANGERS: u32 = 200;
/// Outside of any range that a bench configures.
const FIRST_STRANGER: u32 = 1 << 24;
const BURST: Duration = Duration::from_millis(1);

pub(crate) enum Kind {
    /// As long as an initiation, and nothing that a look does not tell: what it costs to hear of a datagram at all.
    Noise,
    /// Fails at the first check.
    Mac1,
    /// Knows the server's public key, so that the server has to compute before it knows.
    Stranger,
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(word: &str) -> Result<Kind, String> {
        match word {
            "noise" => Ok(Kind::Noise),
            "mac1" => Ok(Kind::Mac1),
            "stranger" => Ok(Kind::Stranger),
            other => Err(format!("a flood is noise, mac1 or stranger, not {other:?}")),
        }
    }
}

pub(crate) struct Flood {
    pub(crate) to: SocketAddr,
    pub(crate) server: PublicKey,
    pub(crate) kind: Kind,
    pub(crate) a_second: u32,
    pub(crate) seconds: u32,
}

pub(crate) fn run(flood: &Flood) -> Result<(), Failure> {
    let messages = bad_messages(flood)?;
    let socket = UdpSocket::bind("0.0.0.0:0")?;
    let mut messages = messages.iter().cycle();
    let (start, length) = (
        Instant::now(),
        Duration::from_secs(u64::from(flood.seconds)),
    );
    let mut sent = 0_u32;
    while start.elapsed() < length {
        let due = (start.elapsed().as_secs_f64() * f64::from(flood.a_second)) as u32;
        while sent < due {
            // A full queue on the way is a part of floods.
            let _ = socket.send_to(messages.next().ok_or("no message")?, flood.to);
            sent += 1;
        }
        std::thread::sleep(BURST);
    }
    let seconds = start.elapsed().as_secs_f64();
    println!(r#"{{"sent":{sent},"seconds":{seconds:.6}}}"#);
    Ok(())
}

fn bad_messages(flood: &Flood) -> Result<Vec<Vec<u8>>, Failure> {
    let mut messages = Vec::new();
    for number in 0..STRANGERS {
        let mut stranger = Member::new(FIRST_STRANGER + number, flood.server, flood.to)?;
        let mut message = stranger.begin().ok_or("no initiation was made")?;
        spoil(&mut message, &flood.kind).ok_or("no initiation was made")?;
        messages.push(message);
    }
    Ok(messages)
}

fn spoil(initiation: &mut [u8], kind: &Kind) -> Option<()> {
    match kind {
        Kind::Noise => *initiation.first_mut()? = OF_NO_MESSAGE,
        Kind::Mac1 => SystemRandom::new()
            .fill(initiation.get_mut(MAC1_AT..MAC1_AT + 16)?)
            .ok()?,
        Kind::Stranger => {}
    }
    Some(())
}

/// Until it is ended.
pub(crate) fn sink(listen: SocketAddr) -> Result<(), Failure> {
    let _socket = UdpSocket::bind(listen)?;
    println!("ready");
    loop {
        std::thread::park();
    }
}
