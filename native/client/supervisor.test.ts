import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { backoffMs } from './backoff.ts';
import { EngineRefusal } from './connection.ts';
import { configHash, Engine } from './engine.ts';
import { startFakeEngine } from './fake-engine.ts';
import type { ConnectorEngineConfig, EngineEvent } from './protocol.ts';
import { type EngineOptions, type EngineState, SupervisedEngine } from './supervisor.ts';

vi.setConfig({ testTimeout: 60_000 });

let folder: string;
let socketPath: string;
let supervised: SupervisedEngine | undefined;
let states: EngineState[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'culvert-client-'));
  socketPath = join(folder, 'control.sock');
  states = [];
});
afterEach(async () => {
  await supervised?.stop();
  supervised = undefined;
  rmSync(folder, { recursive: true, force: true });
});

test('an engine is started, configured, and ended by stop', async () => {
  const engine = supervise();
  await engine.ready;
  const pid = engine.engine?.hello.pid ?? 0;

  await engine.configure(CONFIG);

  expect((await engine.engine?.status())?.role).toBe('connector');
  expect(engine.engine?.hello.configHash).toBe(configHash(CONFIG));
  await engine.stop();
  await vi.waitFor(() => expect(isAlive(pid)).toBe(false), 15_000);
});

test('a released engine goes on, and the next supervisor adopts it as it is', async () => {
  const first = supervise();
  await first.ready;
  await first.configure(CONFIG);
  const pid = first.engine?.hello.pid ?? 0;
  await first.release();

  const second = supervise();
  await second.ready;

  expect(isAlive(pid)).toBe(true);
  expect(second.state).toMatchObject({ kind: 'running', adopted: true, hello: { pid } });
  expect(second.engine?.hello.configHash).toBe(configHash(CONFIG));
});

test('an engine that is killed comes back with its configuration', async () => {
  const engine = supervise();
  await engine.ready;
  await engine.configure(CONFIG);
  const pid = engine.engine?.hello.pid ?? 0;

  process.kill(pid, 'SIGKILL');

  await vi.waitFor(() => expect(engine.engine?.hello.pid).not.toBe(pid), 15_000);
  await vi.waitFor(() => expect(engine.engine?.hello.configHash).toBe(configHash(CONFIG)), 15_000);
});

test('an engine that hangs is ended, and another one takes its place with the configuration', async () => {
  const engine = supervise([], { everyMs: 200, patienceMs: 500 });
  await engine.ready;
  await engine.configure(CONFIG);
  const pid = engine.engine?.hello.pid ?? 0;

  process.kill(pid, 'SIGSTOP');

  await vi.waitFor(() => expect(isAlive(pid)).toBe(false), 15_000);
  await vi.waitFor(() => expect(engine.engine?.hello.configHash).toBe(configHash(CONFIG)), 15_000);
  expect(states).toContainEqual(
    expect.objectContaining({
      kind: 'failed',
      reason: 'The engine did not answer “status” within 0.5 s.',
    }),
  );
});

test('an engine that was only slow is taken up again as it is', async () => {
  const engine = supervise([], { everyMs: 200, patienceMs: 500 });
  await engine.ready;
  const pid = engine.engine?.hello.pid ?? 0;

  process.kill(pid, 'SIGSTOP');
  await vi.waitFor(() => expect(engine.state.kind).toBe('failed'), 15_000);
  process.kill(pid, 'SIGCONT');

  await vi.waitFor(() => expect(engine.state.kind).toBe('running'), 15_000);
  expect(engine.state).toMatchObject({ adopted: true, hello: { pid } });
});

test('an engine that cannot start is told with its own last words', async () => {
  supervise(['--fail']);

  await vi.waitFor(
    () => expect(states.some((state) => state.kind === 'failed')).toBe(true),
    15_000,
  );
  const failed = states.find((state) => state.kind === 'failed');
  expect(failed?.reason).toBe(
    'The engine ended with status 1. Its last words: cannot start: told to fail',
  );
});

test('a running engine of another protocol is told to leave', async () => {
  const old = await startFakeEngine(socketPath, 'connector', 99);

  const engine = supervise();
  await engine.ready;

  expect(engine.engine?.hello.protocol).toBe(1);
  expect(engine.engine?.hello.pid).not.toBe(old.hello.pid);
});

test('a refused configuration rejects and the engine keeps its last one', async () => {
  const fake = await startFakeEngine(socketPath, 'connector');
  const engine = supervise();
  await engine.ready;
  await engine.configure(CONFIG);
  fake.refuse = 'peer 3 has no key';

  const refused = engine.configure({ ...CONFIG, mtu: 1280 });

  await expect(refused).rejects.toEqual(new EngineRefusal('bad-config', 'peer 3 has no key'));
  expect(engine.engine?.hello.configHash).toBe(configHash(CONFIG));
});

test('events reach the watcher', async () => {
  const fake = await startFakeEngine(socketPath, 'gateway');
  const engine = await Engine.open(socketPath);
  const seen: EngineEvent[] = [];
  await engine.watch((event) => seen.push(event));

  fake.emit({ kind: 'peer-lost', id: 'dev-1', at: 7 });

  await vi.waitFor(() => expect(seen).toEqual([{ kind: 'peer-lost', id: 'dev-1', at: 7 }]), 15_000);
  await engine.shutdown();
});

test('a wait is never longer than its ceiling, and the ceiling never passes the cap', () => {
  const backoff = { firstMs: 200, capMs: 30_000 };
  fc.assert(
    fc.property(fc.nat(10_000), fc.double({ min: 0, max: 1, noNaN: true }), (attempt, random) => {
      const ms = backoffMs(attempt, backoff, () => random);
      expect(ms).toBeGreaterThanOrEqual(0);
      expect(ms).toBeLessThanOrEqual(Math.min(30_000, 200 * 2 ** Math.min(attempt, 30)));
    }),
  );
});

const CONFIG: ConnectorEngineConfig = {
  privateKey: 'x',
  mtu: 1420,
  addresses: ['100.96.0.9'],
  ranges: [],
  overlay: [],
  peers: [],
};

function supervise(extra: string[] = [], watchdog?: EngineOptions['watchdog']): SupervisedEngine {
  supervised = new SupervisedEngine({
    role: 'connector',
    binary: fakeBinary(),
    arguments: extra,
    socketPath,
    logPath: join(folder, 'engine.log'),
    onState: (state) => states.push(state),
    ...(watchdog && { watchdog }),
  });
  return supervised;
}

/** An executable file that runs the fake under this very Node. */
function fakeBinary(): string {
  const path = join(folder, 'engine');
  const program = join(import.meta.dirname, 'fake-engine.ts');
  writeFileSync(path, `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`, { mode: 0o755 });
  return path;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
