//! Every system call of the data path fails, with every errno that it may: nothing ends, and what worked works again.
//! Line 50. Needs root, `wg` and `ping`.
//!
//! ```text
//!   near, whose kernel says no, 10.5.0.1 ══ 192.0.2.0/24 ══ far 10.5.0.2
//! ```
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // test builders, outside #[test] functions

mod device;
mod lab;
mod refusing_kernel;

use std::fs;
use std::thread::sleep;
use std::time::Duration;

use device::Device;
use lab::{ENGINE, Folder, Host, Keys, uapi_socket, unique};
use refusing_kernel::{RefusingKernel, holds_soon};

#[test]
fn line_50_a_socket_that_can_not_send_ends_nothing() {
    let errnos = [
        libc::EACCES,
        libc::EADDRNOTAVAIL,
        libc::EAGAIN,
        libc::ECONNREFUSED,
        libc::EHOSTUNREACH,
        libc::EINTR,
        libc::EINVAL,
        libc::EIO,
        libc::EMSGSIZE,
        libc::ENETDOWN,
        libc::ENETUNREACH,
        libc::ENOBUFS,
        libc::ENODEV,
        libc::ENOMEM,
        libc::EPERM,
        libc::EPIPE,
    ];
    endures(libc::SYS_sendmmsg, &errnos);
}

#[test]
fn line_50_a_socket_that_can_not_receive_ends_nothing() {
    let errnos = [
        libc::EAGAIN,
        libc::ECONNREFUSED,
        libc::EHOSTUNREACH,
        libc::EINTR,
        libc::EIO,
        libc::EMSGSIZE,
        libc::ENETDOWN,
        libc::ENOBUFS,
        libc::ENOMEM,
        libc::EPERM,
    ];
    endures(libc::SYS_recvmmsg, &errnos);
}

#[test]
fn line_50_an_interface_that_can_not_be_read_for_a_while_ends_nothing() {
    endures(
        libc::SYS_readv,
        &[
            libc::EAGAIN,
            libc::EINTR,
            libc::EIO,
            libc::ENOBUFS,
            libc::ENOMEM,
        ],
    );
}

#[test]
fn line_50_an_interface_that_can_not_be_written_ends_nothing() {
    endures(
        libc::SYS_writev,
        &[
            libc::EAGAIN,
            libc::EINTR,
            libc::EINVAL,
            libc::EIO,
            libc::ENOBUFS,
            libc::ENOMEM,
            libc::EPERM,
        ],
    );
}

#[test]
fn line_50_waiting_that_fails_ends_nothing() {
    endures(libc::SYS_poll, &[libc::EAGAIN, libc::EINTR, libc::ENOMEM]);
    endures(libc::SYS_ppoll, &[libc::EAGAIN, libc::EINTR, libc::ENOMEM]);
}

#[test]
fn line_50_bells_questions_and_randomness_that_fail_end_nothing() {
    for (call, errnos) in [
        (libc::SYS_read, &[libc::EAGAIN, libc::EIO][..]),
        (libc::SYS_write, &[libc::EAGAIN, libc::EIO, libc::ENOSPC]),
        (libc::SYS_ioctl, &[libc::ENODEV, libc::ENOMEM]),
        (libc::SYS_recvfrom, &[libc::ENOBUFS, libc::ENOMEM]),
        (
            libc::SYS_accept4,
            &[libc::EMFILE, libc::ENFILE, libc::ENOMEM, libc::ECONNABORTED],
        ),
    ] {
        endures(call, errnos);
    }
}

/// Failing calls when it starts are failing starts, but for the family that a host may lack.
#[test]
fn line_50_without_ipv6_a_device_carries_ipv4() {
    let ((one, other), folder) = (Host::pair(), Folder::new());
    one.must("sysctl", "-qw net.ipv6.conf.all.disable_ipv6=1");
    let (near, _far) = refused_and_far(&one, &other, &folder, libc::SYS_recvfrom);

    one.must_reach("10.5.0.2");
    drop(near);
}

/// One device, and one errno after the other at one call.
fn endures(call: i64, errnos: &[i32]) {
    let ((one, other), folder) = (Host::pair(), Folder::new());
    let (near, _far) = refused_and_far(&one, &other, &folder, call);
    one.must_reach("10.5.0.2");
    for errno in errnos {
        let before = processor_ticks(near.kernel.running.pid());
        near.kernel.refuse(call, *errno);
        one.run("ping", "-c 8 -i 0.02 -W 0.2 10.5.0.2");
        one.ip(&format!("link set {} mtu 1400", near.name));
        sleep(Duration::from_millis(100));
        near.kernel.relent();

        let reason = std::io::Error::from_raw_os_error(*errno);
        assert!(
            holds_soon(|| one.reaches("10.5.0.2")),
            "it does not carry any more after call {call} said: {reason}"
        );
        let used = processor_ticks(near.kernel.running.pid()) - before;
        assert!(
            used < 30,
            "{used} hundredths of a second went into waiting for call {call}: {reason}"
        );
    }
    let shown = one.must("wg", &format!("show {}", near.name));
    assert!(shown.contains("latest handshake"), "{shown}");
}

struct Refused {
    name: String,
    kernel: RefusingKernel,
}

fn refused_and_far<'h>(
    one: &Host,
    other: &'h Host,
    folder: &Folder,
    call: i64,
) -> (Refused, Device<'h>) {
    let (name, keys) = (unique("a"), Keys::new(folder));
    let mut kernel = RefusingKernel::start(one.command(ENGINE, &format!("device {name}")), &[call]);
    kernel.running.wait_for(&uapi_socket(&name));
    let far = Device::start(other, folder, 2);
    let own = keys.file.display();
    let peer = &far.keys.public;
    one.must(
        "wg",
        &format!(
            "set {name} private-key {own} listen-port 1111 peer {peer} endpoint 192.0.2.2:2111 allowed-ips 10.5.0.2/32"
        ),
    );
    one.has(&name, &["10.5.0.1/24"]);
    one.ip(&format!("link set {name} up"));
    far.wg(&format!(
        "peer {} allowed-ips 10.5.0.1/32 endpoint 192.0.2.1:1111",
        keys.public
    ));
    (Refused { name, kernel }, far)
}

fn processor_ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let behind_name = stat.rsplit_once(')').unwrap().1;
    let mut fields = behind_name.split_whitespace().skip(11);
    let mut next = || fields.next().unwrap().parse::<u64>().unwrap();
    next() + next()
}
