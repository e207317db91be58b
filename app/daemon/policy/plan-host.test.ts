import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decide } from '../../../gateway/contract/decide/decide.ts';
import { splitPolicy } from '../../../gateway/contract/decide/policy.ts';
import { address, printAddress } from '../../../gateway/contract/net/address.ts';
import { CROWD, crowdedPrefix, crowdedPrefix6 } from '../../../gateway/contract/net/arbitrary.ts';
import { printCidr } from '../../../gateway/contract/net/prefix.ts';
import type { DeviceConfig } from '../../../gateway/contract/snapshot.ts';
import { networkNotices } from './network-notices.ts';
import { type PlanInput, planHost, whyBlocked } from './plan-host.ts';

test('a plan is protection that outlives the tunnel, and a connection that does not', () => {
  const plan = planHost(
    input({
      ranges: ['192.168.0.0/24', 'fd12::/64'],
      exclude: ['192.168.0.77/32', '10.0.0.0/8'],
      addresses: { ipv4: '100.96.0.5', ipv6: 'fd00:c0de:1::5' },
    }),
  );

  expect(plan.protection).toEqual({
    unreachable: ['192.168.0.0/24', 'fd12::/64'],
    direct: ['192.168.0.77/32'],
    guarded: {
      v4: ['192.168.0.0-192.168.0.76', '192.168.0.78-192.168.0.255'],
      v6: ['fd12::-fd12::ffff:ffff:ffff:ffff'],
    },
    own: { v4: ['100.96.0.5'], v6: ['fd00:c0de:1::5'] },
  });
  expect(plan.connection).toEqual({
    mtu: 1420,
    addresses: ['100.96.0.5/32', 'fd00:c0de:1::5/128'],
    tunnel: ['192.168.0.0/24', 'fd12::/64'],
    allowedIps: ['100.96.0.0/16', '192.168.0.0/24', 'fd00:c0de:1::/48', 'fd12::/64'],
  });
});

test('the guarded set is what decide sends into the tunnel, without the device’s own addresses', () => {
  const prefixes = fc.array(fc.oneof(crowdedPrefix, crowdedPrefix6), { maxLength: 8 });
  fc.assert(
    fc.property(prefixes, prefixes, (ranges, exclude) => {
      const given = input({
        ranges: ranges.map(printCidr),
        exclude: exclude.map(printCidr),
        addresses: { ipv4: '10.0.0.9', ipv6: 'fd00::9' },
      });
      const { guarded } = planHost(given).protection;
      const { profile, networks } = given.config;
      const policy = splitPolicy({ splitTunnel: profile.splitTunnel, networks });

      for (const one of CROWD) {
        const isOwn = ['10.0.0.9', 'fd00::9'].includes(printAddress(one));
        const wanted = decide(one, policy).path === 'tunnel' && !isOwn;
        expect(inSpans([...guarded.v4, ...guarded.v6], one), printAddress(one)).toBe(wanted);
      }
    }),
  );
});

test('ranges of a family that the device has no address in are refused, not sent from a wrong address', () => {
  const plan = planHost(input({ ranges: ['10.0.0.0/8', 'fd12::/64'] }));

  expect(plan.protection.unreachable).toEqual(['10.0.0.0/8', 'fd12::/64']);
  expect(plan.connection.tunnel).toEqual(['10.0.0.0/8']);
});

test('all traffic in the tunnel is refused with a sentence, and the private ranges stay protected', () => {
  const given = input({ ranges: ['10.0.0.0/8'], defaultPath: 'tunnel' });

  expect(whyBlocked(given.config)?.code).toBe('internet-not-carried');
  expect(planHost(given).protection.unreachable).toEqual(['10.0.0.0/8']);
  expect(whyBlocked(input({}).config)).toBeNull();
});

describe('a local network that claims addresses of the tunnel', () => {
  test.each([
    ['equal', '10.20.0.0/16', ['10.20.0.0/16']],
    ['inside', '10.20.30.0/24', ['10.20.30.0/24']],
    ['around', '10.0.0.0/8', ['10.20.0.0/16']],
    ['everything', '0.0.0.0/0', ['10.20.0.0/16']],
    ['half of everything', '0.0.0.0/1', ['10.20.0.0/16']],
    ['one host', '10.20.0.1/32', ['10.20.0.1/32']],
  ])('%s: the tunnel keeps them, and it is told', (_, connected, cidrs) => {
    const given = input({ ranges: ['10.20.0.0/16'], connected });

    const plan = planHost(given);

    expect(plan.protection).toEqual(planHost(input({ ranges: ['10.20.0.0/16'] })).protection);
    expect(plan.overlaps).toEqual([
      {
        connected,
        interface: 'wlan0',
        cidrs,
        networks: [{ id: 'n1', name: 'tokyo-vpc' }],
        using: 'tunnel',
      },
    ]);
    expect(networkNotices(plan)).toContainEqual({
      code: 'overlap-network-used',
      detail: { cidr: cidrs[0], interface: 'wlan0', network: 'tokyo-vpc' },
    });
  });

  test('the user may choose the local one: then its addresses leave the tunnel, and only those', () => {
    const given = input({ ranges: ['10.20.0.0/16'], connected: '10.20.30.0/24' });

    const plan = planHost({ ...given, useLocal: ['10.20.30.0/24'] });

    expect(plan.protection.direct).toEqual(['10.20.30.0/24']);
    expect(plan.protection.guarded.v4).toEqual([
      '10.20.0.0-10.20.29.255',
      '10.20.31.0-10.20.255.255',
    ]);
    expect(plan.routes.at(-1)).toEqual({
      cidr: '10.20.30.0/24',
      path: 'direct',
      because: { kind: 'local', interface: 'wlan0' },
    });
    expect(networkNotices(plan).map(({ code }) => code)).toEqual(['overlap-local-used']);
  });

  test('a chosen local network around a range leaves nothing of it in the tunnel', () => {
    const given = input({ ranges: ['10.20.0.0/16'], connected: '10.0.0.0/8' });

    const plan = planHost({ ...given, useLocal: ['10.0.0.0/8'] });

    expect(plan.routes).toEqual([]);
    expect(plan.protection.guarded.v4).toEqual([]);
  });

  test('a local network that is excluded anyway is nothing to tell', () => {
    const given = input({
      ranges: ['10.20.0.0/16'],
      exclude: ['10.20.30.0/24'],
      connected: '10.20.30.0/24',
    });

    expect(planHost(given).overlaps).toEqual([]);
  });

  test('the device’s own address in a local network is a clash', () => {
    expect(planHost(input({ connected: '100.64.0.0/10' })).clashes).toEqual([
      { address: '100.96.0.5', connected: '100.64.0.0/10', interface: 'wlan0' },
    ]);
  });
});

function inSpans(spans: readonly string[], one: ReturnType<typeof address>): boolean {
  return spans.some((text) => {
    const [first = '', last = first] = text.split('-');
    const start = address(first);
    return (
      start.family === one.family && one.value >= start.value && one.value <= address(last).value
    );
  });
}

function input(parts: {
  ranges?: string[];
  exclude?: string[];
  addresses?: DeviceConfig['addresses'];
  connected?: string;
  defaultPath?: 'tunnel' | 'direct';
}): PlanInput {
  return {
    config: {
      kind: 'device',
      v: 1,
      receiver: 'd1',
      revision: 1,
      issuedAt: 0,
      expiresAt: 1,
      organisation: { id: 'o1', name: 'Example' },
      user: { id: 'u1', email: 'alice@example.com', name: 'Alice' },
      session: { expiresAt: 1 },
      addresses: parts.addresses ?? { ipv4: '100.96.0.5' },
      mtu: 1420,
      keepaliveSeconds: 25,
      gateways: [],
      networks: [
        {
          id: 'n1',
          name: 'tokyo-vpc',
          ranges: parts.ranges ?? [],
          connectors: { healthy: 1, total: 1 },
        },
      ],
      profile: {
        id: 'p1',
        name: 'Default',
        splitTunnel: {
          defaultPath: parts.defaultPath ?? 'direct',
          include: [],
          exclude: (parts.exclude ?? []).map((text) => ({ cidr: text })),
        },
      },
    },
    facts: { connected: parts.connected ? [{ cidr: parts.connected, interface: 'wlan0' }] : [] },
    useLocal: [],
  };
}
