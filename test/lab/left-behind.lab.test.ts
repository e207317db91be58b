/** Real leftovers, under names that no other run has. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type WatchedRun, watchRun } from '../setup/left-behind.mjs';

let run: WatchedRun;
beforeEach(() => {
  run = watchRun('left-behind');
});
afterEach(async () => {
  await run.end().catch(() => {});
});

test('a run that takes everything away has left nothing, and its folder is gone', async () => {
  writeFileSync(join(run.env.TMPDIR, 'culvert-scratch'), '');
  execFileSync('rm', [join(run.env.TMPDIR, 'culvert-scratch')]);

  expect(await run.end()).toEqual([]);
  expect(existsSync(run.env.TMPDIR)).toBe(false);
});

test('a file and a program are told by name; the file is removed', async () => {
  writeFileSync(join(run.env.TMPDIR, 'culvert-capture-1'), '');
  const forgotten = start(['sleep', '100'], run.env);

  const left = await run.end();

  expect(left).toEqual([
    `file ${run.env.TMPDIR}/culvert-capture-1`,
    `process ${forgotten.pid} sleep 100`,
  ]);
  expect(existsSync(run.env.TMPDIR)).toBe(false);
  await stop(forgotten);
});

test('what is about to end is waited for', async () => {
  start(['sleep', '0.5'], run.env);

  expect(await run.end()).toEqual([]);
});

test('a program of somebody else, with the same name, is not ours', async () => {
  const other = start(['sleep', '100'], {});

  expect(await run.end()).toEqual([]);
  await stop(other);
});

test('a network namespace is left behind once the process that made it is gone', async () => {
  const gone = start(['true'], {});
  await once(gone, 'exit');
  const [ours, another] = [gone.pid, process.pid].map((pid) => `culvert-net-test-${pid}-99`);
  for (const name of [ours, another]) execFileSync('ip', ['netns', 'add', String(name)]);

  const left = await run.end();

  for (const name of [ours, another]) execFileSync('ip', ['netns', 'del', String(name)]);
  expect(left).toEqual([`file /run/netns/${ours}`]);
});

function start([program = '', ...argv]: string[], more: Record<string, string>): ChildProcess {
  const { PATH = '' } = process.env;
  return spawn(program, argv, { stdio: 'ignore', env: { PATH, ...more } });
}

async function stop(child: ChildProcess): Promise<void> {
  child.kill();
  await once(child, 'exit');
}
