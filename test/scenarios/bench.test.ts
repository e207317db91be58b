/** `npm run bench` on a sample that needs no other engine, to its end and interrupted. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { repository } from '../lab/host.ts';

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
  const started = await untilSome(() => descendants(bench.process.pid ?? -1, 'culvert-engine'));
  const all = await descendants(bench.process.pid ?? -1);
  expect(all.length).toBeGreaterThan(started.length);
  bench.process.kill('SIGINT');
  expect(await bench.ended, bench.said()).toBe(130);
  expect(bench.said()).toContain('interrupted');
  await untilSome(async () => [all.every((pid) => !existsSync(`/proc/${pid}`))].filter(Boolean));
});

test('a measurement that does not exist is refused with those that do', async () => {
  const bench = startBench('--only', 'T9');
  expect(await bench.ended).toBe(2);
  expect(bench.said()).toContain('There is no measurement "T9" for --only. There are: T1,');
});

/** Ten seconds at most. */
async function untilSome<T>(look: () => Promise<T[]>): Promise<T[]> {
  for (let tries = 0; tries < 200; tries++) {
    const found = await look();
    if (found.length > 0) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error('nothing of the kind within ten seconds');
}

/** Below a process; with a name, only those that are that program. */
async function descendants(pid: number, name?: string): Promise<number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '');
  const children = text.trim().split(' ').filter(Boolean).map(Number);
  const below = await Promise.all(
    children.map(async (child) => {
      const called = await readFile(`/proc/${child}/comm`, 'utf8').catch(() => '');
      const own = name === undefined || called.trim() === name ? [child] : [];
      return [...own, ...(await descendants(child, name))];
    }),
  );
  return below.flat();
}
