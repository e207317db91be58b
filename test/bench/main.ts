/**
 * `npm run bench [-- --quick] [-- --rounds N] [-- --json FILE]`: our engine beside the others, in the same run, round by round in
 * turn, so that a change of the machine's speed meets all of them. All ends share the machine: ratios count, not absolute figures.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import { repository } from '../lab/host.ts';
import { type Contender, culvert, debianWireGuardGo } from './engines.ts';
import { median } from './measure.ts';
import { fetchPeers } from './peers.ts';
import { type Figures, runOnce, type Shape } from './runs.ts';

const { values: options } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    json: { type: 'string', default: path.join(repository, 'test/output/bench.json') },
    only: { type: 'string', multiple: true },
  },
});

const rounds = Number(options.rounds ?? (options.quick ? 1 : 5));
const pace = options.quick ? { seconds: 3, pings: 100 } : { seconds: 6, pings: 500 };
const shapes: Shape[] = (options.only as Shape[] | undefined) ?? ['T1', 'T2', 'T3'];
const titles: Record<Shape, string> = {
  T1: 'T1  point to point',
  T2: 'T2  through the hub (Culvert: gateway switch, no TUN)',
  T3: 'T3  full path to a host behind the connector (Culvert: user-space connector, no root; others: TUN and masquerade as root)',
};

const contenders = [
  culvert,
  ...(await fetchPeers((sentence) => console.error(sentence))),
  debianWireGuardGo,
];

const results: { shape: Shape; contender: string; round: number; figures: Figures }[] = [];
for (let round = 1; round <= rounds; round++) {
  for (const shape of shapes) {
    for (const contender of contenders) {
      console.error(`round ${round} of ${rounds}, ${shape}, ${contender.name}`);
      const figures = await tryOnce(shape, contender);
      if (figures) results.push({ shape, contender: contender.name, round, figures });
    }
  }
}

for (const shape of shapes) printTable(shape);
await mkdir(path.dirname(options.json), { recursive: true });
await writeFile(options.json, `${JSON.stringify({ rounds, pace, results }, null, 2)}\n`);
console.log(`\nAll figures: ${path.relative(process.cwd(), options.json)}`);

/** Another engine that does not carry this shape is named and left out; ours must work. */
async function tryOnce(shape: Shape, contender: Contender): Promise<Figures | undefined> {
  try {
    return await runOnce(shape, contender, pace);
  } catch (cause) {
    if (contender === culvert) throw cause;
    console.error(
      `without ${contender.name} in ${shape}: ${(cause as Error).message.split('\n')[0]}`,
    );
    return undefined;
  }
}

function printTable(shape: Shape): void {
  const columns: [string, keyof Figures, number][] = [
    ['1 stream Gbit/s', 'oneStream', 2],
    ['4 streams Gbit/s', 'fourStreams', 2],
    ['CPU-s/GB', 'cpuPerGb', 2],
    ['RTT idle ms', 'rttIdleMs', 2],
    ['RTT loaded p50', 'rttLoadedMs', 2],
    ['p99', 'rttLoadedP99Ms', 1],
    ['RSS MB', 'rssMb', 0],
  ];
  const table = new Table({
    head: ['median', ...columns.map(([title]) => title)],
    style: { head: [], border: [] },
  });
  const names = contenders
    .map((contender) => contender.name)
    .filter((name) => results.some((one) => one.shape === shape && one.contender === name));
  for (const name of names)
    table.push([name, ...columns.map(([, key, digits]) => of(shape, name, key).toFixed(digits))]);
  const [ours = '', ...others] = names;
  for (const other of others) {
    table.push([
      `${ours} ÷ ${other}`,
      ...columns.map(([, key]) => `${(of(shape, ours, key) / of(shape, other, key)).toFixed(2)} ×`),
    ]);
  }
  console.log(`\n${titles[shape]}\n${table.toString()}`);
}

function of(shape: Shape, contender: string, key: keyof Figures): number {
  const mine = results.filter((result) => result.shape === shape && result.contender === contender);
  return median(mine.map((result) => result.figures[key]));
}
