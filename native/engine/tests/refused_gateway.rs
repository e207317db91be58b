//! Every system call of a gateway's data path fails, with every errno that it may: nothing ends, and what worked works again.
//! Line 50; `system_calls.rs` does the same to a device.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "for tests only; one that is wrong should say so at once"
)]

mod gateway_lab;
mod lab;
mod refusing_kernel;

use std::os::unix::net::UnixStream;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use gateway_lab::packets::udp;
use gateway_lab::party::Party;
use gateway_lab::{Gateway, free_port};
use lab::ENGINE;
use lab::folder::Folder;
use refusing_kernel::Refusals;
use refusing_kernel::endurance::Refusal;
use refusing_kernel::errnos::{
    HEARING_A_BELL, LETTING_CALLERS_IN, MAKING_A_SOCKET, RINGING_A_BELL, TAKING_A_PORT, WAITING,
    WRITING_A_FILE,
};
use serde_json::json;

const TARGET: &str = "192.168.0.10";
const DEVICE: &str = "100.96.0.7";
const CONNECTOR: &str = "100.96.1.1";
/// Devices that come for the first time, one for each errno.
const VISITORS: [&str; 11] = [
    "100.96.0.20",
    "100.96.0.21",
    "100.96.0.22",
    "100.96.0.23",
    "100.96.0.24",
    "100.96.0.25",
    "100.96.0.26",
    "100.96.0.27",
    "100.96.0.28",
    "100.96.0.29",
    "100.96.0.30",
];

#[test]
fn line_50_a_gateway_endures_calls_that_fail() {
    for (call, errnos) in [
        (
            libc::SYS_sendmmsg,
            &[
                libc::EACCES,
                libc::EADDRNOTAVAIL,
                libc::EAGAIN,
                libc::EINTR,
                libc::EINVAL,
                libc::EIO,
                libc::EMSGSIZE,
                libc::ENETUNREACH,
                libc::ENOBUFS,
                libc::ENOMEM,
                libc::EPERM,
            ][..],
        ),
        (
            libc::SYS_recvmmsg,
            &[
                libc::EAGAIN,
                libc::ECONNREFUSED,
                libc::EINTR,
                libc::EIO,
                libc::ENOBUFS,
                libc::ENOMEM,
            ],
        ),
        (libc::SYS_ppoll, WAITING),
        (libc::SYS_read, HEARING_A_BELL),
        (libc::SYS_write, RINGING_A_BELL),
        (libc::SYS_getrandom, &[libc::EAGAIN, libc::EIO]),
        (libc::SYS_accept4, LETTING_CALLERS_IN),
        (libc::SYS_pwrite64, WRITING_A_FILE),
    ] {
        gateway_endures(call, errnos);
    }
}

fn gateway_endures(call: i64, errnos: &[i32]) {
    let mut command = Command::new(ENGINE);
    Refusals::prepare(&mut command, &[call]);
    // Dropped after the gateway: without a supervisor its calls would wait for ever.
    let mut supervisor = None;
    let folder = Folder::new();
    let options = format!("--state {}", folder.join("floors").display());
    let watch = |pid| supervisor = Some(Refusals::over(pid));
    let mut gateway = Gateway::start_watched(command, &options, watch);
    let refusals = supervisor.as_ref().unwrap();
    let mut device = Party::new(&gateway, DEVICE);
    let mut connector = Party::new(&gateway, CONNECTOR);
    let mut config = gateway.config(&device, &connector);
    let mut visitors: Vec<Party> = VISITORS.map(|address| Party::new(&gateway, address)).into();
    for (number, visitor) in visitors.iter().enumerate() {
        let entry = json!({ "kind": "device", "id": format!("visitor {number}"),
            "publicKey": visitor.public_key_text(), "addresses": [VISITORS[number]], "subjects": [], "expiresAt": null });
        config["peers"].as_array_mut().unwrap().push(entry);
    }
    gateway.configure(&config);
    connector.greet();
    device.greet();
    for (number, errno) in errnos.iter().enumerate() {
        let refusal = Refusal::of(call, *errno, gateway.pid());
        refusals.refuse(call, *errno);
        let caller = UnixStream::connect(gateway.control_path());
        visitors[number].knock();
        carries(&mut device, &mut connector, number as u16);
        // Longer than callers have to wait after one could not be let in.
        sleep(Duration::from_millis(150));
        let refused = refusals.relent_once_met();
        drop(caller);

        refusal.expect_met(refused);
        let works = (0..8).any(|_| carries(&mut device, &mut connector, 1000 + number as u16));
        refusal.expect_endured(works, gateway.pid());
    }
}

#[test]
fn line_50_a_gateway_that_gets_no_new_port_keeps_its_old_one() {
    let ports = [
        (libc::SYS_socket, MAKING_A_SOCKET),
        (libc::SYS_bind, TAKING_A_PORT),
        (libc::SYS_getsockname, &[libc::ENOBUFS]),
        (libc::SYS_setsockopt, &[libc::ENOMEM, libc::ENOPROTOOPT]),
    ];
    for (call, errnos) in ports {
        let mut command = Command::new(ENGINE);
        Refusals::prepare(&mut command, &[call]);
        let mut supervisor = None;
        let watch = |pid| supervisor = Some(Refusals::over(pid));
        let mut gateway = Gateway::start_watched(command, "", watch);
        let refusals = supervisor.as_ref().unwrap();
        let mut device = Party::new(&gateway, DEVICE);
        let mut connector = Party::new(&gateway, CONNECTOR);
        let mut config = gateway.config(&device, &connector);
        gateway.configure(&config);
        connector.greet();
        device.greet();
        config["listenPort"] = json!(free_port());
        for (number, errno) in errnos.iter().enumerate() {
            let refusal = Refusal::of(call, *errno, gateway.pid());
            refusals.refuse(call, *errno);
            gateway.ask_for_error("configure", config.clone());
            refusal.expect_met(refusals.relent());

            let works = (0..8).any(|_| carries(&mut device, &mut connector, number as u16));
            refusal.expect_endured(works, gateway.pid());
        }
        gateway.configure(&config);
    }
}

/// There; what comes first is late.
fn carries(device: &mut Party, connector: &mut Party, number: u16) -> bool {
    let question = udp(DEVICE, TARGET, 5000, 53, &number.to_be_bytes());
    device.send(&question);
    connector.awaits(&question)
}
