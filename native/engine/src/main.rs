//! `culvert-engine`: carries packets as a device, a gateway or a connector. See `../README.md`.

mod arguments;
mod bell;
mod clock;
mod connector;
mod control;
mod device;
mod entropy;
mod gateway;
mod key_text;
mod local_socket;
mod log;
mod privileges;
mod shell;
mod signals;
mod uapi;

use std::error::Error;
use std::process::ExitCode;

use arguments::{Arguments, Role};
use control::events;
use shell::Shell;
use signals::Signals;

fn main() -> ExitCode {
    let arguments = match arguments::parse(std::env::args_os().skip(1)) {
        Ok(arguments) => arguments,
        Err(fault) => {
            eprintln!("culvert-engine: {fault}\n{}", arguments::USAGE);
            return ExitCode::from(2);
        }
    };
    leave_when_a_thread_panics();
    match run(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(fault) => {
            eprintln!("culvert-engine: {fault}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> Result<(), Box<dyn Error>> {
    // Before any thread, so that all of them inherit the mask.
    let signals = Signals::catch()?;
    let (sink, source) = events::channel()?;
    let sockets = shell::open_sockets(&arguments)?;
    let role: Box<dyn control::Role> = match &arguments.role {
        Role::Device(options) => Box::new(device::start(options, sink)?),
        Role::Gateway => Box::new(gateway::start(sink)?),
        Role::Connector => Box::new(connector::start(sink)?),
    };
    Ok(Shell::new(role, sockets, signals, source).run()?)
}

/// An engine with a dead data thread would look alive and carry nothing.
fn leave_when_a_thread_panics() {
    let say = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        say(panic);
        std::process::exit(101);
    }));
}
