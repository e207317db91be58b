/**
 * `node test/bench/entries.ts [--entries N] [--rounds N]`: what a device needs for a split tunnel of 10,000 include entries, with its
 * kernel and a real engine, in a network namespace: all of them at once, then one entry more each round. Both are the
 * daemon's own effect from a new configuration to what the host does: plan, protection, routes, engine. The targets are 1 s and 50 ms.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { HOST_NAMES } from '../../app/contract/host-plan.ts';
import { DeviceHost } from '../../app/daemon/device-host.ts';
import { EngineBackend } from '../../app/daemon/engine/engine-backend.ts';
import { LinuxNetwork } from '../../app/daemon/network/linux/linux-network.ts';
import type { DeviceConfig } from '../../gateway/contract/snapshot.ts';
import { findEngine } from '../../native/client/binary.ts';
import { generateKeyPair } from '../../native/wg/keys.ts';
import { homeNetwork, type Namespace } from '../scenarios/network-namespace.ts';
import { config } from '../scenarios/network-plan.ts';
import { median } from './statistics.ts';

const { values: options } = parseArgs({
  options: {
    entries: { type: 'string', default: '10000' },
    rounds: { type: 'string', default: '7' },
  },
});
const NOBODY = { ...generateKeyPair(), endpoint: '172.30.0.1:51820' };
/** Between two changes of an administrator there are seconds; what one sets off is over then. */
const CALM_MS = 2000;

const cable = await homeNetwork();
const folder = mkdtempSync(join(tmpdir(), 'culvert-entries-'));
try {
  await measure(cable.dev);
} finally {
  rmSync(folder, { recursive: true });
  await cable[Symbol.asyncDispose]();
}

async function measure(laptop: Namespace): Promise<void> {
  const network = new LinuxNetwork({ ledgerPath: join(folder, 'ledger.json'), host: laptop });
  const backend = engineIn(laptop);
  let current = withEntries(0);
  const device = new DeviceHost({
    network,
    backend,
    names: HOST_NAMES,
    input: () => ({ config: current, useLocal: [], privateKey: NOBODY.privateKey }),
    onPlan: () => {},
    onApplied: () => {},
  });
  // Nobody puts back what is lost here: what is measured is the change alone.
  const unwatch = network.watch({ networkChanged: () => {}, protectionTouched: () => {} });
  try {
    await device.protect();
    await device.startEngine();
    await device.point(wayTo(), true);
    await device.applyNetwork();
    await pause(CALM_MS);
    const times: number[] = [];
    for (let round = 0; round <= Number(options.rounds); round++) {
      current = withEntries(Number(options.entries) + round);
      const startedAt = performance.now();
      await device.applyNetwork();
      times.push(performance.now() - startedAt);
      await pause(CALM_MS);
    }
    report(times[0] ?? Number.NaN, times.slice(1));
  } finally {
    unwatch();
    await device.stop();
  }
}

function report(all: number, one: readonly number[]): void {
  const table = new Table({
    head: ['ms', 'median', 'least', 'most', 'target'],
    style: { head: [] },
  });
  table.push([`${options.entries} entries`, ...[all, all, all].map(ms), '1000']);
  table.push([
    'one entry more',
    ...[median(one), Math.min(...one), Math.max(...one)].map(ms),
    '50',
  ]);
  console.log(table.toString());
}

function engineIn(laptop: Namespace): EngineBackend {
  const binary = join(folder, 'engine');
  const entered = `exec nsenter --net=/run/netns/${laptop.name} ${findEngine()} "$@"`;
  writeFileSync(binary, `#!/bin/sh\n${entered}\n`, { mode: 0o755 });
  return new EngineBackend({
    device: HOST_NAMES.device,
    binary,
    controlPath: join(folder, 'engine.sock'),
    logPath: join(folder, 'engine.log'),
  });
}

function wayTo() {
  const { publicKey, endpoint } = NOBODY;
  return { gatewayId: 'g', gatewayName: 'nobody', publicKey, endpoint };
}

function withEntries(count: number): DeviceConfig {
  const one = config({ ranges: ['192.168.0.0/24'] });
  const cidrs = Array.from({ length: count }, (_, i) => `10.${i >> 7}.${(i & 127) * 2}.0/24`);
  one.profile.splitTunnel.include = cidrs.map((cidr) => ({ cidr }));
  return one;
}

function ms(value: number): string {
  return value.toFixed(0);
}
