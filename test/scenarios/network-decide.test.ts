/** dev ── lan. The kernel, asked with `ip route get`, sends every destination where `decide` says. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { LinuxNetwork } from '../../app/daemon/network/linux/linux-network.ts';
import { decide } from '../../gateway/contract/decide/decide.ts';
import { splitPolicy } from '../../gateway/contract/decide/policy.ts';
import { type Address, address, printAddress } from '../../gateway/contract/net/address.ts';
import {
  firstAddress,
  lastAddress,
  type Prefix,
  prefixAround,
  printCidr,
} from '../../gateway/contract/net/prefix.ts';
import { addTunnelDevice, type Cable, homeNetwork } from './network-namespace.ts';
import { config, type PlanParts, plan } from './network-plan.ts';

let cable: Cable;
let folder: string;
let network: LinuxNetwork;

beforeAll(async () => {
  cable = await homeNetwork();
  await addTunnelDevice(cable.dev);
  folder = mkdtempSync(join(tmpdir(), 'culvert-ledger-'));
  network = new LinuxNetwork({ ledgerPath: join(folder, 'ledger.json'), host: cable.dev });
});
afterAll(async () => {
  await cable?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

/** Around 10.x and fd12::, where entries meet; never around what the kernel treats as special. */
const unicast: fc.Arbitrary<Address> = fc.oneof(
  fc
    .integer({ min: 0, max: 0xff_ffff })
    .map((low): Address => ({ family: 4, value: 0x0a00_0000 + low })),
  fc
    .bigInt({ min: 0n, max: (1n << 112n) - 1n })
    .map((low): Address => ({ family: 6, value: (0xfd12n << 112n) + low })),
);
const prefix = fc
  .tuple(unicast, fc.integer({ min: 0, max: 16 }))
  .map(([one, shorter]) =>
    prefixAround(one, (one.family === 4 ? 32 : 128) - shorter * (one.family === 4 ? 1 : 6)),
  );
const lists = fc.record({
  ranges: fc.array(prefix, { minLength: 20, maxLength: 40 }),
  exclude: fc.array(prefix, { maxLength: 40 }),
  others: fc.array(unicast, { minLength: 40, maxLength: 60 }),
});

test('a thousand destinations go where decide says, also right after the lists changed', async () => {
  let asked = 0;
  await fc.assert(
    fc.asyncProperty(lists, async ({ ranges, exclude, others }) => {
      const parts = { ranges: ranges.map(printCidr), exclude: exclude.map(printCidr) };
      await network.connect(plan(parts));

      const destinations = [...others, ...[...ranges, ...exclude].flatMap(ends)];
      const kernel = await askKernel(destinations);

      asked += destinations.length;
      expect(kernel).toEqual(
        destinations.map((one) => `${printAddress(one)} ${decided(parts, one)}`),
      );
    }),
    { numRuns: 12, endOnFailure: true },
  );
  expect(asked).toBeGreaterThan(1_000);
});

test('ten thousand entries in each list are applied, and applied again, in seconds', async () => {
  const entries = (host: string) =>
    Array.from({ length: 10_000 }, (_, at) => `10.${at >> 8}.${at & 255}.${host}`);
  const large = plan({ ranges: entries('0/25'), exclude: entries('9/32') });
  const started = performance.now();

  await network.connect(large);
  await network.connect(large);

  expect(performance.now() - started).toBeLessThan(10_000);
  expect(
    await askKernel([address('10.1.1.8'), address('10.1.1.9'), address('10.1.1.200')]),
  ).toEqual(['10.1.1.8 tunnel', '10.1.1.9 direct', '10.1.1.200 direct']);
  await network.release();
});

function decided(parts: PlanParts, one: Address): string {
  const { profile, networks } = config(parts);
  return decide(one, splitPolicy({ splitTunnel: profile.splitTunnel, networks })).path;
}

function ends(one: Prefix): Address[] {
  return [firstAddress(one), lastAddress(one)];
}

/** One process for all: `ip -batch` answers a line for each. */
async function askKernel(destinations: readonly Address[]): Promise<string[]> {
  const questions = destinations.map((one) => `route get ${printAddress(one)}\n`).join('');
  const { status, stdout, stderr } = await cable.dev.run('ip', ['-o', '-batch', '-'], questions);
  expect(stderr).toBe('');
  expect(status).toBe(0);
  return stdout
    .trim()
    .split('\n')
    .map(
      (line) => `${line.split(' ', 1)[0]} ${line.includes(' dev culvert0 ') ? 'tunnel' : 'direct'}`,
    );
}
