//! What the gateway's process takes, and may take.

use std::process::Command;

use super::Gateway;

impl Gateway {
    pub(crate) fn resident_kb(&self) -> u64 {
        self.kilobytes("VmRSS:")
    }

    /// From now on it gets so many bytes more, and no further ones.
    pub(crate) fn limit_memory(&self, more: u64) {
        let limit = self.kilobytes("VmSize:") * 1024 + more;
        let done = Command::new("prlimit")
            .args([
                &format!("--pid={}", self.pid()),
                &format!("--as={limit}:{limit}"),
            ])
            .status();
        assert!(done.unwrap().success());
    }

    fn kilobytes(&self, name: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// Seconds of processor time, all threads together.
    pub(crate) fn processor_seconds(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        let behind_the_name = stat.rsplit_once(')').unwrap().1;
        let fields: Vec<&str> = behind_the_name.split_whitespace().collect();
        const TICKS_PER_SECOND: f64 = 100.0;
        let ticks = [11, 12].map(|nth: usize| fields[nth].parse::<f64>().unwrap());
        ticks.iter().sum::<f64>() / TICKS_PER_SECOND
    }
}
