//! What is asked of a program whose calls failed for a while.

use std::fs;

/// Of processor time, in hundredths of a second, while one call is refused.
const MOST_TICKS: u64 = 60;

/// One call that says one errno.
#[derive(Clone, Copy)]
pub struct Refusal {
    pub call: i64,
    pub errno: i32,
    /// Of the program, before it began.
    pub ticks_before: u64,
}

impl Refusal {
    pub fn of(call: i64, errno: i32, pid: u32) -> Refusal {
        Refusal {
            call,
            errno,
            ticks_before: processor_ticks(pid),
        }
    }

    /// Else nothing was tried.
    pub fn expect_met(&self, times: u64) {
        let (call, reason) = (self.call, self.reason());
        assert!(
            times > 0,
            "call {call} was not made while it would have said: {reason}"
        );
    }

    /// It carries again, and has not burnt the time until then.
    pub fn expect_endured(&self, works: bool, pid: u32) {
        let (call, reason) = (self.call, self.reason());
        assert!(
            works,
            "it does not carry any more after call {call} said: {reason}"
        );
        let used = processor_ticks(pid) - self.ticks_before;
        assert!(
            used < MOST_TICKS,
            "{used} hundredths of a second went into waiting for call {call}: {reason}"
        );
    }

    fn reason(&self) -> std::io::Error {
        std::io::Error::from_raw_os_error(self.errno)
    }
}

fn processor_ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let behind_name = stat.rsplit_once(')').unwrap().1;
    let mut fields = behind_name.split_whitespace().skip(11);
    let mut next = || fields.next().unwrap().parse::<u64>().unwrap();
    next() + next()
}
