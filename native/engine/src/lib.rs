//! The engine as a library, so that its doors can be fuzzed; the program is `main.rs`. See `../README.md`.
#![deny(unsafe_code)] // but in the few files that say why

mod arguments;
mod bell;
mod clean_sleep;
mod clock;
mod confinement;
mod congestion;
mod connector;
mod control;
mod device;
mod entropy;
mod floor_keeper;
#[doc(hidden)]
pub mod fuzzing;
mod gateway;
mod key_text;
mod local_socket;
mod log;
mod memory;
mod neighbours;
mod network_watch;
mod patience;
mod privileges;
mod replay_floors;
mod send_news;
mod setback;
mod shell;
mod signals;
mod uapi;

use std::error::Error;
use std::process::ExitCode;

use arguments::{Arguments, Role};
use connector::KernelDoor;
use control::{EventSink, events};
use replay_floors::ReplayFloors;
use rustix::thread::CapabilitySet;
use shell::Shell;
use signals::Signals;

/// What `culvert-engine` does from its first argument to its exit code.
pub fn main() -> ExitCode {
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
    let role = start_role(&arguments, sink)?;
    if let Err(cause) = confinement::confine(role.kind()) {
        // The last of several walls; an unusual kernel is no reason to carry nothing.
        log_warn!("the engine's system calls are not confined: {cause}");
    }
    Ok(Shell::new(role, sockets, signals, source).run()?)
}

/// Threads inherit rights at their birth, so each role gives up its own before it starts any. What it keeps it has only
/// where whoever started the engine has given it.
fn start_role(
    arguments: &Arguments,
    sink: EventSink,
) -> Result<Box<dyn control::Role>, Box<dyn Error>> {
    let aead = arguments.aead;
    Ok(match &arguments.role {
        Role::Device(options) => Box::new(device::start(options, aead, sink)?),
        Role::Gateway(options) => {
            let floors = ReplayFloors::keep_at(options.state.as_deref(), clock::now().unix)?;
            // For a port below 1024.
            privileges::reduce(CapabilitySet::NET_BIND_SERVICE)?;
            Box::new(gateway::start(floors, aead, sink)?)
        }
        Role::Connector(options) => {
            let kernel = options.tun.as_deref().map(KernelDoor::open).transpose()?;
            // For ping where ping sockets are turned off.
            privileges::reduce(CapabilitySet::NET_RAW)?;
            Box::new(connector::start(kernel, options.shards, aead, sink)?)
        }
    })
}

/// An engine with a dead data thread would look alive and carry nothing.
fn leave_when_a_thread_panics() {
    let say = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        say(panic);
        std::process::exit(101);
    }));
}
