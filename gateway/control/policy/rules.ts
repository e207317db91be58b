/** What rules mean: whom one is about, which networks it opens, and the form the engine takes it in. */

import type { Rule, Subject } from '../../contract/admin-api.ts';
import { cidr, prefixesOverlap } from '../../contract/net/prefix.ts';
import type { EngineRule } from '../../dataplane/engine-config.ts';
import type { PolicyDevice, PolicyNetwork, PolicyState } from './policy-state.ts';

/** What rules may call a device: `everyone`, `user:ID`, `group:NAME`, `device:ID`. */
export function subjectsOf(device: PolicyDevice, state: PolicyState): string[] {
  const groups = state.users.get(device.userId)?.groups ?? [];
  return [
    'everyone',
    `user:${device.userId}`,
    ...[...groups].sort().map((name) => `group:${name}`),
    `device:${device.id}`,
  ];
}

/** Networks in which some rule lets somebody with these subjects reach something, in the order of the state. */
export function reachableNetworks(
  subjects: readonly string[],
  state: PolicyState,
): PolicyNetwork[] {
  const names = new Set(subjects);
  const rules = liveRules(state).filter((rule) =>
    rule.subjects.some((subject) => names.has(subjectText(subject))),
  );
  return state.networks.filter((network) => opens(rules, network));
}

/** In order, without the disabled ones and those whose networks are all gone (empty would mean every network). */
export function liveRules(state: PolicyState): Rule[] {
  const known = new Set(state.networks.map((network) => network.id));
  return state.rules.flatMap((rule) => {
    if (!rule.enabled) return [];
    const networkIds = rule.networkIds.filter((id) => known.has(id));
    return networkIds.length === 0 && rule.networkIds.length > 0 ? [] : [{ ...rule, networkIds }];
  });
}

export function engineRule(rule: Rule): EngineRule {
  return {
    id: rule.id,
    name: rule.name,
    action: rule.action,
    subjects: rule.subjects.map(subjectText),
    networkIds: rule.networkIds,
    ranges: rule.ranges,
    protocol: rule.protocol,
    ports: rule.ports.map(({ from, to }) => [from, to]),
  };
}

export function subjectText(subject: Subject): string {
  switch (subject.kind) {
    case 'everyone':
      return 'everyone';
    case 'group':
      return `group:${subject.name}`;
    case 'user':
    case 'device':
      return `${subject.kind}:${subject.id}`;
  }
}

/** A block of everything ends the walk: no later rule can open this network. */
function opens(rules: readonly Rule[], network: PolicyNetwork): boolean {
  for (const rule of rules) {
    if (!concerns(rule, network)) continue;
    if (rule.action === 'allow') return true;
    if (isTotal(rule)) return false;
  }
  return false;
}

function concerns(rule: Rule, network: PolicyNetwork): boolean {
  if (rule.networkIds.length > 0 && !rule.networkIds.includes(network.id)) return false;
  if (rule.ranges.length === 0) return true;
  const own = network.ranges.map(cidr);
  return rule.ranges
    .map(cidr)
    .some((prefix) => own.some((range) => prefixesOverlap(prefix, range)));
}

function isTotal(rule: Rule): boolean {
  return rule.ranges.length === 0 && rule.protocol === 'any' && rule.ports.length === 0;
}
