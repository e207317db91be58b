import { expect, test } from 'vitest';
import { printCidr } from '../contract/net/prefix.ts';
import type { ConnectorConfig } from '../contract/snapshot.ts';
import { engineConfig } from './engine-config.ts';
import { sampleConfig } from './sample-config.ts';
import { isReachable, parseRoutes4, parseRoutes6, suggestRanges } from './surroundings.ts';

/** As /proc/net/route prints it on a host with a default route, one network, and a blackhole. */
const ROUTES4 = `Iface	Destination	Gateway 	Flags	RefCnt	Use	Metric	Mask		MTU	Window	IRTT
eth0	00000000	010200C0	0003	0	0	0	00000000	0	0	0
eth0	0000A8C0	00000000	0001	0	0	0	00FFFFFF	0	0	0
*	0000000A	00000000	0200	0	0	0	000000FF	0	0	0
`;

const ROUTES6 = `20010db8000000000000000000000000 20 00000000000000000000000000000000 00 00000000000000000000000000000000 00000100 00000001 00000000 00000001 eth0
00000000000000000000000000000000 00 00000000000000000000000000000000 00 00000000000000000000000000000000 ffffffff 00000001 00000000 00200200       lo
`;

test('routes are read as the kernel writes them, and one that rejects is no way', () => {
  expect(parseRoutes4(ROUTES4).map(printCidr)).toEqual(['0.0.0.0/0', '192.168.0.0/24']);
  expect(parseRoutes6(ROUTES6).map(printCidr)).toEqual(['2001:db8::/32']);
});

test('a range is reachable when some route leads into it or around it', () => {
  const routes = parseRoutes4(ROUTES4.replace(/^eth0\t00000000.*\n/m, ''));

  expect(isReachable('192.168.0.10/32', routes)).toBe(true);
  expect(isReachable('192.168.0.0/16', routes)).toBe(true);
  expect(isReachable('172.16.0.0/12', routes)).toBe(false);
  expect(isReachable('172.16.0.0/12', undefined)).toBe(true);
});

test('what is suggested is what the host is connected to, not itself and not its link', () => {
  const one = (address: string, cidr: string, internal = false) => ({
    address,
    netmask: '',
    mac: '',
    internal,
    cidr,
    ...(address.includes(':')
      ? { family: 'IPv6' as const, scopeid: 0 }
      : { family: 'IPv4' as const }),
  });

  const ranges = suggestRanges({
    lo: [one('127.0.0.1', '127.0.0.1/8', true)],
    eth0: [
      one('fe80::1', 'fe80::1/64'),
      one('2001:db8::7', '2001:db8::7/64'),
      one('192.168.0.10', '192.168.0.10/24'),
    ],
    eth1: [one('192.168.0.11', '192.168.0.11/24'), one('10.0.0.1', '10.0.0.1/32')],
  });

  expect(ranges).toEqual(['192.168.0.0/24', '2001:db8::/64']);
});

test('the engine is told addresses, never names: every endpoint, in order, each once', async () => {
  const config = connectorConfig([
    'gone.example:51820',
    '[2001:db8::7]:51820',
    'gw.example:51820',
    '203.0.113.7:51820',
  ]);
  const names: Record<string, string[]> = { 'gw.example': ['203.0.113.7', '2001:db8::8'] };

  const { peers } = await engineConfig(config, 'secret', async (name) => names[name] ?? []);

  expect(peers).toEqual([
    {
      id: 'gw',
      publicKey: 'KEY',
      endpoints: ['[2001:db8::7]:51820', '203.0.113.7:51820', '[2001:db8::8]:51820'],
      keepaliveSeconds: 5,
    },
  ]);
});

test('a gateway without an endpoint that resolves is left out until it has one', async () => {
  const { peers } = await engineConfig(
    connectorConfig(['gone.example:51820']),
    'secret',
    async () => [],
  );

  expect(peers).toEqual([]);
});

function connectorConfig(endpoints: string[]): ConnectorConfig {
  return sampleConfig({
    addresses: { ipv4: '100.96.0.9' },
    gateways: [{ id: 'gw', name: 'gw', publicKey: 'KEY', endpoints }],
    overlay: ['100.96.0.0/16'],
  });
}
