//! What the bench sets upon an engine. Everything comes from outside, over UDP; results are one line of JSON on stdout.
//!
//!     culvert-load keys COUNT
//!     culvert-load handshakes TO SERVER_KEY MEMBERS IN_FLIGHT EACH
//!     culvert-load flood TO SERVER_KEY noise|mac1|stranger A_SECOND SECONDS
//!     culvert-load sink LISTEN
//!     culvert-load devices HUB HUB_KEY DEVICES FLOWS RANGES SECONDS
//!
//! TO, HUB and LISTEN are ADDRESS:PORT, keys are 64 hex digits. Members' keys come from their numbers: nothing secret is here.
#![forbid(unsafe_code)]

mod arguments;
mod devices;
mod flood;
mod handshakes;
mod inner;
mod joining;
mod member;

use std::process::ExitCode;

use arguments::{Arguments, Failure};

const USAGE: &str = "usage: culvert-load keys|handshakes|flood|sink|devices ARGUMENTS… (see native/load/src/main.rs)";

fn main() -> ExitCode {
    let mut arguments = Arguments::new(std::env::args().skip(1));
    match run(&mut arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("culvert-load: {failure}\n{USAGE}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &mut Arguments) -> Result<(), Failure> {
    match arguments.word("a command")?.as_str() {
        "keys" => {
            for number in 0..arguments.number("COUNT")? {
                println!("{}", member::hex(&member::public_key(number)));
            }
            Ok(())
        }
        "handshakes" => handshakes::run(&handshakes::Storm {
            to: arguments.address("TO")?,
            server: arguments.key("SERVER_KEY")?,
            members: arguments.number("MEMBERS")?,
            in_flight: arguments.number("IN_FLIGHT")?,
            each: arguments.number("EACH")?,
        }),
        "flood" => flood::run(&flood::Flood {
            to: arguments.address("TO")?,
            server: arguments.key("SERVER_KEY")?,
            kind: arguments.word("noise, mac1 or stranger")?.parse()?,
            a_second: arguments.number("A_SECOND")?,
            seconds: arguments.number("SECONDS")?,
        }),
        "sink" => flood::sink(arguments.address("LISTEN")?),
        "devices" => devices::run(&devices::Traffic {
            hub: arguments.address("HUB")?,
            hub_key: arguments.key("HUB_KEY")?,
            devices: arguments.number("DEVICES")?,
            flows: arguments.number("FLOWS")?,
            ranges: arguments.number("RANGES")?,
            seconds: arguments.number("SECONDS")?,
        }),
        other => Err(format!("there is no command {other:?}").into()),
    }
}
