use std::net::IpAddr;

use culvert_switch::explain::{Answer, Explanation, Question, UnknownDevice};
use culvert_switch::packet::Protocol;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::control::Refusal;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    device_id: String,
    destination: IpAddr,
    protocol: ProtocolText,
    port: Option<u16>,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "lowercase")]
enum ProtocolText {
    Tcp,
    Udp,
    Icmp,
}

/// `ExplainParams` of `native/client/protocol.ts`.
pub(super) fn read(json: &str) -> Result<Question, Refusal> {
    let params: Params = serde_json::from_str(json)
        .map_err(|fault| Refusal::new("bad-params", format!("not a question: {fault}")))?;
    Ok(Question {
        device_id: params.device_id,
        destination: params.destination,
        protocol: match params.protocol {
            ProtocolText::Tcp => Protocol::Tcp,
            ProtocolText::Udp => Protocol::Udp,
            ProtocolText::Icmp => Protocol::Icmp,
        },
        port: params.port,
    })
}

/// `ExplainResult`.
pub(super) fn answer(explained: Result<Explanation, UnknownDevice>) -> Result<Value, Refusal> {
    let explanation =
        explained.map_err(|fault| Refusal::new("unknown-device", fault.to_string()))?;
    Ok(json!({
        "verdict": match explanation.answer {
            Answer::Allowed => "allowed",
            Answer::Blocked => "blocked",
            Answer::NoRule => "no-rule",
            Answer::NoNetwork => "no-network",
            Answer::NoConnector => "no-connector",
        },
        "networkId": explanation.network_id,
        "range": explanation.range.map(|range| range.to_string()),
        "ruleId": explanation.rule_id,
        "connectorId": explanation.connector_id.as_deref(),
    }))
}
