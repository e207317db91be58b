//! The decision about a packet, without one: what `culvert why` and the dashboard ask.
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use crate::liveness::Liveness;
use crate::policy::{Device, Judgement, Policy, Route};
use crate::rendezvous::flow_seed;
use crate::rule::{self, Port};
use crate::time::Now;
use crate::tuple::{Protocol, Tuple};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    pub device_id: String,
    pub destination: IpAddr,
    pub protocol: Protocol,
    /// `None`: is there any port at all?
    pub port: Option<u16>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Allowed,
    Blocked,
    NoRule,
    NoNetwork,
    NoConnector,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    pub answer: Answer,
    pub network_id: Option<String>,
    /// The range that covers the destination.
    pub range: Option<IpNet>,
    pub rule_id: Option<String>,
    pub connector_id: Option<Arc<str>>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "the gateway's engine has no device {0:?}, or its time is over; enrol it, or sign in again"
)]
pub struct UnknownDevice(pub String);

pub(crate) fn explain(
    policy: &Policy,
    liveness: &Liveness,
    question: &Question,
    now: Now,
) -> Result<Explanation, UnknownDevice> {
    let unknown = || UnknownDevice(question.device_id.clone());
    let handle = policy
        .device_by_id(&question.device_id)
        .ok_or_else(unknown)?;
    let device = policy.device(handle).ok_or_else(unknown)?;
    if device.is_expired(now.unix_ms) {
        return Err(unknown());
    }
    let Some(route) = route_of(policy, device, question.destination) else {
        return Ok(Explanation::bare(Answer::NoNetwork));
    };
    let explanation = judge(policy, device, route, question);
    if explanation.answer != Answer::Allowed {
        return Ok(explanation);
    }
    let seed = example_tuple(device.addresses.first().copied(), question).map_or(0, flow_seed);
    let picked = liveness.pick(policy, route.network, seed, now.monotonic_ms);
    let connector = picked.and_then(|handle| policy.connector(handle));
    Ok(Explanation {
        answer: match connector {
            Some(_) => Answer::Allowed,
            None => Answer::NoConnector,
        },
        connector_id: connector.map(|connector| connector.id.clone()),
        ..explanation
    })
}

fn route_of(policy: &Policy, device: &Device, destination: IpAddr) -> Option<Route> {
    let is_overlay = policy.owner_of(destination).is_some();
    policy.route(device, destination).filter(|_| !is_overlay)
}

/// What the rules say, whether a connector could carry it or not.
fn judge(policy: &Policy, device: &Device, route: Route, question: &Question) -> Explanation {
    let asked = rule::Question {
        destination: question.destination,
        protocol: question.protocol,
        port: question.port.map_or(Port::Any, Port::Exactly),
    };
    let (answer, rule) = match policy.judge(device, route.network, asked) {
        Judgement::Allowed { rule } => (Answer::Allowed, Some(rule)),
        Judgement::Blocked { rule } => (Answer::Blocked, Some(rule)),
        Judgement::NoRule => (Answer::NoRule, None),
    };
    let rule_id = rule.and_then(|rule| policy.rule_id(rule));
    Explanation {
        network_id: policy.network_id(route.network).map(str::to_owned),
        range: Some(route.range),
        rule_id: rule_id.map(str::to_owned),
        ..Explanation::bare(answer)
    }
}

/// Flows are spread by their source port, which nobody knows beforehand: this names one connector that may carry it.
fn example_tuple(source: Option<IpAddr>, question: &Question) -> Option<Tuple> {
    Some(Tuple {
        protocol: question.protocol,
        source: source?,
        destination: question.destination,
        source_port: 0,
        destination_port: question.port.unwrap_or(0),
    })
}

impl Explanation {
    fn bare(answer: Answer) -> Self {
        Self {
            answer,
            network_id: None,
            range: None,
            rule_id: None,
            connector_id: None,
        }
    }
}
