use std::time::{SystemTime, UNIX_EPOCH};

use ring::digest::{SHA256, digest};
use serde_json::json;
use serde_json::value::RawValue;

use super::events::Event;
use super::message::{self, Hello, PROTOCOL_VERSION, Request, StatusAnswer};
use super::role::{Refusal, Role};
use crate::local_socket::{Next, Talk};
use crate::memory;

/// What the control socket knows of the engine beside its role.
pub(crate) struct Engine {
    pub(crate) role: Box<dyn Role>,
    config_hash: Option<String>,
    started_at: u64,
}

impl Engine {
    pub(crate) fn new(role: Box<dyn Role>) -> Engine {
        Engine {
            role,
            config_hash: None,
            started_at: unix_milliseconds(),
        }
    }
}

/// One connection to the control socket.
#[derive(Debug, Default)]
pub(crate) struct ControlTalk {
    is_watching: bool,
}

impl ControlTalk {
    pub(crate) fn event_line(event: &Event) -> Vec<u8> {
        message::event_line(event)
    }

    fn dispatch(&mut self, request: &Request, engine: &mut Engine) -> Result<Vec<u8>, Refusal> {
        let id = request.id;
        match request.method.as_str() {
            "hello" => Ok(message::result_line(id, hello(engine))),
            "status" => Ok(message::result_line(id, status(engine))),
            "configure" => configure(params(request)?, engine)
                .map(|hash| message::result_line(id, json!({ "hash": hash }))),
            "explain" => engine
                .role
                .explain(params(request)?)
                .map(|explained| message::result_line(id, explained)),
            "watch" => {
                self.is_watching = true;
                Ok(message::result_line(id, json!({})))
            }
            "shutdown" => Ok(message::result_line(id, json!({}))),
            other => Err(Refusal::new(
                "unknown-method",
                format!("there is no method {other:?}"),
            )),
        }
    }
}

impl Talk for ControlTalk {
    /// A gateway's configuration with thousands of peers and rules is one line.
    const LONGEST_LINE: usize = 16 << 20;

    fn take_line(&mut self, line: &[u8], engine: &mut Engine, answer: &mut Vec<u8>) -> Next {
        let request: Request = match serde_json::from_slice(line) {
            Ok(request) => request,
            Err(fault) => {
                let refusal = Refusal::new("bad-request", format!("not a request: {fault}"));
                answer.extend(message::error_line(None, &refusal));
                return Next::GoOn;
            }
        };
        let outcome = check_version(&request).and_then(|()| self.dispatch(&request, engine));
        let is_accepted = outcome.is_ok();
        answer.extend(
            outcome.unwrap_or_else(|refusal| message::error_line(Some(request.id), &refusal)),
        );
        if is_accepted && request.method == "shutdown" {
            Next::Shutdown
        } else {
            Next::GoOn
        }
    }

    fn take_too_long(&mut self, answer: &mut Vec<u8>) {
        let refusal = Refusal::new("too-long", "a request is at most 16 MiB");
        answer.extend(message::error_line(None, &refusal));
    }

    /// Where events go, if to this connection.
    fn is_watching(&self) -> bool {
        self.is_watching
    }
}

fn check_version(request: &Request) -> Result<(), Refusal> {
    if request.v == PROTOCOL_VERSION {
        return Ok(());
    }
    let message = format!(
        "this engine speaks version {PROTOCOL_VERSION}, not {}",
        request.v
    );
    Err(Refusal::new("unsupported-version", message))
}

fn params<'a>(request: &Request<'a>) -> Result<&'a RawValue, Refusal> {
    let missing = || Refusal::new("bad-request", format!("{:?} needs params", request.method));
    request.params.ok_or_else(missing)
}

fn hello(engine: &Engine) -> Hello<'_> {
    Hello {
        protocol: PROTOCOL_VERSION,
        version: env!("CARGO_PKG_VERSION"),
        role: engine.role.kind(),
        pid: std::process::id(),
        config_hash: engine.config_hash.as_deref(),
        started_at: engine.started_at,
        ping: engine.role.ping(),
        interface: engine.role.interface(),
    }
}

fn status(engine: &mut Engine) -> StatusAnswer {
    let status = engine.role.status();
    StatusAnswer {
        role: engine.role.kind(),
        now: unix_milliseconds(),
        status,
    }
}

/// What a byte of configuration may cost until it is in use: read, parsed and compiled, beside the one that it replaces.
/// 20,000 devices in 3.4 MB took 42 MB more than an empty gateway.
const BYTES_A_BYTE: usize = 16;

fn check_memory(config: &RawValue) -> Result<(), Refusal> {
    let length = config.get().len();
    let wanted = length.saturating_mul(BYTES_A_BYTE);
    if memory::is_there_room_for(wanted) {
        return Ok(());
    }
    let message = format!(
        "a configuration of {length} bytes may need {} MB of memory, which this engine is not given: raise its limit; \
         the configuration before stays",
        wanted.div_ceil(1 << 20)
    );
    Err(Refusal::new("no-memory", message))
}

/// The hash is of the very bytes that came, so that the sender can compute it too.
fn configure(config: &RawValue, engine: &mut Engine) -> Result<String, Refusal> {
    check_memory(config)?;
    let outcome = engine.role.configure(config);
    // Keys were moved through many hands, those of a configuration that is refused too.
    culvert_core::scrub_stack();
    outcome?;
    let hash = hex(digest(&SHA256, config.get().as_bytes()).as_ref());
    engine.config_hash = Some(hash.clone());
    Ok(hash)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unix_milliseconds() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
