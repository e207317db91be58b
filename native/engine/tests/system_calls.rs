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
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::thread::sleep;
use std::time::Duration;

use device::Device;
use lab::folder::{Folder, Keys};
use lab::sockets::uapi_socket;
use lab::{ENGINE, Host, unique};
use refusing_kernel::endurance::Refusal;
use refusing_kernel::errnos::{
    HEARING_A_BELL, LETTING_CALLERS_IN, MAKING_A_SOCKET, READING_AN_INTERFACE, RINGING_A_BELL,
    WAITING, WRITING_AN_INTERFACE,
};
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
    endures(libc::SYS_readv, READING_AN_INTERFACE);
}

#[test]
fn line_50_an_interface_that_can_not_be_written_ends_nothing() {
    endures(libc::SYS_writev, WRITING_AN_INTERFACE);
}

#[test]
fn line_50_waiting_that_fails_ends_nothing() {
    endures(libc::SYS_ppoll, WAITING);
}

/// Only who could not send waits for room.
#[test]
fn line_50_waiting_for_room_that_fails_ends_nothing() {
    endures_beside(
        &[(libc::SYS_sendmmsg, libc::EAGAIN)],
        libc::SYS_poll,
        WAITING,
    );
}

#[test]
fn line_50_bells_callers_and_questions_that_fail_end_nothing() {
    for (call, errnos) in [
        (libc::SYS_read, HEARING_A_BELL),
        (libc::SYS_write, RINGING_A_BELL),
    ] {
        // A new port is told to the data threads by their bells.
        endures_while(&[], call, errnos, |one, near, number| {
            one.run(
                "wg",
                &format!("set {} listen-port {}", near.name, 1112 + number),
            );
        });
    }
    for (call, errnos) in [
        (libc::SYS_ioctl, &[libc::ENODEV, libc::ENOMEM][..]),
        (libc::SYS_getsockopt, &[libc::ENOBUFS]),
        (libc::SYS_recvfrom, &[libc::ENOBUFS, libc::ENOMEM]),
        (libc::SYS_accept4, LETTING_CALLERS_IN),
    ] {
        endures(call, errnos);
    }
}

#[test]
fn line_50_a_port_that_can_not_be_opened_leaves_the_one_that_is() {
    let ((one, other), folder) = (Host::pair(), Folder::new());
    let calls = [
        libc::SYS_bind,
        libc::SYS_getsockname,
        libc::SYS_setsockopt,
        libc::SYS_socket,
    ];
    let (near, _far) = refused_and_far(&one, &other, &folder, &calls, "");
    one.must_reach("10.5.0.2");
    for (call, errnos) in [
        (
            libc::SYS_bind,
            &[libc::EACCES, libc::EADDRINUSE, libc::ENOMEM][..],
        ),
        (libc::SYS_getsockname, &[libc::ENOBUFS]),
        (libc::SYS_setsockopt, &[libc::ENOMEM, libc::ENOPROTOOPT]),
        (libc::SYS_socket, MAKING_A_SOCKET),
    ] {
        for errno in errnos {
            near.kernel.refuse(call, *errno);
            let (is_content, said) = one.run("wg", &format!("set {} listen-port 3111", near.name));
            let refused = near.kernel.relent_once_met();

            let reason = std::io::Error::from_raw_os_error(*errno);
            assert!(refused > 0, "call {call} was not made");
            assert!(!is_content, "{reason}: {said}");
            let port = one.must("wg", &format!("show {} listen-port", near.name));
            assert_eq!(port.trim(), "1111", "{reason}");
            assert!(one.reaches("10.5.0.2"), "{reason}");
        }
    }
    one.must("wg", &format!("set {} listen-port 3111", near.name));
}

#[test]
fn line_50_handshakes_are_answered_while_they_can_not_be_written_down_and_are_afterwards() {
    let ((one, other), folder) = (Host::pair(), Folder::new());
    let state = folder.join("state");
    let options = format!("--state {}", state.display());
    let (mut near, far) = refused_and_far(&one, &other, &folder, &[libc::SYS_pwrite64], &options);
    other.must_reach("10.5.0.1");
    let errnos = [libc::EDQUOT, libc::EIO, libc::ENOSPC, libc::EROFS];
    for errno in errnos {
        let before = fs::read(&state).unwrap();
        near.kernel.refuse(libc::SYS_pwrite64, errno);
        near.meets_anew(&far);
        let is_reached = other.reaches("10.5.0.1");
        let (refused, meanwhile) = (near.kernel.relent_once_met(), fs::read(&state).unwrap());

        let reason = std::io::Error::from_raw_os_error(errno);
        assert!(refused > 0, "nothing was written down");
        assert!(is_reached, "no handshake while the disk said: {reason}");
        assert!(before == meanwhile, "written in spite of: {reason}");
        assert!(
            holds_soon(|| fs::read(&state).unwrap() != before),
            "never written down after: {reason}"
        );
    }
    let (_, said) = near.kernel.stop();
    for sentence in ["can not be written down just now", "is written down again"] {
        let told = said.matches(sentence).count();
        assert_eq!(told, errnos.len(), "{sentence:?} in:\n{said}");
    }
}

#[test]
fn line_50_a_handshake_waits_for_randomness_and_nothing_ends() {
    let ((one, other), folder) = (Host::pair(), Folder::new());
    let (near, far) = refused_and_far(&one, &other, &folder, &[libc::SYS_getrandom], "");
    other.must_reach("10.5.0.1");
    for errno in [libc::EAGAIN, libc::EINTR, libc::EIO, libc::ENOSYS] {
        let pid = near.kernel.running.pid();
        let refusal = Refusal::of(libc::SYS_getrandom, errno, pid);
        near.kernel.refuse(libc::SYS_getrandom, errno);
        near.meets_anew(&far);
        other.run("ping", "-c 2 -i 0.2 -W 0.2 10.5.0.1");
        let refused = near.kernel.relent_once_met();

        refusal.expect_met(refused);
        refusal.expect_endured(holds_soon(|| other.reaches("10.5.0.1")), pid);
    }
}

/// Failing calls when it starts are failing starts, but for the family that a host may lack.
#[test]
fn line_50_without_ipv6_a_device_carries_ipv4() {
    let ((one, other), folder) = (Host::pair(), Folder::new());
    one.must("sysctl", "-qw net.ipv6.conf.all.disable_ipv6=1");
    let (near, _far) = refused_and_far(&one, &other, &folder, &[libc::SYS_recvfrom], "");

    one.must_reach("10.5.0.2");
    drop(near);
}

/// One device, and one errno after the other at one call.
fn endures(call: i64, errnos: &[i32]) {
    endures_beside(&[], call, errnos);
}

/// While those others fail, too.
fn endures_beside(beside: &[(i64, i32)], call: i64, errnos: &[i32]) {
    endures_while(beside, call, errnos, |one, near, number| {
        one.ip(&format!("link set {} mtu {}", near.name, 1400 - number));
    });
}

/// While that is done, too; it is told which errno it is.
fn endures_while(
    beside: &[(i64, i32)],
    call: i64,
    errnos: &[i32],
    meanwhile: impl Fn(&Host, &Refused, usize),
) {
    let ((one, other), folder) = (Host::pair(), Folder::new());
    let mut calls: Vec<i64> = beside.iter().map(|(call, _)| *call).collect();
    calls.push(call);
    let (near, _far) = refused_and_far(&one, &other, &folder, &calls, "");
    one.must_reach("10.5.0.2");
    for (number, errno) in errnos.iter().enumerate() {
        let pid = near.kernel.running.pid();
        let refusal = Refusal::of(call, *errno, pid);
        let mut known = near.caller();
        sleep(Duration::from_millis(20));
        near.kernel
            .refuse_all(&[beside, &[(call, *errno)]].concat());
        let stranger = near.caller();
        // Who can not be heard may be hung up on.
        let _ = known.write_all(b"get=1\n\n");
        one.run("ping", "-c 8 -i 0.02 -W 0.2 10.5.0.2");
        meanwhile(&one, &near, number);
        sleep(Duration::from_millis(100));
        let refused = near.kernel.relent_once_met();
        drop((known, stranger));

        refusal.expect_met(refused);
        refusal.expect_endured(holds_soon(|| one.reaches("10.5.0.2")), pid);
    }
    let shown = one.must("wg", &format!("show {}", near.name));
    assert!(shown.contains("latest handshake"), "{shown}");
}

struct Refused {
    name: String,
    public: String,
    kernel: RefusingKernel,
}

impl Refused {
    /// Somebody at its socket, heard or not.
    fn caller(&self) -> UnixStream {
        UnixStream::connect(uapi_socket(&self.name)).unwrap()
    }

    /// The far end forgets their session, so that its next packet begins a handshake.
    fn meets_anew(&self, far: &Device<'_>) {
        // Two handshakes of one peer within 20 ms are one too many.
        sleep(Duration::from_millis(50));
        far.wg(&format!("peer {} remove", self.public));
        far.wg(&format!(
            "peer {} allowed-ips 10.5.0.1/32 endpoint 192.0.2.1:1111",
            self.public
        ));
    }
}

fn refused_and_far<'h>(
    one: &Host,
    other: &'h Host,
    folder: &Folder,
    calls: &[i64],
    options: &str,
) -> (Refused, Device<'h>) {
    let (name, keys) = (unique("a"), Keys::new(folder));
    let command = one.command(ENGINE, &format!("device {name} {options}"));
    let mut kernel = RefusingKernel::start(command, calls);
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
    let near = Refused {
        name,
        public: keys.public,
        kernel,
    };
    near.meets_anew(&far);
    (near, far)
}
