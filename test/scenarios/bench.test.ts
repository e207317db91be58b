/** `npm run bench` on a sample that needs no other engine, to its end and interrupted. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../lab/eventually.ts';
import { repository } from '../lab/host.ts';
import { processesBelow, programOf } from '../lab/process-tree.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'culvert-bench-'));
});
afterAll(async () => await rm(folder, { recursive: true }));

interface Bench {
  process: ChildProcess;
  said: () => string;
  /** Exit code. */
  ended: Promise<number | null>;
  json: string;
}

function startBench(...argv: string[]): Bench {
  const json = path.join(folder, `${argv.join('')}.json`);
  const child = spawn(process.execPath, ['test/bench/main.ts', ...argv, '--json', json], {
    cwd: repository,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const ended = once(child, 'close').then(([code]) => code as number | null);
  return { process: child, said: () => said, ended, json };
}

test('a measurement ends with its table, its targets and a file of all figures', async () => {
  const bench = startBench('--quick', '--only', 'hub-peers');
  expect(await bench.ended, bench.said()).toBe(0);
  expect(bench.said()).toContain('hub, 10,000 active peers');
  const { results } = JSON.parse(await readFile(bench.json, 'utf8')) as {
    results: { contender: string; figures: Record<string, number> }[];
  };
  expect(results).toHaveLength(1);
  const figures = Object.values(results[0]?.figures ?? {});
  expect(figures).toHaveLength(3);
  for (const packetsPerCpuSecond of figures) expect(packetsPerCpuSecond).toBeGreaterThan(1_000);
});

test('interrupted, it says what there is and leaves no process behind', async () => {
  const bench = startBench('--quick', '--only', 'hub-peers');
  const pid = bench.process.pid ?? -1;
  await eventually(async () => expect(await enginesBelow(pid)).not.toEqual([]), 60_000);
  const all = await processesBelow(pid);
  bench.process.kill('SIGINT');
  expect(await bench.ended, bench.said()).toBe(130);
  expect(bench.said()).toContain('interrupted');
  await eventually(async () => expect(all.filter((one) => existsSync(`/proc/${one}`))).toEqual([]));
});

test('a measurement that does not exist is refused with those that do', async () => {
  const bench = startBench('--only', 'T9');
  expect(await bench.ended).toBe(2);
  expect(bench.said()).toContain('There is no measurement "T9" for --only. There are: T1,');
});

async function enginesBelow(pid: number): Promise<number[]> {
  const all = await processesBelow(pid);
  const programs = await Promise.all(all.map(programOf));
  return all.filter((_, at) => programs[at] === 'culvert-engine');
}
