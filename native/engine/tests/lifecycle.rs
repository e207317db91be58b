//! How a device starts, refuses to start, and leaves. Needs root.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // test builders, outside #[test] functions

mod lab;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

use lab::folder::Folder;
use lab::running::Running;
use lab::sockets::{exchange, uapi_socket};
use lab::{ENGINE, Host, unique};

#[test]
fn either_signal_ends_it_with_everything_removed() {
    let (host, folder) = (Host::new(), Folder::new());
    for signal in [libc::SIGTERM, libc::SIGINT] {
        let (name, control) = (unique("a"), folder.join("control.sock"));
        let mut engine = host.start_engine(&name, &format!("--control {}", control.display()));

        engine.signal(signal);
        let (status, _) = engine.end();

        assert_eq!(status.code(), Some(0));
        assert!(!uapi_socket(&name).exists() && !control.exists());
        assert!(
            !host.run("ip", &format!("link show {name}")).0,
            "the interface is still there"
        );
    }
}

#[test]
fn the_control_socket_can_end_it_too() {
    let (host, folder) = (Host::new(), Folder::new());
    let (name, control) = (unique("a"), folder.join("control.sock"));
    let mut engine = host.start_engine(&name, &format!("--control {}", control.display()));

    let answer = exchange(&control, b"{\"v\":1,\"id\":1,\"method\":\"shutdown\"}\n");

    assert_eq!(answer, "{\"v\":1,\"id\":1,\"result\":{}}\n");
    assert_eq!(engine.end().0.code(), Some(0));
    assert!(!uapi_socket(&name).exists());
}

#[test]
fn an_interface_that_is_taken_away_ends_it_with_a_reason() {
    let host = Host::new();
    let name = unique("a");
    let mut engine = host.start_engine(&name, "");

    host.ip(&format!("link del {name}"));
    let (status, said) = engine.end();

    assert_eq!(status.code(), Some(1));
    assert!(
        said.contains("the interface can not be read any more"),
        "{said}"
    );
    assert!(!uapi_socket(&name).exists());
}

#[test]
fn a_socket_that_a_dead_engine_left_is_replaced() {
    let host = Host::new();
    let name = unique("a");
    let mut killed = host.start_engine(&name, "");
    killed.signal(libc::SIGKILL);
    killed.end();
    assert!(
        uapi_socket(&name).exists(),
        "a killed engine can not clean up"
    );

    let second = host.start_engine(&name, "");

    assert!(host.must("wg", &format!("show {name}")).contains(&name));
    assert_eq!(second.stop().0.code(), Some(0));
}

#[test]
fn a_second_engine_of_a_name_says_so_and_leaves_the_first_alone() {
    let host = Host::new();
    let name = unique("a");
    let first = host.start_engine(&name, "");

    let (status, said) = refused(&mut host.command(ENGINE, &format!("device {name}")));

    assert_eq!(status, Some(1));
    assert_eq!(
        said,
        format!(
            "culvert-engine: the socket {} belongs to a running program: stop that program first\n",
            uapi_socket(&name).display()
        )
    );
    assert!(host.must("wg", &format!("show {name}")).contains(&name));
    assert_eq!(first.stop().0.code(), Some(0));
}

#[test]
fn a_name_that_is_taken_is_not_taken_over() {
    let host = Host::new();
    for kind in ["veth", "tun"] {
        let name = unique("a");
        match kind {
            "tun" => host.ip(&format!("tuntap add {name} mode tun")),
            _ => host.ip(&format!("link add {name} type veth")),
        };

        let (status, said) = refused(&mut host.command(ENGINE, &format!("device {name}")));

        assert_eq!(status, Some(1));
        assert!(
            said.contains(&format!("an interface {name} exists already")),
            "{kind}: {said}"
        );
        assert_eq!(said.lines().count(), 1);
        assert!(!uapi_socket(&name).exists());
        assert!(host.ip(&format!("link show {name}")).contains(&name));
    }
}

#[test]
fn without_rights_or_a_tun_it_says_what_to_do() {
    let (host, folder) = (Host::new(), Folder::new());
    let (status, said) = refused(
        Command::new(copy_for_everybody(&folder))
            .args(["device", "cvnobody"])
            .uid(65534),
    );
    assert_eq!(status, Some(1));
    assert!(said.contains("run as root"), "{said}");

    let name = unique("a");
    let script = format!("mount -t tmpfs none /dev/net && exec {ENGINE} device {name}");
    let mut unshare = Command::new("ip");
    unshare.args([
        "netns", "exec", &host.name, "unshare", "-m", "sh", "-c", &script,
    ]);
    let (status, said) = refused(&mut unshare);
    assert_eq!(status, Some(1));
    assert!(
        said.contains("no /dev/net/tun") && said.contains("modprobe tun"),
        "{said}"
    );
    assert!(!uapi_socket(&name).exists());
}

#[test]
fn a_control_socket_that_can_not_be_made_says_why_and_makes_nothing() {
    let (host, folder) = (Host::new(), Folder::new());
    fs::write(folder.join("file"), "somebody's").unwrap();
    let long = "l".repeat(120);
    for (path, why) in [
        (
            "file",
            "exists and is not a socket: remove it or choose another path",
        ),
        ("absent/control.sock", "its folder does not exist"),
        (long.as_str(), "longer than the 107 bytes"),
    ] {
        let (name, path) = (unique("a"), folder.join(path));
        let arguments = format!("device {name} --control {}", path.display());

        let (status, said) = refused(&mut host.command(ENGINE, &arguments));

        assert_eq!(status, Some(1));
        assert!(said.contains(why) && said.lines().count() == 1, "{said}");
        assert!(!uapi_socket(&name).exists());
    }
    assert_eq!(
        fs::read_to_string(folder.join("file")).unwrap(),
        "somebody's"
    );
}

#[test]
fn wrong_usage_is_told_apart_from_failure() {
    let (status, said) = refused(Command::new(ENGINE).args(["device", "wg0", "--mtu", "big"]));

    assert_eq!(status, Some(2));
    assert!(
        said.starts_with("culvert-engine: --mtu can not be \"big\""),
        "{said}"
    );
    assert!(said.contains("usage: culvert-engine device IFNAME"));
}

fn refused(command: &mut Command) -> (Option<i32>, String) {
    let (status, said) = Running::start(command).end();
    (status.code(), said)
}

/// The build folder may be closed to other users.
fn copy_for_everybody(folder: &Folder) -> std::path::PathBuf {
    let copy = folder.join("engine");
    // By a program of its own: a file that this process had open for writing while another test forked would be busy.
    let copied = Command::new("cp").arg(ENGINE).arg(&copy).status();
    assert!(copied.unwrap().success());
    fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(&folder.path, fs::Permissions::from_mode(0o755)).unwrap();
    copy
}
