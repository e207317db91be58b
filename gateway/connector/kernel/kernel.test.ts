import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { ConnectorConfig } from '../../contract/snapshot.ts';
import { sampleConfig } from '../sample-config.ts';
import { chooseForwarding, closedFirewall } from './choose.ts';
import type { KernelHost } from './host.ts';
import { KernelForwarding } from './kernel-forwarding.ts';
import { KernelLedger } from './ledger.ts';
import { planKernel } from './plan.ts';
import { freePorts, takenPorts } from './ports.ts';

const EPHEMERAL = [32_768, 60_999] as const;

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'culvert-kernel-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('masqueraded packets get the widest ports that nobody has', () => {
  expect(freePorts(new Set(), EPHEMERAL)).toEqual([1024, 32_767]);
  expect(freePorts(new Set([5432, 8080, 51_820]), EPHEMERAL)).toEqual([8081, 32_767]);
  expect(freePorts(new Set([30_000]), [1024, 29_000])).toEqual([30_001, 65_535]);
  expect(freePorts(new Set(), [1024, 65_535])).toBeUndefined();
});

test('a socket that waits for somebody has its port, and so has one that is connected from a port of its own', () => {
  const head = '  sl  local_address rem_address   st tx_queue\n';
  const tables = new Map([
    [
      '/proc/net/tcp',
      `${head}   0: 00000000:1538 00000000:0000 0A 00000000:00000000
   1: 0A00A8C0:C350 0A00A8C0:0016 01 00000000:00000000
`,
    ],
    ['/proc/net/udp', `${head}  431: 0A00A8C0:13C4 0B00A8C0:13C4 01 00000000:00000000\n`],
    [
      '/proc/net/udp6',
      `${head}   2: 00000000000000000000000000000000:CA6C 00000000000000000000000000000000:0000 07 0:0\n`,
    ],
  ]);
  const host = { ...fakeHost({}), read: (path: string) => tables.get(path) };

  const taken = takenPorts(host);

  expect([...taken].sort((one, other) => one - other)).toEqual([5060, 5432, 50_000, 51_820]);
  expect(freePorts(taken, EPHEMERAL)).toEqual([5433, 32_767]);
});

test('the firewall is what the kernel reads', () => {
  const plan = planKernel(config(['192.168.0.0/24', '169.254.7.7/32', 'fd12::/64']), {
    ports: [8081, 32_767],
    closedInterfaces: ['eth0'],
  });

  expect(plan.firewall).toBe(
    readFileSync(join(import.meta.dirname, 'firewall.golden.nft'), 'utf8'),
  );
  expect(plan).toMatchObject({
    address: '100.96.0.9/32',
    mtu: 1400,
    routes: ['100.96.0.0/16'],
    settings: [
      { path: '/proc/sys/net/ipv4/conf/culvert-net/forwarding', value: '1' },
      { path: '/proc/sys/net/ipv4/conf/eth0/forwarding', value: '1' },
    ],
  });
});

test('without leave, rights, a TUN or the programs the engine goes on alone, and says why', async () => {
  const able = fakeHost({});
  const why = async (isAllowed: boolean, host: KernelHost, isOurs = false) => {
    const forwarding = await chooseForwarding(isAllowed, isOurs, host);
    return forwarding.by === 'kernel' ? 'kernel' : forwarding.why;
  };

  expect(await why(true, able)).toBe('kernel');
  expect(await why(false, able)).toContain('--allow-kernel');
  expect(await why(true, fakeHost({ rights: '0000000000002000' }))).toContain('no CAP_NET_ADMIN');
  expect(await why(true, { ...able, canOpen: () => false })).toContain('/dev/net/tun');
  expect(await why(true, { ...able, has: (program) => program === 'ip' })).toContain('nftables');
  const taken = fakeHost({ interfaces: ['eth0', 'culvert-net'] });
  expect(await why(true, taken)).toContain('another connector');
  expect(await why(true, taken, true)).toBe('kernel');
});

test('a firewall that drops what it does not know stands in the way, and is named', () => {
  const chain = (table: string, policy: string, hook = 'forward') => ({
    chain: { family: 'ip', table, name: 'FORWARD', hook, policy },
  });
  const named = (...chains: object[]) => closedFirewall(JSON.stringify({ nftables: chains }));

  expect(named({ metainfo: {} }, chain('filter', 'accept'))).toBeUndefined();
  expect(named(chain('filter', 'drop', 'input'))).toBeUndefined();
  expect(named(chain('culvert_connector', 'drop'))).toBeUndefined();
  expect(named(chain('filter', 'drop'))).toBe('ip filter');
});

test('what a setting was is on disk before it is changed, and goes back though everything was killed', async () => {
  const settings = new Map([
    [IP_FORWARD, '0'],
    [conf('eth0'), '0'],
    [conf('br0'), '1'],
    [conf('culvert-net'), '0'],
  ]);
  const host = fakeHost({ settings });
  const ledger = new KernelLedger(folder);
  host.write = (path, value) => {
    expect(readFileSync(join(folder, 'kernel-ledger.json'), 'utf8')).toContain(conf('eth0'));
    settings.set(path, value);
  };

  await new KernelForwarding(host, ledger).apply(config(['192.168.0.0/24']));
  expect([...settings.values()]).toEqual(['0', '1', '1', '1']);
  const again = new KernelForwarding(host, new KernelLedger(folder));
  await again.apply(config(['192.168.0.0/24']));
  settings.delete(conf('culvert-net'));
  const given = await again.undo();

  expect(given).toEqual(['firewall table ip culvert_connector', `${conf('eth0')} is 0 again`]);
  expect([...settings]).toEqual([
    [IP_FORWARD, '0'],
    [conf('eth0'), '0'],
    [conf('br0'), '1'],
  ]);
  expect(host.tables).toEqual([]);
  expect(new KernelLedger(folder).isEmpty).toBe(true);
});

test('an interface that this host forwards for anyway is not closed to others by us', async () => {
  const settings = new Map([
    [IP_FORWARD, '0'],
    [conf('eth0'), '0'],
    [conf('br0'), '1'],
  ]);
  const host = fakeHost({ settings });

  await new KernelForwarding(host, new KernelLedger(folder)).apply(config(['192.168.0.0/24']));

  expect(host.said).toContain('elements = { "eth0" }');
});

test('a host that has become a router for others meanwhile stays one', async () => {
  const settings = new Map([
    [IP_FORWARD, '0'],
    [conf('eth0'), '0'],
  ]);
  const kernel = new KernelForwarding(fakeHost({ settings }), new KernelLedger(folder));
  await kernel.apply(config(['192.168.0.0/24']));
  settings.set(IP_FORWARD, '1');

  const given = await kernel.undo();

  expect(given).toEqual(['firewall table ip culvert_connector']);
  expect(settings.get(conf('eth0'))).toBe('1');
});

test('a damaged ledger still removes our table, and guesses no setting', () => {
  writeFileSync(join(folder, 'kernel-ledger.json'), '{"v":1,"firewall":tr');

  expect(new KernelLedger(folder).claims).toEqual({ v: 1, firewall: true, settings: [] });
});

test('a ledger that names anything but the forwarding of an interface is not believed', () => {
  for (const path of [
    '/proc/sys/kernel/core_pattern',
    '/proc/sys/net/ipv4/conf/../forwarding',
    '/proc/sys/net/ipv4/conf/eth0/../../ip_forward',
    '/proc/sys/net/ipv4/conf/eth0/rp_filter',
    '/proc/sys/../../etc/cron.d/forwarding',
    `${conf('eth0')}/../../../../../../../../etc/forwarding`,
  ]) {
    const settings = [{ path, before: '0' }];
    writeFileSync(
      join(folder, 'kernel-ledger.json'),
      JSON.stringify({ v: 1, firewall: true, settings }),
    );

    expect(new KernelLedger(folder).claims.settings, path).toEqual([]);
  }
});

const IP_FORWARD = '/proc/sys/net/ipv4/ip_forward';

function conf(name: string): string {
  return `/proc/sys/net/ipv4/conf/${name}/forwarding`;
}

interface Parts {
  rights?: string;
  interfaces?: string[];
  settings?: Map<string, string>;
}

/** The kernel's files as a map; `nft` and `ip` are content with everything. */
function fakeHost({
  rights = '0000000000001000',
  interfaces = ['eth0'],
  settings = new Map(),
}: Parts) {
  const host = {
    said: '',
    tables: [] as string[],
    async run(program: string, argv: readonly string[], input = '') {
      if (argv[0] === '-j') return JSON.stringify({ nftables: [] });
      host.said += input;
      if (program === 'nft') host.tables = input.includes('chain') ? ['culvert_connector'] : [];
      return '';
    },
    has: () => true,
    read(path: string): string | undefined {
      return path === '/proc/self/status' ? `Name:\tnode\nCapEff:\t${rights}` : settings.get(path);
    },
    list(path: string): string[] {
      if (path === '/sys/class/net') return interfaces;
      const names = [...settings.keys()].map((key) => /conf\/([^/]+)\//.exec(key)?.[1]);
      return names.flatMap((name) => name ?? []);
    },
    write: (path: string, value: string) => void settings.set(path, value),
    canOpen: () => true,
  };
  return host;
}

function config(ranges: string[]): ConnectorConfig {
  return sampleConfig({ network: { id: 'net-1', name: 'tokyo', ranges }, mtu: 1400 });
}
