/**
 * `node test/bench/switch.ts [--rounds N]`: a laptop of the lab, as `culvert up` finds it, is switched on and off. Of each round it says
 * when the daemon told that the tunnel is on and when the first byte of a host in the private network was there, both
 * counted from the call of the local API, and what the daemon's own steps took. The median counts; the target is 150 ms.
 */
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { Device } from '../world/device.ts';
import { people } from '../world/provider.ts';
import { World } from '../world/world.ts';
import { median } from './statistics.ts';
import type { Switched } from './switch-client.ts';

const { values: options } = parseArgs({ options: { rounds: { type: 'string', default: '10' } } });
const TARGET_MS = 150;
const STEPS = ['protect', 'start-engine', 'point', 'apply-network', 'stop'];

const world = await World.build();
try {
  const administrator = await world.administrator();
  await world.network(administrator);
  const device = await Device.install(world.lab.host('laptop'), 'alice', { CULVERT_LOG: 'debug' });
  await device.signIn(world.browser, world.gateway.joinLink, people.alice);
  const client = [
    '/opt/culvert/node_modules/.bin/node',
    '/opt/culvert/test/bench/switch-client.ts',
  ];
  const said = await device.host.run([...client, options.rounds], { timeoutMs: 240_000 });
  report(said.trim().split('\n').map(read), device.daemon.log);
} finally {
  await world.stop();
}

function report(rounds: Switched[], log: string): void {
  const table = new Table({ head: ['ms', 'median', 'least', 'most'], style: { head: [] } });
  const row = (name: string, values: number[]) =>
    table.push([name, ...[median(values), Math.min(...values), Math.max(...values)].map(ms)]);
  row(
    'on',
    rounds.map(({ onMs }) => onMs),
  );
  row(
    'first byte',
    rounds.map(({ firstByteMs }) => firstByteMs),
  );
  for (const step of STEPS) row(`  ${step}`, stepsOf(log, step));
  console.log(
    `Switch on → connected, ${rounds.length} rounds (target: ≤ ${TARGET_MS} ms to the first byte)`,
  );
  console.log(table.toString());
}

/** From the daemon's log, where each effect says how long it took. */
function stepsOf(log: string, step: string): number[] {
  const lines = log.split('\n').filter((line) => line.includes('"msg":"tunnel effect"'));
  return lines
    .map((line) => JSON.parse(line) as { effect: string; tookMs: number })
    .flatMap(({ effect, tookMs }) => (effect === step ? [tookMs] : []));
}

function read(line: string): Switched {
  return JSON.parse(line) as Switched;
}

function ms(value: number): string {
  return value.toFixed(0);
}
