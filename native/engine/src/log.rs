//! One line an event to stderr. `CULVERT_LOG` says from which level on; systemd reads the `<n>` of each line.

use std::fmt::Arguments;
use std::io::{IsTerminal, Write, stderr};
use std::sync::LazyLock;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Error,
    Warn,
    Info,
    Debug,
}

static LEVEL: LazyLock<Level> = LazyLock::new(|| match std::env::var("CULVERT_LOG").as_deref() {
    Ok("error") => Level::Error,
    Ok("warn") => Level::Warn,
    Ok("debug") => Level::Debug,
    _ => Level::Info,
});

/// A journal takes the priority from the start of the line; on a terminal it would be noise.
static FOR_JOURNAL: LazyLock<bool> =
    LazyLock::new(|| !stderr().is_terminal() && std::env::var_os("JOURNAL_STREAM").is_some());

pub(crate) fn write(level: Level, text: Arguments<'_>) {
    if level > *LEVEL {
        return;
    }
    let (name, priority) = match level {
        Level::Error => ("error", 3),
        Level::Warn => ("warn", 4),
        Level::Info => ("info", 6),
        Level::Debug => ("debug", 7),
    };
    // A full or closed log must not stop packets.
    let _ = match *FOR_JOURNAL {
        true => writeln!(stderr(), "<{priority}>{text}"),
        false => writeln!(stderr(), "{name}: {text}"),
    };
}

#[macro_export]
macro_rules! log_error { ($($part:tt)*) => { $crate::log::write($crate::log::Level::Error, format_args!($($part)*)) } }
#[macro_export]
macro_rules! log_warn { ($($part:tt)*) => { $crate::log::write($crate::log::Level::Warn, format_args!($($part)*)) } }
#[macro_export]
macro_rules! log_info { ($($part:tt)*) => { $crate::log::write($crate::log::Level::Info, format_args!($($part)*)) } }
#[macro_export]
macro_rules! log_debug { ($($part:tt)*) => { $crate::log::write($crate::log::Level::Debug, format_args!($($part)*)) } }
