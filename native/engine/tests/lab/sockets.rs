//! Where an engine listens, and what it says there.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// For an answer of an engine that a busy machine does not let run at once.
const PATIENCE: Duration = Duration::from_secs(5);

pub fn uapi_socket(interface: &str) -> PathBuf {
    Path::new("/var/run/wireguard").join(format!("{interface}.sock"))
}

/// Sends these bytes, and returns what comes until the other end closes or says nothing for a while.
pub fn exchange(socket: &Path, bytes: &[u8]) -> String {
    let mut stream = UnixStream::connect(socket).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(bytes).unwrap();
    let (mut answer, mut part) = (Vec::new(), [0; 65536]);
    while let Ok(read) = stream.read(&mut part) {
        if read == 0 {
            break;
        }
        answer.extend_from_slice(&part[..read]);
        if answer.ends_with(b"\n\n") || answer.ends_with(b"}\n") {
            // That looks like all; another answer would follow at once.
            stream
                .set_read_timeout(Some(Duration::from_millis(40)))
                .unwrap();
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}
