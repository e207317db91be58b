//! Lines of the control socket, as values.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::events::Event;
use super::role::{Refusal, RoleKind, Status};

pub(super) const PROTOCOL_VERSION: u32 = 1;

#[derive(Debug, Deserialize)]
pub(super) struct Request<'a> {
    pub(super) v: u32,
    pub(super) id: u64,
    pub(super) method: String,
    #[serde(borrow, default)]
    pub(super) params: Option<&'a RawValue>,
}

#[derive(Debug, Serialize)]
pub(super) struct Answer<'a, T> {
    v: u32,
    id: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<T>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a Refusal>,
}

#[derive(Debug, Serialize)]
pub(super) struct Hello<'a> {
    pub(super) protocol: u32,
    pub(super) version: &'a str,
    pub(super) role: RoleKind,
    pub(super) pid: u32,
    #[serde(rename = "configHash")]
    pub(super) config_hash: Option<&'a str>,
    #[serde(rename = "startedAt")]
    pub(super) started_at: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) ping: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) interface: Option<&'a str>,
}

#[derive(Debug, Serialize)]
pub(super) struct StatusAnswer {
    pub(super) role: RoleKind,
    pub(super) now: u64,
    #[serde(flatten)]
    pub(super) status: Status,
}

#[derive(Debug, Serialize)]
struct EventLine<'a> {
    v: u32,
    event: &'a Event,
}

pub(super) fn result_line(id: u64, result: impl Serialize) -> Vec<u8> {
    line(&Answer {
        v: PROTOCOL_VERSION,
        id: Some(id),
        result: Some(result),
        error: None,
    })
}

pub(super) fn error_line(id: Option<u64>, refusal: &Refusal) -> Vec<u8> {
    line(&Answer::<()> {
        v: PROTOCOL_VERSION,
        id,
        result: None,
        error: Some(refusal),
    })
}

pub(super) fn event_line(event: &Event) -> Vec<u8> {
    line(&EventLine {
        v: PROTOCOL_VERSION,
        event,
    })
}

/// Every value here has string keys and finite numbers, so that writing it can not fail.
fn line(value: &impl Serialize) -> Vec<u8> {
    let mut line = serde_json::to_vec(value).unwrap_or_default();
    line.push(b'\n');
    line
}
