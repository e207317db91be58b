/** `npm run demo` as a person has it, what it installs and builds first aside: to its end, with something broken, kept up, interrupted. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { get, type RequestOptions } from 'node:https';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, expect, onTestFailed, test } from 'vitest';
import type { Account } from '../demo/story.ts';
import { eventually } from '../lab/eventually.ts';
import { repository } from '../lab/host.ts';
import { processesBelow } from '../lab/process-tree.ts';

/** Bytes: more than anything that the world writes until then, less than Node. */
const LARGEST_FILE = 60_000_000;

let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'culvert-demo-'));
});
afterEach(async () => await rm(folder, { recursive: true }));

test('every step works, and the page at the end has what was measured', async () => {
  const file = path.join(folder, 'demo.json');
  const demo = startDemo({ argv: ['--json', file] });

  expect(await demo.ended).toBe(0);
  const account = JSON.parse(await readFile(file, 'utf8')) as Account & { exitCode: number };
  await rm(file);
  expect(demo.said()).not.toMatch(/^ {2}✗/m);
  const [, page = ''] = demo.said().split('What you have seen\n');
  expect(
    page.replaceAll(/[\d.]+/g, '_').replaceAll(/ {2,}/g, '  '),
  ).toBe(`  connector joined → shown online  within _ ms
  switch on → connected  _ ms
  the command was started → ssh  _ s
  Save pressed → enforced on the device  _ ms
  left behind on the laptop  nothing
  the whole demo  _ s
`);
  expect(account).toMatchObject({ exitCode: 0, seconds: expect.any(Number) });
  expect(account.facts.map(({ label, value }) => `  ${label}  ${value}\n`).join('')).toBe(
    page.replaceAll(/(?<=\S) {2,}/g, '  '),
  );
  expect(account.steps.length).toBeGreaterThan(10);
  for (const { title, works, tookMs } of account.steps) {
    expect([works, demo.said()]).toEqual([true, expect.stringContaining(`✓ ${title}`)]);
    expect(demo.said()).toContain(`${tookMs} ms`);
  }
  expect(await readdir(folder)).toEqual([]);
});

test('a step that fails is named with its reason: here the disk has no room for what the connector fetches', async () => {
  const demo = startDemo({ under: ['prlimit', `--fsize=${LARGEST_FILE}`, '--'] });

  expect(await demo.ended).toBe(1);
  expect(demo.said()).toMatch(/^ {2}✗ runs that line on 192\.168\.0\.10$/m);
  expect(demo.said()).toMatch(
    /The demo did not work\. “runs that line on 192\.168\.0\.10” failed: .*could not be fetched\. Nothing was changed; try again\./s,
  );
  expect(demo.said()).not.toContain('What you have seen');
  expect(await readdir(folder)).toEqual([]);
});

test('kept up, dashboard and provider answer on this machine; Ctrl-C ends it, and nothing is left behind', async () => {
  const demo = startDemo({ argv: ['--stay'] });
  await demo.untilSaid('Ctrl-C ends it.');
  const all = await processesBelow(demo.pid);

  const [dashboard, provider] = await Promise.all([
    answerOf('gateway.localhost', 8443, '/'),
    answerOf('login.localhost', 9443, '/.well-known/openid-configuration'),
  ]);
  demo.process.kill('SIGINT');

  expect(dashboard).toContain('<title>Culvert</title>');
  expect(JSON.parse(provider)).toMatchObject({ issuer: 'https://login.localhost:9443' });
  expect(demo.said()).toContain('https://gateway.localhost:8443/');
  expect(demo.said()).toContain('https://login.localhost:9443/');
  expect(await demo.ended).toBe(130);
  await expectGone(all);
  expect(await readdir(folder)).toEqual([]);
});

test('told to end in the middle of its beginning, it leaves nothing behind either', async () => {
  const demo = startDemo();
  const all = await eventually(async () => {
    const below = await processesBelow(demo.pid);
    expect(below.length).toBeGreaterThan(20);
    return below;
  }, 60_000);

  demo.process.kill('SIGTERM');

  expect(await demo.ended).toBe(143);
  await expectGone(all);
  expect(await readdir(folder)).toEqual([]);
});

interface Demo {
  process: ChildProcess;
  pid: number;
  said: () => string;
  untilSaid: (words: string) => Promise<void>;
  /** Exit code. */
  ended: Promise<number | null>;
}

/** `under`: a program that runs the demo. */
function startDemo({ argv = [] as string[], under = [] as string[] } = {}): Demo {
  const [program = '', ...rest] = [...under, process.execPath, 'test/demo/main.ts', ...argv];
  const child = spawn(program, rest, {
    cwd: repository,
    env: { ...process.env, TMPDIR: folder, NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (said += chunk.toString()));
  onTestFailed(() => console.log(said));
  const ended = once(child, 'close').then(([code]) => code as number | null);
  const untilSaid = (words: string) =>
    eventually(async () => expect(said).toContain(words), 90_000);
  return { process: child, pid: child.pid ?? -1, said: () => said, untilSaid, ended };
}

/** Over the loopback of this machine, as a browser asks that has accepted the certificate. */
async function answerOf(name: string, port: number, place: string): Promise<string> {
  const options: RequestOptions = {
    host: '127.0.0.1',
    port,
    path: place,
    servername: name,
    headers: { host: `${name}:${port}` },
    rejectUnauthorized: false,
  };
  const [response] = await once(get(options), 'response');
  return await text(response);
}

async function expectGone(pids: number[]): Promise<void> {
  expect(pids.length).toBeGreaterThan(20);
  await eventually(async () =>
    expect(pids.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]),
  );
}
