//! More callers of the local sockets than have a place there, and one whose request is as large as they get. Needs root.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)] // test builders, outside #[test] functions

mod lab;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::Ipv4Addr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use lab::folder::Folder;
use lab::running::Running;
use lab::sockets::{exchange, uapi_socket};
use lab::{Host, unique};

const CROWD: usize = 1000;
const GET: &[u8] = b"get=1\n\n";
const HELLO: &[u8] = b"{\"v\":1,\"id\":1,\"method\":\"hello\"}\n";
const KEY: &str = "1111111111111111111111111111111111111111111111111111111111111111";

#[test]
fn a_thousand_idle_callers_keep_nobody_out_and_no_watcher_loses_its_place() {
    let engine = Engine::start();
    let mut watcher = caller(&engine.control);
    watcher
        .write_all(b"{\"v\":1,\"id\":7,\"method\":\"watch\"}\n")
        .unwrap();
    assert_eq!(
        line_from(&watcher),
        "{\"v\":1,\"id\":7,\"result\":{}}\n",
        "it does not watch"
    );

    for (socket, request) in [(&engine.uapi, GET), (&engine.control, HELLO)] {
        let crowd: Vec<UnixStream> = (0..CROWD).map(|_| caller(socket)).collect();
        let mut late = caller(socket);
        late.write_all(request).unwrap();

        assert!(!line_from(&late).is_empty(), "{}", socket.display());
        drop(crowd);
    }
    watcher.write_all(HELLO).unwrap();
    assert!(line_from(&watcher).contains("\"result\""));
}

#[test]
fn a_thousand_callers_who_ask_at_once_are_all_answered() {
    let engine = Engine::start();
    for (socket, request) in [(&engine.uapi, GET), (&engine.control, HELLO)] {
        let ask = |_| {
            let mut one = caller(socket);
            one.write_all(request).unwrap();
            one
        };
        let crowd: Vec<UnixStream> = (0..CROWD).map(ask).collect();

        let answered = crowd.iter().filter(|one| !line_from(one).is_empty());
        assert_eq!(answered.count(), CROWD, "{}", socket.display());
    }
}

/// Who waits for the slow one waits until the answer is given up.
const HELD_UP: Duration = Duration::from_secs(4);

#[test]
fn who_writes_a_byte_now_and_then_holds_nobody_up_and_keeps_its_place() {
    let engine = Engine::start();
    for (socket, request) in [(&engine.uapi, GET), (&engine.control, HELLO)] {
        let mut crowd: Vec<UnixStream> = (0..100).map(|_| caller(socket)).collect();
        let mut slow = caller(socket);
        for byte in request {
            slow.write_all(&[*byte]).unwrap();
            sleep(Duration::from_millis(30));
            crowd.push(caller(socket));
            let start = Instant::now();
            assert!(!exchange(socket, request).is_empty());
            assert!(start.elapsed() < HELD_UP);
        }

        assert!(!line_from(&slow).is_empty(), "{}", socket.display());
    }
}

#[test]
fn a_million_allowed_ips_in_one_script_come_back_whole() {
    const COUNT: u32 = 1_000_000;
    let engine = Engine::start();
    let mut script = format!("set=1\npublic_key={KEY}\n");
    for number in 0..COUNT {
        let address = Ipv4Addr::from(0x0a00_0000 + number);
        script.push_str(&format!("allowed_ip={address}/32\n"));
    }
    script.push('\n');
    let one = caller(&engine.uapi);
    let mut writer = one.try_clone().unwrap();
    one.set_read_timeout(Some(Duration::from_secs(60))).unwrap();

    writer.write_all(script.as_bytes()).unwrap();
    assert_eq!(line_from(&one), "errno=0\n");
    assert_eq!(line_from(&one), "\n");
    writer.write_all(GET).unwrap();
    let mut lines = BufReader::new(one).lines().map(Result::unwrap);
    let shown = lines.by_ref().take_while(|line| line != "errno=0");
    let ranges = shown.filter(|line| line.starts_with("allowed_ip="));

    assert_eq!(ranges.count(), COUNT as usize);
    let removal = format!("set=1\npublic_key={KEY}\nremove=true\n\n");
    writer.write_all(removal.as_bytes()).unwrap();
    assert_eq!(lines.find(|line| !line.is_empty()).unwrap(), "errno=0");
}

struct Engine {
    control: PathBuf,
    uapi: PathBuf,
    _folder: Folder,
    _running: Running,
    _host: Host,
}

impl Engine {
    fn start() -> Engine {
        let (host, folder, name) = (Host::new(), Folder::new(), unique("a"));
        let control = folder.join("control.sock");
        let options = format!("--control {}", control.display());
        let mut running = host.start_engine(&name, &options);
        running.wait_for(&control);
        let uapi = uapi_socket(&name);
        Engine {
            control,
            uapi,
            _folder: folder,
            _running: running,
            _host: host,
        }
    }
}

fn caller(socket: &Path) -> UnixStream {
    let stream = UnixStream::connect(socket).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .unwrap();
    stream
}

/// Empty where the engine hung up.
fn line_from(mut stream: &UnixStream) -> String {
    let (mut line, mut byte) = (Vec::new(), [0]);
    while !line.ends_with(b"\n") && matches!(stream.read(&mut byte), Ok(1)) {
        line.push(byte[0]);
    }
    String::from_utf8(line).unwrap()
}
