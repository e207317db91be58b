//! Requests and answers over the control socket, and the events that come when they come.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;

use serde_json::{Value, json};

use super::PATIENCE;

pub(super) struct Conversation {
    pub(super) reader: BufReader<UnixStream>,
    writer: UnixStream,
    next_id: u64,
}

pub(crate) struct Watcher(pub(super) BufReader<UnixStream>);

impl Conversation {
    pub(super) fn new(stream: UnixStream) -> Conversation {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let writer = stream.try_clone().unwrap();
        Conversation {
            reader: BufReader::new(stream),
            writer,
            next_id: 1,
        }
    }

    pub(super) fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.next_id;
        self.next_id += 1;
        let mut request = json!({ "v": 1, "id": id, "method": method });
        if !params.is_null() {
            request["params"] = params;
        }
        self.writer
            .write_all(format!("{request}\n").as_bytes())
            .unwrap();
        let mut line = String::new();
        self.reader.read_line(&mut line).unwrap();
        let answer: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(answer["id"], id);
        answer
    }
}

impl Watcher {
    /// The next event of this kind.
    pub(crate) fn event(&mut self, kind: &str) -> Value {
        loop {
            let mut line = String::new();
            self.0.read_line(&mut line).expect("an event within 5 s");
            let line: Value = serde_json::from_str(&line).unwrap();
            if line["event"]["kind"] == kind {
                return line["event"].clone();
            }
        }
    }
}
