//! Every system call of a connector's data path fails, with every errno that it may: nothing ends, and what worked works
//! again. Line 50; `system_calls.rs` does the same to a device. Needs root.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "for tests only; one that is wrong should say so at once"
)]

#[path = "connector/conversation.rs"]
mod conversation;
#[path = "connector/gateway.rs"]
mod gateway;
mod lab;
#[path = "../../netstack/tests/lab/packets.rs"]
mod packets;
#[path = "connector/process.rs"]
mod process;
mod refusing_kernel;

use std::io::Write;
use std::net::{IpAddr, UdpSocket};
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

use conversation::{Conversation, SERVER, base64, connector_key, tcp_echo};
use gateway::Gateway as TunnelEnd;
use lab::{Host, unique};
use process::{Engine, NOBODY};
use refusing_kernel::Refusals;
use refusing_kernel::endurance::Refusal;
use refusing_kernel::errnos::{
    HEARING_A_BELL, LETTING_CALLERS_IN, MAKING_A_SOCKET, READING_AN_INTERFACE, RINGING_A_BELL,
    WRITING_AN_INTERFACE,
};
use serde_json::json;

/// Of the device, which `packets` wants in both families.
const DEVICE: &str = "100.96.0.7";
const DEVICE_V6: &str = "fd5a::7";
const ROOT: u32 = 0;
const SYN: u8 = 2;
const CLOSED_PORT: u16 = 9;

/// Which connector it is, and whose calls fail.
#[derive(Clone, Copy)]
struct Trial {
    options: &'static [&'static str],
    /// What the names of those threads begin with.
    threads: &'static str,
    /// So many that each thread has some.
    flows: u16,
}

const ONE_THREAD: Trial = Trial {
    options: &[],
    threads: "",
    flows: 1,
};
/// The first shard is the plane's.
const HELPERS_OF_THREE_SHARDS: Trial = Trial {
    options: &["--shards", "3"],
    threads: "shard ",
    flows: 16,
};

#[test]
fn line_50_a_connector_endures_calls_that_fail() {
    calls_on_the_way_fail(ONE_THREAD);
}

#[test]
fn line_50_a_connector_of_three_shards_endures_calls_that_fail_in_its_helpers() {
    calls_on_the_way_fail(HELPERS_OF_THREE_SHARDS);
}

/// A helper neither listens to gateways nor talks to anybody but the kernel and its plane.
const NOT_OF_A_HELPER: [i64; 4] = [
    libc::SYS_accept4,
    libc::SYS_recvfrom,
    libc::SYS_recvmmsg,
    libc::SYS_write,
];

fn calls_on_the_way_fail(trial: Trial) {
    const SENDING: &[i32] = &[
        libc::EAGAIN,
        libc::EINTR,
        libc::EIO,
        libc::ENETUNREACH,
        libc::ENOBUFS,
        libc::ENOMEM,
        libc::EPERM,
    ];
    const RECEIVING: &[i32] = &[
        libc::EAGAIN,
        libc::ECONNREFUSED,
        libc::EINTR,
        libc::EIO,
        libc::ENOMEM,
    ];
    const WAITING: &[i32] = &[libc::EINTR, libc::ENOMEM];
    const STEERING: &[i32] = &[libc::ENOMEM, libc::ENOSPC];
    let all: [(i64, &'static [i32]); 17] = [
        (libc::SYS_sendmmsg, SENDING),
        (libc::SYS_sendto, SENDING),
        (libc::SYS_recvmmsg, RECEIVING),
        (libc::SYS_recvfrom, RECEIVING),
        (libc::SYS_read, HEARING_A_BELL),
        (libc::SYS_write, RINGING_A_BELL),
        (libc::SYS_accept4, LETTING_CALLERS_IN),
        (libc::SYS_epoll_pwait, &[libc::EINTR]),
        (libc::SYS_ppoll, WAITING),
        (libc::SYS_socket, MAKING_A_SOCKET),
        (
            libc::SYS_connect,
            &[
                libc::EADDRNOTAVAIL,
                libc::EAGAIN,
                libc::ENETUNREACH,
                libc::EPERM,
            ],
        ),
        (libc::SYS_epoll_ctl, STEERING),
        (libc::SYS_setsockopt, STEERING),
        (libc::SYS_getsockopt, &[libc::ENOBUFS]),
        (libc::SYS_getsockname, &[libc::ENOBUFS]),
        (libc::SYS_recvmsg, RECEIVING),
        // Of the memory of a new connection.
        (libc::SYS_mmap, &[libc::EAGAIN, libc::ENOMEM]),
    ];
    spawn(move || {
        enter_a_private_network();
        let is_of_helpers = trial.options != ONE_THREAD.options;
        let mut made = all.to_vec();
        made.retain(|(call, _)| !is_of_helpers || !NOT_OF_A_HELPER.contains(call));
        for (call, errnos) in made {
            connector_endures(trial, call, errnos, begin_of_everything);
        }
    })
    .join()
    .unwrap();
}

#[test]
fn line_50_a_connector_endures_calls_that_fail_at_the_end_of_a_connection() {
    spawn(move || {
        enter_a_private_network();
        for trial in [ONE_THREAD, HELPERS_OF_THREE_SHARDS] {
            let ending = &[libc::ENOBUFS, libc::ENOTCONN];
            connector_endures(trial, libc::SYS_shutdown, ending, connection_that_ends);
            let returning = &[libc::EAGAIN, libc::ENOMEM];
            connector_endures(trial, libc::SYS_madvise, returning, connection_that_ends);
        }
    })
    .join()
    .unwrap();
}

#[test]
fn line_50_a_connector_whose_kernel_forwards_endures_an_interface_that_fails() {
    kernel_connector_endures(libc::SYS_readv, READING_AN_INTERFACE);
    kernel_connector_endures(libc::SYS_writev, WRITING_AN_INTERFACE);
}

fn connector_endures(trial: Trial, call: i64, errnos: &[i32], provoke: fn(&mut TunnelEnd, u16)) {
    let mut supervisor = None;
    let mut engine = Engine::prepared_as(
        NOBODY,
        &format!("refused-{call}-{}", trial.flows),
        trial.options,
        |command| Refusals::prepare(command, &[call]),
        |pid| supervisor = Some(Refusals::over(pid)),
    );
    let refusals = supervisor.as_ref().unwrap();
    refusals.only_in(trial.threads);
    let mut end = TunnelEnd::new([1; 32], connector_key());
    let answer = engine.ask("configure", config(&end));
    assert!(answer["result"]["hash"].is_string(), "{answer}");
    end.until("a session", TunnelEnd::has_session);
    let udp_port = echo_server();
    assert!(all_echo(&mut end, 3000, trial.flows, udp_port));
    for (number, errno) in errnos.iter().enumerate() {
        let refusal = Refusal::of(call, *errno, engine.child.id());
        refusals.refuse(call, *errno);
        let source = 4000 + 200 * number as u16;
        (source..source + trial.flows).for_each(|source| provoke(&mut end, source));
        let asking = ask_for_status(&engine);
        all_echo(&mut end, source, trial.flows, udp_port);
        // Longer than a bell that was not heard waits to be rung again.
        sleep(Duration::from_millis(150));
        let refused = refusals.relent_once_met();
        drop(asking);

        refusal.expect_met(refused);
        let mut sources = (1..8).map(|again| source + again * trial.flows);
        let works = sources.any(|source| all_echo(&mut end, source, trial.flows, udp_port));
        refusal.expect_endured(works, engine.child.id());
    }
}

/// A connection, a ping, and a datagram to a port where nobody is.
fn begin_of_everything(end: &mut TunnelEnd, source: u16) {
    end.send(&packets::tcp(SERVER, source, tcp_echo(), SYN, 1000, 0));
    end.send(&packets::echo(SERVER, source, 1, 64, b"ping"));
    end.send(&packets::udp(SERVER, source, CLOSED_PORT, 64, b"knock"));
}

/// Something is said and answered, and then the device has no more to say.
fn connection_that_ends(end: &mut TunnelEnd, _source: u16) {
    let port = tcp_echo();
    let conversation = Conversation::start(end, port);
    assert_eq!(conversation.say(end, &[7; 1000]), [7; 1000]);
    conversation.finish(end);
}

/// One whose kernel forwards.
fn kernel_connector_endures(call: i64, errnos: &[i32]) {
    let hosts = KernelHosts::new();
    let (mut supervisor, tun) = (None, unique("t"));
    let name = tun.clone();
    let start = move || {
        let engine = Engine::prepared_as(
            ROOT,
            &format!("refused-kernel-{call}"),
            &["--tun", &name],
            |command| Refusals::prepare(command, &[call]),
            |pid| supervisor = Some(Refusals::over(pid)),
        );
        (engine, supervisor.unwrap())
    };
    let (mut engine, refusals) = hosts.site.within(start).join().unwrap();
    hosts.forward_from(&tun);
    let bind = || TunnelEnd::at("192.0.2.2:51820", [1; 32], connector_key());
    let mut end = hosts.outside.within(bind).join().unwrap();
    let answer = engine.ask("configure", config(&end));
    assert!(answer["result"]["hash"].is_string(), "{answer}");
    end.until("a session", TunnelEnd::has_session);
    let port = hosts.server.within(echo_server).join().unwrap();
    assert!((0..5).any(|_| echoes(&mut end, 3999, port)));
    for (number, errno) in errnos.iter().enumerate() {
        let refusal = Refusal::of(call, *errno, engine.child.id());
        let source = 4000 + 10 * number as u16;
        refusals.refuse(call, *errno);
        echoes(&mut end, source, port);
        let refused = refusals.relent_once_met();

        refusal.expect_met(refused);
        let works = (1..8).any(|again| echoes(&mut end, source + again, port));
        refusal.expect_endured(works, engine.child.id());
    }
    let status = engine.ask("status", json!(null))["result"].clone();
    assert_eq!(status["flows"], 0, "the kernel forwards: {status}");
    // While its supervisor is there.
    drop(engine);
}

/// ```text
///   gateway 192.0.2.2 ── wire ── connector 192.0.2.1, 10.9.0.1 ── lan ── server 10.9.0.10
/// ```
struct KernelHosts {
    site: Host,
    outside: Host,
    server: Host,
}

impl KernelHosts {
    fn new() -> KernelHosts {
        let ((site, outside), server) = (Host::pair(), Host::new());
        site.connect("lan", &server, "lan");
        site.has("lan", &["10.9.0.1/24"]);
        server.has("lan", &["10.9.0.10/24"]);
        KernelHosts {
            site,
            outside,
            server,
        }
    }

    fn forward_from(&self, tun: &str) {
        self.site.has(tun, &["100.96.0.2/32"]);
        self.site.ip(&format!("link set {tun} up"));
        self.site.ip(&format!("route add 100.96.0.0/16 dev {tun}"));
        self.site.must("sysctl", "-qw net.ipv4.ip_forward=1");
        self.site.nft("table ip nat { chain out { type nat hook postrouting priority 100; oifname lan masquerade; }; }");
    }
}

/// Makes the control thread ring the data thread's bell; nobody waits for the answer.
fn ask_for_status(engine: &Engine) -> UnixStream {
    let mut caller = UnixStream::connect(engine.folder.join("control.sock")).unwrap();
    // Who can not be let in is hung up on.
    let _ = caller.write_all(b"{\"v\":1,\"id\":1,\"method\":\"status\"}\n");
    caller
}

/// For as long as the test lasts.
fn echo_server() -> u16 {
    let socket = UdpSocket::bind((SERVER, 0)).unwrap();
    let port = socket.local_addr().unwrap().port();
    spawn(move || {
        let mut data = [0; 2048];
        while let Ok((length, peer)) = socket.recv_from(&mut data) {
            socket.send_to(&data[..length], peer).unwrap();
        }
    });
    port
}

/// A datagram of a new flow there and back, within half a second.
fn echoes(end: &mut TunnelEnd, source: u16, port: u16) -> bool {
    all_echo(end, source, 1, port)
}

/// Likewise of so many flows at once.
fn all_echo(end: &mut TunnelEnd, first: u16, flows: u16, port: u16) -> bool {
    end.got.clear();
    let sources: Vec<u16> = (first..first + flows).collect();
    for source in &sources {
        end.send(&packets::udp(SERVER, *source, port, 64, b"hello"));
    }
    let deadline = Instant::now() + Duration::from_millis(500);
    let has_come = |got: &[Vec<u8>], source: &u16| {
        let mut answers = got.iter().filter(|packet| packet[9] == 17);
        answers.any(|packet| packet[22..24] == source.to_be_bytes())
    };
    while Instant::now() < deadline {
        end.step();
        if sources.iter().all(|source| has_come(&end.got, source)) {
            return true;
        }
    }
    false
}

fn config(end: &TunnelEnd) -> serde_json::Value {
    json!({
        "privateKey": base64(conversation::PRIVATE.as_slice()), "mtu": 1420,
        "addresses": ["100.96.0.2"], "ranges": ["10.9.0.0/16"],
        "overlay": ["100.96.0.0/16", "fd5a::/48"],
        "peers": [{
            "id": "gw0", "publicKey": base64(end.key.as_bytes()),
            "endpoints": [end.address().to_string()], "keepaliveSeconds": 5,
        }],
    })
}

/// For this thread and all that it starts.
fn enter_a_private_network() {
    // SAFETY: changes only the network namespace of this very thread.
    let unshared = unsafe { libc::unshare(libc::CLONE_NEWNET) };
    assert_eq!(
        unshared, 0,
        "this test makes a network namespace and needs root"
    );
    std::fs::write("/proc/sys/net/ipv4/ping_group_range", "0 2147483647").unwrap();
    for command in ["link set lo up", "addr add 10.9.0.10/32 dev lo"] {
        let status = Command::new("ip").args(command.split(' ')).status();
        assert!(status.unwrap().success(), "ip {command}");
    }
    // The kernel takes a moment for the addresses of a fresh namespace.
    sleep(Duration::from_millis(10));
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}
