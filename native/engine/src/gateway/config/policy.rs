//! Networks and rules out of their text, for the switch.

use culvert_switch::config as switch;
use ipnet::IpNet;

use super::text::{ActionText, NetworkText, ProtocolText, RuleText};
use crate::control::Refusal;

pub(super) fn read_network(text: NetworkText) -> Result<switch::Network, Refusal> {
    check_ranges(&text.ranges, &format!("network {:?}", text.id))?;
    Ok(switch::Network {
        id: text.id,
        ranges: text.ranges,
    })
}

pub(super) fn read_rule(text: RuleText) -> Result<switch::Rule, Refusal> {
    check_ranges(&text.ranges, &format!("rule {:?}", text.id))?;
    Ok(switch::Rule {
        id: text.id,
        name: text.name,
        action: match text.action {
            ActionText::Allow => switch::Action::Allow,
            ActionText::Block => switch::Action::Block,
        },
        subjects: text.subjects,
        network_ids: text.network_ids,
        ranges: text.ranges,
        protocol: match text.protocol {
            ProtocolText::Any => switch::RuleProtocol::Any,
            ProtocolText::Tcp => switch::RuleProtocol::Tcp,
            ProtocolText::Udp => switch::RuleProtocol::Udp,
            ProtocolText::Icmp => switch::RuleProtocol::Icmp,
        },
        ports: text.ports,
    })
}

/// `10.1.2.3/8` is a slip of somebody's, and which way is not ours to guess.
fn check_ranges(ranges: &[IpNet], owner: &str) -> Result<(), Refusal> {
    match ranges.iter().find(|range| range.trunc() != **range) {
        None => Ok(()),
        Some(range) => Err(Refusal::bad_config(format!(
            "{owner} has the range {range}, with bits behind its prefix; write {}",
            range.trunc()
        ))),
    }
}
