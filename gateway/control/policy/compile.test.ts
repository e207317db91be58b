import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Rule } from '../../contract/admin-api.ts';
import { compileConnector, compileDevice, compileEngine, compileNetworks } from './compile.ts';
import type { PolicyState } from './policy-state.ts';
import { Reach } from './reach.ts';
import { subjectsOf } from './rules.ts';
import { device, GATEWAY, NOW, network, rule, state } from './test-state.ts';

const NO_HEALTH = new Map();

test('without a rule a device hears of no network', () => {
  expect(networksOf('alice-laptop', state())).toEqual([]);
});

test('a rule for a group opens its network to the group’s devices alone', () => {
  const one = state({
    rules: [rule({ subjects: [{ kind: 'group', name: 'staff' }], networkIds: ['tokyo'] })],
  });

  expect(networksOf('alice-laptop', one)).toEqual(['tokyo']);
  expect(networksOf('bob-laptop', one)).toEqual([]);
});

test('a block of everything ahead of an allow keeps the network away', () => {
  const one = state({
    rules: [rule({ action: 'block', subjects: [{ kind: 'user', id: 'bob' }] }), rule()],
  });

  expect(networksOf('bob-laptop', one)).toEqual([]);
  expect(networksOf('alice-laptop', one)).toEqual(['tokyo', 'lab']);
});

test('a block of one port ahead of an allow does not', () => {
  const one = state({
    rules: [rule({ action: 'block', protocol: 'tcp', ports: [{ from: 25, to: 25 }] }), rule()],
  });

  expect(networksOf('bob-laptop', one)).toEqual(['tokyo', 'lab']);
});

test('a rule for a range opens only networks that have part of it', () => {
  const one = state({ rules: [rule({ ranges: ['10.8.3.0/24'] })] });

  expect(networksOf('bob-laptop', one)).toEqual(['lab']);
});

test('a rule whose only network is gone never becomes a rule for every network', () => {
  const one = state({ rules: [rule({ networkIds: ['deleted'] })] });

  expect(networksOf('bob-laptop', one)).toEqual([]);
  expect(compileEngine(one, GATEWAY, NOW).rules).toEqual([]);
});

test('a disabled rule is no rule', () => {
  const one = state({ rules: [rule({ enabled: false })] });

  expect(networksOf('bob-laptop', one)).toEqual([]);
  expect(compileEngine(one, GATEWAY, NOW).rules).toEqual([]);
});

test('the engine gets every live peer with exactly its own addresses and what rules may call it', () => {
  const expired = { ...device('old-laptop', 'bob', 4), sessionExpiresAt: NOW };
  const one = state({ devices: [device('alice-laptop', 'alice', 2), expired] });

  expect(compileEngine(one, GATEWAY, NOW).peers).toEqual([
    {
      kind: 'connector',
      id: 'con-1',
      publicKey: 'CON=',
      addresses: ['100.96.0.9', 'fd12::9'],
      networkId: 'tokyo',
      healthy: true,
    },
    {
      kind: 'device',
      id: 'alice-laptop',
      publicKey: 'alice-laptop=',
      addresses: ['100.96.0.2', 'fd12::2'],
      subjects: ['everyone', 'user:alice', 'group:admins', 'group:staff', 'device:alice-laptop'],
      expiresAt: NOW + 1000,
    },
  ]);
});

test('a connector hears of its own network alone', () => {
  const one = state();
  const connector = one.connectors[0];

  const content = connector && compileConnector(connector, one, GATEWAY);

  expect(content?.network).toEqual({ id: 'tokyo', name: 'tokyo', ranges: ['192.168.0.0/24'] });
  expect(content?.overlay).toEqual(['100.96.0.0/16', 'fd12::/48']);
});

test('the order in which groups were stored does not change what is compiled', () => {
  const users = new Map(state().users);
  users.set('alice', {
    id: 'alice',
    email: 'alice@example.com',
    name: 'Alice',
    groups: ['admins', 'staff'],
  });

  expect(compileEngine(state({ users }), GATEWAY, NOW)).toEqual(
    compileEngine(state(), GATEWAY, NOW),
  );
});

test('a network is compiled for a device exactly when some packet to it would be let through', () => {
  const rules = fc.array(anyRule(), { maxLength: 6 });
  fc.assert(
    fc.property(rules, (drawn) => {
      const one = state({
        rules: drawn,
        networks: [network('a', ['10.0.0.0/30']), network('b', ['10.1.0.0/30'])],
      });
      const subjects = new Set(['everyone', 'user:bob', 'device:bob-laptop']);
      const open = ['a', 'b'].filter((id) => somePacketPasses(drawn, id, subjects));
      // Blocks that add up to a whole network are not searched for: such a network is still shown, and refuses.
      for (const id of open) expect(networksOf('bob-laptop', one)).toContain(id);
    }),
    { numRuns: 300 },
  );
});

/** Brute force over a packet per host, protocol and port class. */
function somePacketPasses(
  rules: readonly Rule[],
  networkId: string,
  subjects: Set<string>,
): boolean {
  const third = networkId === 'a' ? 0 : 1;
  for (let host = 0; host < 4; host += 1) {
    for (const [protocol, port] of [
      ['tcp', 22],
      ['tcp', 443],
      ['udp', 53],
      ['icmp', 0],
    ] as const) {
      const first = rules.find(
        (one) =>
          one.enabled &&
          one.subjects.some((subject) => subjects.has(nameOf(subject))) &&
          (one.networkIds.length === 0 || one.networkIds.includes(networkId)) &&
          (one.ranges.length === 0 || one.ranges.includes(`10.${third}.0.${host}/32`)) &&
          (one.protocol === 'any' || one.protocol === protocol) &&
          (one.ports.length === 0 || one.ports.some(({ from, to }) => from <= port && port <= to)),
      );
      if (first?.action === 'allow') return true;
    }
  }
  return false;
}

function nameOf(subject: Rule['subjects'][number]): string {
  if (subject.kind === 'everyone') return 'everyone';
  return subject.kind === 'group' ? `group:${subject.name}` : `${subject.kind}:${subject.id}`;
}

function anyRule(): fc.Arbitrary<Rule> {
  const subject: fc.Arbitrary<Rule['subjects'][number]> = fc.constantFrom(
    { kind: 'everyone' },
    { kind: 'user', id: 'alice' },
    { kind: 'user', id: 'bob' },
    { kind: 'device', id: 'bob-laptop' },
  );
  return fc
    .record({
      action: fc.constantFrom<Rule['action']>('allow', 'block'),
      subjects: fc.array(subject, { minLength: 1, maxLength: 2 }),
      networkIds: fc.subarray(['a', 'b']),
      ranges: fc.subarray(['10.0.0.1/32', '10.1.0.2/32']),
      protocol: fc.constantFrom<Rule['protocol']>('any', 'tcp', 'udp', 'icmp'),
      enabled: fc.boolean(),
    })
    .map((drawn) =>
      rule({ ...drawn, ports: drawn.protocol === 'tcp' ? [{ from: 22, to: 22 }] : [] }),
    );
}

function networksOf(deviceId: string, one: PolicyState): string[] {
  const found = one.devices.find(({ id }) => id === deviceId);
  if (!found) throw new Error(`no device ${deviceId}`);
  const reach = new Reach(one);
  const networks = reach.networksOf(reach.keyOf(subjectsOf(found, one)));
  const compiled = compileDevice(found, one, GATEWAY, compileNetworks(networks, NO_HEALTH));
  return compiled?.networks.map(({ id }) => id) ?? [];
}
