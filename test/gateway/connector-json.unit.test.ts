/** What a script may count on: with `--json` each command of the connector prints JSON alone, of exactly this shape. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { ConnectorInstall, Network } from '../../gateway/contract/admin-api.ts';
import { freePort } from '../../gateway/control/free-port.ts';
import { type ScratchGateway, scratchGateway } from '../../gateway/control/scratch-gateway.ts';
import { DataPlane } from '../../gateway/dataplane/data-plane.ts';
import { findEngine } from '../../gateway/dataplane/engine-place.ts';

const PROGRAM = join(import.meta.dirname, '../../gateway/connector/main.ts');
const NOT_JOINED =
  /^This machine has not joined a network yet\. Run the line from the network’s page in the dashboard\.$/;
const WHY = 'the kernel is not allowed to (--allow-kernel allows it)';

/** Each starts programs, on whatever machine runs the tests. */
vi.setConfig({ testTimeout: 60_000, hookTimeout: 30_000 });

let gateway: ScratchGateway;
let folder: string;
let network: Network;
const running: ChildProcess[] = [];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'culvert-connector-'));
  const wireguardPort = await freePort();
  gateway = await scratchGateway({
    wireguardPort,
    dataPlane: (events) =>
      new DataPlane({ ...events, folder: `${folder}/gateway-engine`, binary: findEngine() }),
  });
  network = (await gateway.call<Network>('POST', 'networks', { name: 'tokyo-vpc' })).body;
});
afterEach(async () => {
  for (const child of running.splice(0)) await stop(child);
  await gateway[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

test('status tells as JSON what it tells in words, while it runs and when it was ended', async () => {
  const child = start(['run', '--token', await newToken()]);
  const runs = await vi.waitFor(
    async () => {
      const status = JSON.parse((await connector(['status', '--json'])).out);
      expect(status.tunnels).toMatchObject([{ lastHandshakeAt: expect.any(Number) }]);
      return status;
    },
    { timeout: 20_000, interval: 200 },
  );
  const words = (await connector(['status'])).out;
  await stop(child);
  const ended = await connector(['status', '--json']);

  const { organisation, gateway: address, tunnels } = runs;
  expect(runs).toEqual({
    organisation: expect.any(String),
    gateway: gateway.url,
    engine: { flows: 0 },
    forwarding: { by: 'user-space', why: WHY },
    tunnels: [
      {
        gateway: expect.any(String),
        endpoint: expect.stringMatching(/:\d+$/),
        lastHandshakeAt: expect.any(Number),
      },
    ],
    notCarried: expect.any(Array),
  });
  expect(words.split('\n').slice(0, 4)).toEqual([
    `Organisation  ${organisation} (${address})`,
    'Engine        runs, 0 connections translated in user space',
    `Forwarding    in user space: ${WHY}`,
    expect.stringMatching(
      `^Gateway       ${tunnels[0].gateway}, ${tunnels[0].endpoint}, last handshake \\d+ s ago$`,
    ),
  ]);
  expect([ended.code, JSON.parse(ended.out)]).toEqual([
    0,
    { ...runs, engine: null, tunnels: [], notCarried: [] },
  ]);
});

test('run says one thing a line, and why it ends in the last one', async () => {
  const child = start(['run', '--json', '--token', await newToken()]);
  const lines = linesOf(child);
  // Not its exit, after which there may be more to read.
  const closed = new Promise((resolve) => child.once('close', resolve));
  await vi.waitFor(() => expect(JSON.stringify(lines())).toContain('is in force'), 20_000);

  const { body } = await gateway.call<Network>('GET', `networks/${network.id}`);
  await gateway.call('DELETE', `connectors/${body.connectors[0]?.id}`);

  expect(await closed).toBe(77);
  const [first, ...others] = lines();
  const last = others.pop();
  expect(first).toEqual({
    at: expect.any(Number),
    message: expect.stringMatching(/^Joined the network tokyo-vpc \(.*\)\.$/),
  });
  for (const line of others) {
    expect(line).toEqual({ at: expect.any(Number), message: expect.stringMatching(/\.$/) });
  }
  expect(last).toEqual({
    problem: { code: 'refused', message: expect.stringContaining('was removed from its network') },
    exitCode: 77,
  });
});

test('install says what it joined, and that it had joined before', async () => {
  const install = ['install', '--json', '--token', await newToken()];

  const [first, again] = [await connector(install), await connector(install)];

  const joined = { organisation: expect.any(String), gateway: gateway.url };
  expect([first.code, first.err, JSON.parse(first.out)]).toEqual([
    0,
    '',
    { joined: 'now', ...joined, network: 'tokyo-vpc' },
  ]);
  expect([again.code, JSON.parse(again.out)]).toEqual([
    0,
    { joined: 'before', ...joined, network: null },
  ]);
});

test('undo says what it gave back of a run that was killed, and then that there was nothing', async () => {
  const child = start(['run', '--token', await newToken()]);
  await vi.waitFor(
    async () => expect((await connector(['status'])).out).toContain('Engine        runs'),
    20_000,
  );
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGKILL');
  await gone;

  const [first, again] = [await connector(['undo', '--json']), await connector(['undo', '--json'])];
  const inWords = await connector(['undo']);

  expect([first.code, JSON.parse(first.out)]).toEqual([0, { undone: ['the engine'] }]);
  expect([again.code, JSON.parse(again.out)]).toEqual([0, { undone: [] }]);
  const nothing = 'culvert-connector: There was nothing to give back.\n';
  expect(inWords).toEqual({ code: 0, out: nothing, err: '' });
});

test('version is as JSON too', async () => {
  const { code, out } = await connector(['version', '--json']);

  expect([code, JSON.parse(out)]).toEqual([0, { culvertConnector: 'development' }]);
});

test.each<[string, string[], number, string, RegExp]>([
  ['nothing joined yet', ['status'], 64, 'not-joined', NOT_JOINED],
  ['a run before anything', ['run'], 64, 'not-joined', NOT_JOINED],
  ['no command', [], 64, 'usage', /^Say install, run/],
  ['an option that is none', ['status', '--nonsense'], 64, 'usage', /^Unknown option/],
  ['a token that is none', ['install', '--token', 'x'], 64, 'usage', /./],
])('%s: the problem is JSON, its exit code as in words', async (_what, args, code, name, says) => {
  const [asJson, inWords] = [await connector([...args, '--json']), await connector(args)];

  expect([asJson.code, inWords.code]).toEqual([code, code]);
  const { problem, exitCode, ...rest } = JSON.parse(asJson.out);
  expect([problem.code, exitCode, rest, asJson.err]).toEqual([name, code, {}, '']);
  expect(problem.message).toMatch(says);
  expect(inWords).toMatchObject({ out: '', err: `culvert-connector: ${problem.message}\n` });
});

test('damaged state is told as JSON', async () => {
  const path = join(folder, 'connector.json');
  writeFileSync(path, '{"v":1,"gate');

  const { code, out } = await connector(['status', '--json']);

  expect([code, JSON.parse(out)]).toEqual([
    78,
    { problem: { code: 'state', message: expect.stringContaining(path) }, exitCode: 78 },
  ]);
});

async function newToken(): Promise<string> {
  const path = `networks/${network.id}/connector-token`;
  return (await gateway.call<ConnectorInstall>('POST', path, {})).body.token;
}

function connector(args: string[]): Promise<{ code: number; out: string; err: string }> {
  const argv = [PROGRAM, ...args, '--state', folder];
  return new Promise((resolve) => {
    execFile(process.execPath, argv, { timeout: 30_000 }, (error, out, err) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, out, err }),
    );
  });
}

function start(args: string[]): ChildProcess {
  const argv = [PROGRAM, ...args, '--state', folder];
  const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'pipe'] });
  running.push(child);
  return child;
}

/** Each line that it has printed, as the value that it is. */
function linesOf(child: ChildProcess): () => unknown[] {
  let text = '';
  child.stdout?.on('data', (chunk) => {
    text += String(chunk);
  });
  return () =>
    text
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line));
}

async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await gone;
}
