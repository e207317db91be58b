use culvert_switch::config::{PeerHandle, PeerMap};
use culvert_switch::packet::Protocol;
use culvert_switch::policy::Policy;
use culvert_switch::rate::{Rate, TokenBucket};
use culvert_switch::switch::Denial;

use super::directory::{Directory, Member};
use super::moment::Moment;
use crate::control::{Event, EventSink};
use crate::log_debug;

/// A person reads these. A scan is told by its first few, the counters tell the rest.
const TOLD: Rate = Rate {
    per_second: 2,
    burst: 20,
};

/// Tells watchers what policy has refused.
#[derive(Debug, Default)]
pub(super) struct Denials {
    by_device: PeerMap<TokenBucket>,
}

impl Denials {
    pub(super) fn configure(&mut self, directory: &Directory) {
        self.by_device
            .retain(|device, _| directory.member(*device).is_some());
    }

    pub(super) fn tell(
        &mut self,
        device: PeerHandle,
        denial: Denial,
        policy: &Policy,
        directory: &Directory,
        now: Moment,
        events: &EventSink,
    ) {
        let now_ms = now.switch.monotonic_ms;
        let bucket = self.by_device.entry(device);
        let bucket = bucket.or_insert_with(|| TokenBucket::full(TOLD, now_ms));
        if !bucket.take(TOLD, now_ms) {
            return;
        }
        if let Some(member) = directory.member(device) {
            tell(member, denial, policy, now, events);
        }
    }
}

fn tell(member: &Member, denial: Denial, policy: &Policy, now: Moment, events: &EventSink) {
    let tuple = denial.tuple;
    let port = (tuple.protocol != Protocol::Icmp).then_some(tuple.destination_port);
    let rule = denial
        .rule
        .and_then(|rule| policy.rule_name(rule))
        .unwrap_or("no rule");
    log_debug!(
        "refused {} from {} to {} port {port:?}: {rule}",
        tuple.protocol.name(),
        member.id,
        tuple.destination,
    );
    let rule_id = denial.rule.and_then(|rule| policy.rule_id(rule));
    events.send(Event::FlowDenied {
        device_id: member.id.clone(),
        destination: tuple.destination.to_string(),
        protocol: tuple.protocol.name().to_owned(),
        port,
        rule_id: rule_id.map(str::to_owned),
        at: now.switch.unix_ms,
    });
}
