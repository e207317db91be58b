/**
 * dev ── lan. Whatever is killed, at whatever command: the ledger alone brings the host back, byte by byte.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import type { LinuxHost } from '../../app/daemon/network/linux/host.ts';
import { LinuxNetwork } from '../../app/daemon/network/linux/linux-network.ts';
import { hostState } from '../world/host-state.ts';
import { Fuse, Losing, Watching, Witness } from './network-hosts.ts';
import {
  addTunnelDevice,
  type Cable,
  homeNetwork,
  removeTunnelDevice,
} from './network-namespace.ts';
import { OWN_IPV6, plan } from './network-plan.ts';

const wanted = plan({
  ranges: ['10.20.0.0/16', '192.168.0.0/24', 'fd12::/64'],
  exclude: ['10.20.9.0/24', '192.168.0.7/32', 'fd12::7/128'],
});
const changed = plan({ ranges: ['10.20.0.0/17', '10.20.9.0/24'], exclude: ['10.20.3.0/24'] });

let cable: Cable;
let folder: string;
let before: string;

beforeAll(async () => {
  cable = await homeNetwork();
  before = await hostState(cable.dev);
});
afterAll(() => cable?.[Symbol.asyncDispose]());
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'culvert-ledger-'));
  await addTunnelDevice(cable.dev);
});
afterEach(async () => {
  rmSync(folder, { recursive: true });
  await cable.dev.try('ip link del culvert0');
});

test('connecting twice changes nothing the second time, and letting go leaves nothing', async () => {
  const network = networkOn(cable.dev);

  await network.connect(wanted);
  const once = await hostState(cable.dev);
  await network.connect(wanted);

  expect(await hostState(cable.dev)).toBe(once);
  expect(once).not.toBe(before);
  await network.release();
  await removeTunnelDevice(cable.dev);
  expect(await hostState(cable.dev)).toBe(before);
});

test('another program’s rule at our priority is told; ours stays in force and goes without it', async () => {
  const network = networkOn(cable.dev);
  await network.protect(wanted);
  expect((await network.probe()).map(({ code }) => code)).toEqual([]);
  const foreign = 'from 10.99.0.0/16 lookup 100 priority 5182';
  await cable.dev.sh(`ip rule add ${foreign}`);

  expect(await network.isProtected()).toBe(true);
  expect((await network.probe()).map(({ code }) => code)).toEqual(['priority-taken']);
  await network.release();

  const left = await cable.dev.sh('ip rule show priority 5182');
  expect(left.trim()).toMatch(/^5182:\s+from 10\.99\.0\.0\/16 lookup 100$/);
  await cable.dev.sh(`ip rule del ${foreign}`);
  await removeTunnelDevice(cable.dev);
  expect(await hostState(cable.dev)).toBe(before);
});

test('each change is in the ledger before it is made, in an order without a gap, and by a handful of programs', async () => {
  const witness = new Witness(cable.dev, ledgerPath());
  const network = networkOn(witness);

  await network.protect(wanted);
  expect(witness.changes()).toEqual(['firewall', 'refusing-routes, rule', 'refusing-routes, rule']);
  await network.connect(wanted);
  expect(witness.changes()).toEqual(['setting', 'addresses, tunnel-routes']);
  await network.connect(wanted);
  expect(witness.changes()).toEqual([]);

  expect(witness.unclaimed).toEqual([]);
  await network.release();
});

test('of thousands of entries one more is three programs that read nothing, until another program interferes', async () => {
  const many = Array.from({ length: 2000 }, (_, i) => `10.${i >> 7}.${(i & 127) * 2}.0/24`);
  const witness = new Witness(cable.dev, ledgerPath());
  const network = networkOn(witness);
  let told = 0;
  const unwatch = network.watch({ networkChanged: () => {}, protectionTouched: () => told++ });
  const untilKnown = () =>
    vi.waitFor(
      async () => {
        witness.ran.length = 0;
        await network.facts();
        expect(witness.ran).toEqual(['ip -j address show']);
      },
      { timeout: 15_000, interval: 200 },
    );
  await network.connect(plan({ ranges: many }));
  await untilKnown();
  witness.changes();

  const oneMore = plan({ ranges: [...many, '172.20.0.0/16'], exclude: [many[7] ?? ''] });
  witness.ran.length = 0;
  await network.connect(oneMore);

  expect(witness.ran.length).toBe(3);
  expect(witness.changes().toSorted()).toEqual([
    'firewall',
    'refusing-routes, tunnel-routes',
    'tunnel-routes',
  ]);
  expect(witness.unclaimed).toEqual([]);
  const after = await hostState(cable.dev);
  await networkOn(cable.dev).connect(oneMore);
  expect(await hostState(cable.dev), 'as if all had been read').toBe(after);

  await untilKnown();
  told = 0;
  await cable.dev.sh('ip route del unreachable 172.20.0.0/16 table 5182');
  await vi.waitFor(() => expect(told).toBeGreaterThan(0), { timeout: 15_000 });
  expect(await network.isProtected()).toBe(false);
  await network.connect(oneMore);
  expect(await hostState(cable.dev)).toBe(after);
  unwatch();
  await network.release();
});

test('a range that gets narrower is not refused on the way', async () => {
  const watching = new Watching(cable.dev, '192.168.0.9');
  const network = networkOn(watching);
  await network.connect(plan({ ranges: ['192.168.0.0/16'] }));

  watching.ways.clear();
  await network.connect(plan({ ranges: ['192.168.0.0/24'] }));

  expect([...watching.ways]).toEqual(['culvert0']);
  await network.release();
});

test('a device that signs in anew and gets other addresses loses no way on the way', async () => {
  const watching = new Watching(cable.dev, '192.168.0.9');
  const network = networkOn(watching);
  const ranges = ['192.168.0.0/24'];
  await network.connect(plan({ ranges }));

  watching.ways.clear();
  const addresses = { ipv4: '100.96.0.6', ipv6: 'fd00:c0de:1::6' };
  await network.connect(plan({ ranges, addresses }));

  expect([...watching.ways]).toEqual(['culvert0']);
  await network.release();
});

test('a way that is lost while the addresses change is told, not taken for made', async () => {
  const ranges = ['192.168.0.0/24'];
  await networkOn(cable.dev).connect(plan({ ranges }));

  const addresses = { ipv4: '100.96.0.6', ipv6: 'fd00:c0de:1::6' };
  const changing = networkOn(new Losing(cable.dev, 'address del', ranges)).connect(
    plan({ ranges, addresses }),
  );

  await expect(changing).rejects.toMatchObject({
    code: 'network-refused',
    detail: { reason: 'the kernel’s routes are not what was asked for' },
  });
  await networkOn(cable.dev).release();
});

test('disconnecting keeps the protection and takes the rest', async () => {
  const network = networkOn(cable.dev);
  await network.protect(wanted);
  await removeTunnelDevice(cable.dev);
  const protectedOnly = await hostState(cable.dev);

  await addTunnelDevice(cable.dev);
  await network.connect(wanted);
  await network.disconnect();
  await removeTunnelDevice(cable.dev);

  expect(await hostState(cable.dev)).toBe(protectedOnly);
  expect(await network.isProtected()).toBe(true);
  await network.release();
});

test.each(['halfway', 'after'] as const)(
  'killed %s any command of connecting, changing or letting go, nothing is left behind',
  async (when) => {
    for (let survives = 0; ; survives++) {
      const fuse = new Fuse(cable.dev, survives, when);
      const finished = await lifeOf(networkOn(fuse)).then(
        () => true,
        () => false,
      );
      await networkOn(cable.dev).release();
      await removeTunnelDevice(cable.dev);

      expect(await hostState(cable.dev), `killed ${when} command ${survives}`).toBe(before);
      await addTunnelDevice(cable.dev);
      if (finished) {
        expect(survives).toBeGreaterThan(20);
        return;
      }
      expect(fuse.hasBlown).toBe(true);
    }
  },
);

test('killed while wanted on, the protection that stood still stands', async () => {
  await networkOn(cable.dev).connect(wanted);
  for (let survives = 0; ; survives++) {
    const fuse = new Fuse(cable.dev, survives, 'halfway');
    const finished = await networkOn(fuse)
      .connect(wanted)
      .then(
        () => true,
        () => false,
      );

    const table = await cable.dev.sh('nft list table inet culvert; ip rule');
    expect(table).toContain('10.20.0.0-10.20.8.255');
    expect(table).toContain('lookup 5182');
    if (finished) break;
  }
  await networkOn(cable.dev).release();
});

test('where IPv6 is switched off for new devices, the tunnel has it all the same, and nobody else', async () => {
  await removeTunnelDevice(cable.dev);
  await cable.dev.writeSetting('net/ipv6/conf/default/disable_ipv6', '1');
  const without = await hostState(cable.dev);
  await addTunnelDevice(cable.dev);
  const network = networkOn(cable.dev);

  await network.connect(wanted);

  expect(await network.routeTo('fd12::5')).toMatchObject({
    interface: 'culvert0',
    source: OWN_IPV6,
  });
  await network.release();
  await removeTunnelDevice(cable.dev);
  expect(await hostState(cable.dev)).toBe(without);
  await cable.dev.writeSetting('net/ipv6/conf/default/disable_ipv6', '0');
});

test('repair finds what carries our names when the ledger is lost', async () => {
  await networkOn(cable.dev).connect(wanted);
  rmSync(ledgerPath());

  const { undone, kept } = await networkOn(cable.dev).repair();

  expect(undone.length).toBeGreaterThan(3);
  expect(kept).toEqual([]);
  // What a setting was before is known to the ledger alone.
  await cable.dev.writeSetting('net/ipv4/conf/all/arp_ignore', '0');
  await removeTunnelDevice(cable.dev);
  expect(await hostState(cable.dev)).toBe(before);
});

test('another program’s firewall, rules and routes are left alone', async () => {
  await cable.dev.sh(
    'nft add table inet other; ip rule add fwmark 7 lookup 77 priority 77; ip route add 10.20.0.5/32 via 172.30.0.1',
  );
  await removeTunnelDevice(cable.dev);
  const theirs = await hostState(cable.dev);
  await addTunnelDevice(cable.dev);
  const network = networkOn(cable.dev);

  await network.connect(wanted);
  await network.release();
  await removeTunnelDevice(cable.dev);

  expect(await hostState(cable.dev)).toBe(theirs);
  await cable.dev.sh(
    'nft delete table inet other; ip rule del priority 77; ip route del 10.20.0.5/32',
  );
});

test('a table, a priority or a name that somebody else uses is told before anything is changed', async () => {
  await cable.dev.sh(
    'ip route add 10.99.0.0/16 via 172.30.0.1 table 5182; ip rule add lookup main priority 5182; nft add table inet culvert',
  );

  const problems = await networkOn(cable.dev).probe();

  expect(problems.map(({ code }) => code)).toEqual([
    'table-taken',
    'priority-taken',
    'firewall-taken',
  ]);
  await cable.dev.sh(
    'ip route flush table 5182; ip rule del priority 5182; nft delete table inet culvert',
  );
  expect(await networkOn(cable.dev).probe()).toEqual([]);
});

async function lifeOf(network: LinuxNetwork): Promise<void> {
  await network.protect(wanted);
  await network.connect(wanted);
  await network.connect(changed);
  await network.disconnect();
  await network.release();
}

function networkOn(host: LinuxHost): LinuxNetwork {
  return new LinuxNetwork({ ledgerPath: ledgerPath(), host });
}

function ledgerPath(): string {
  return join(folder, 'ledger.json');
}
