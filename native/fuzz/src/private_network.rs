//! The process (or this thread of it) gets a network of its own, with a few addresses and nobody else in it: what a
//! fuzzer makes up must reach no real host. Needs root, as the tests beside it do.

use std::cell::Cell;
use std::process::Command;

thread_local!(static IS_ENTERED: Cell<bool> = const { Cell::new(false) });

/// 10.9.0.10 and fd5a::a09:a are here, 10.9.1.0/24 is unreachable. Once per thread.
pub(crate) fn enter() {
    if IS_ENTERED.replace(true) {
        return;
    }
    // SAFETY: changes only the network namespace of this very thread, and of those it starts.
    let unshared = unsafe { libc::unshare(libc::CLONE_NEWNET) };
    assert_eq!(
        unshared, 0,
        "this target makes a network namespace: run it as root"
    );
    std::fs::write("/proc/sys/net/ipv4/ping_group_range", "0 2147483647").unwrap();
    for command in [
        "link set lo up",
        "addr add 10.9.0.10/32 dev lo",
        "-6 addr add fd5a::a09:a/128 dev lo nodad",
        "route add unreachable 10.9.1.0/24",
    ] {
        let status = Command::new("ip")
            .args(command.split(' '))
            .status()
            .unwrap();
        assert!(status.success(), "ip {command}");
    }
}
