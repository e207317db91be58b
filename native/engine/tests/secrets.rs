//! Private keys stay where they belong, line 47. Needs root, `wg` and `setpriv`.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // test builders, outside #[test] functions

mod device;
mod lab;

use std::fs;
use std::process::{Command, Stdio};

use device::Device;
use lab::folder::{Folder, Keys};
use lab::running::Running;
use lab::sockets::uapi_socket;
use lab::{ENGINE, Host, unique};

#[test]
fn line_47_no_key_is_logged_or_shown_or_given_to_anybody_but_root() {
    let ((one, other), folder) = (Host::pair(), Folder::new());
    let (name, keys, preshared) = (unique("a"), Keys::new(&folder), Keys::new(&folder));
    let far = Device::start(&other, &folder, 2);
    let mut command = one.command(ENGINE, &format!("device {name}"));
    let mut engine = Running::start(command.env("CULVERT_LOG", "debug").stdout(Stdio::null()));
    engine.wait_for(&uapi_socket(&name));
    one.must(
        "wg",
        &format!(
            "set {name} private-key {} peer {} preshared-key {} endpoint 192.0.2.2:2111 allowed-ips 10.5.0.2/32",
            keys.file.display(),
            far.keys.public,
            preshared.file.display(),
        ),
    );
    one.has(&name, &["10.5.0.1/24"]);
    one.ip(&format!("link set {name} up"));
    far.wg(&format!(
        "peer {} preshared-key {} allowed-ips 10.5.0.1/32",
        keys.public,
        preshared.file.display()
    ));
    one.must_reach("10.5.0.2");

    let shown = one.must("wg", &format!("show {name}"));
    let (is_served, said) = as_nobody(&name);
    let proc = |file: &str| fs::read(format!("/proc/{}/{file}", engine.pid())).unwrap();
    let outside = [proc("cmdline"), proc("environ")].concat();
    let (_, logged) = engine.stop();

    assert_eq!(shown.matches("(hidden)").count(), 2, "{shown}");
    assert!(
        !is_served && said.contains("ermi"),
        "a stranger was served: {said}"
    );
    let everything = format!("{shown}{said}{logged}{}", String::from_utf8_lossy(&outside));
    for secret in [&keys.private, &preshared.private] {
        assert!(
            !everything.contains(secret.trim_end_matches('=')),
            "in base64"
        );
        assert!(
            !everything.to_lowercase().contains(&hexadecimal(secret)),
            "in hexadecimal"
        );
    }
    assert!(
        logged.contains("is up on UDP port"),
        "nothing was logged at all: {logged}"
    );
}

fn as_nobody(name: &str) -> (bool, String) {
    let arguments = [
        "--reuid",
        "65534",
        "--regid",
        "65534",
        "--clear-groups",
        "wg",
        "show",
        name,
        "private-key",
    ];
    let output = Command::new("setpriv").args(arguments).output().unwrap();
    (
        output.status.success(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

fn hexadecimal(base64: &str) -> String {
    let value = |letter: u8| match letter {
        b'A'..=b'Z' => letter - b'A',
        b'a'..=b'z' => letter - b'a' + 26,
        b'0'..=b'9' => letter - b'0' + 52,
        b'+' => 62,
        _ => 63,
    };
    let bits: Vec<bool> = base64
        .trim_end_matches('=')
        .bytes()
        .flat_map(|letter| {
            (0..6)
                .rev()
                .map(move |place| value(letter) >> place & 1 == 1)
        })
        .collect();
    let bytes = bits.chunks_exact(8).map(|bits| {
        bits.iter()
            .fold(0u8, |byte, bit| byte << 1 | u8::from(*bit))
    });
    bytes.map(|byte| format!("{byte:02x}")).collect()
}
