/** What rules mean: whom one is about, which of them count, and the form the engine takes them in. */

import type { Rule, Subject } from '../../contract/admin-api.ts';
import type { EngineRule } from '../../dataplane/protocol/engine-protocol.ts';
import type { PolicyDevice, PolicyState } from './policy-state.ts';

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

/** In order, without the disabled ones and those whose networks are all gone (empty would mean every network). */
export function liveRules(state: Pick<PolicyState, 'networks' | 'rules'>): Rule[] {
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
