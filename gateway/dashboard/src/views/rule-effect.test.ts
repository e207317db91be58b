import { expect, test } from 'vitest';
import type { Device, Person, Rule, RuleInput } from '../../../contract/admin-api.ts';
import { coveredBy, crowdOf } from './rule-effect.ts';

const people = [person('ann', ['staff']), person('ben', ['staff', 'sales']), person('cleo', [])];
const devices = [
  device('d1', 'ann'),
  device('d2', 'ben'),
  device('d3', 'ben'),
  device('d4', 'cleo'),
];

test('a crowd counts each person and each device once', () => {
  const crowd = crowdOf(
    [
      { kind: 'group', name: 'staff' },
      { kind: 'user', id: 'ben' },
      { kind: 'device', id: 'd4' },
    ],
    people,
    devices,
  );

  expect(crowd).toEqual({ people: 3, devices: 4 });
});

test('everyone is everyone', () => {
  expect(crowdOf([{ kind: 'everyone' }], people, devices)).toEqual({ people: 3, devices: 4 });
});

test('a rule behind a wider one never decides', () => {
  const wide = { ...rule({}), id: 'rul_1', number: 1 };

  expect(coveredBy(rule({ networkIds: ['net_1'], protocol: 'tcp' }), 2, [wide])).toBe(wide);
});

test.each<Partial<Rule>>([
  { enabled: false },
  { networkIds: ['net_2'] },
  { protocol: 'udp' },
  { subjects: [{ kind: 'group', name: 'sales' }] },
  { ranges: ['10.0.0.0/8'] },
  { protocol: 'tcp', ports: [{ from: 80, to: 80 }] },
  { number: 3 },
])('an earlier rule with %j leaves something to decide', (parts) => {
  const other = { ...rule({}), id: 'rul_1', number: 1, ...parts };
  const narrow = rule({ networkIds: ['net_1'], protocol: 'tcp', ports: [{ from: 22, to: 22 }] });

  expect(coveredBy(narrow, 2, [other])).toBeUndefined();
});

function rule(parts: Partial<RuleInput>): RuleInput {
  return {
    name: 'rule',
    action: 'allow',
    subjects: [{ kind: 'everyone' }],
    networkIds: [],
    ranges: [],
    protocol: 'any',
    ports: [],
    enabled: true,
    ...parts,
  };
}

function person(id: string, groups: string[]): Person {
  return { id, email: id, name: id, role: 'member', groups, deviceCount: 0, lastSignInAt: null };
}

function device(id: string, userId: string): Device {
  return {
    id,
    name: id,
    os: 'linux',
    clientVersion: '1',
    user: { id: userId, email: userId },
    ipv4: '100.96.0.2',
    ipv6: null,
    state: 'offline',
    lastHandshakeAt: null,
    enrolledAt: 0,
    sessionExpiresAt: 0,
    appliedRevision: null,
    wantedRevision: 1,
    problem: null,
  };
}
