import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Fault } from '../../contract/problem.ts';
import { type TunnelHost, TunnelShell } from './tunnel-shell.ts';
import type { Path, TunnelConfig } from './tunnel-state.ts';

const LOG = { debug: () => undefined, info: () => undefined, warn: () => undefined };
const CONFIG: TunnelConfig = {
  ways: [{ gatewayId: 'g', gatewayName: 'tokyo', publicKey: 'key', endpoint: '203.0.113.1:51820' }],
  keepaliveSeconds: 25,
  blocked: null,
};

let uptime: number;
let wall: number;
let path: Path | null;
let done: string[];
let host: { [Call in keyof TunnelHost]: ReturnType<typeof vi.fn> & TunnelHost[Call] };
let shell: TunnelShell;

beforeEach(() => {
  vi.useFakeTimers();
  uptime = 0;
  wall = 1_700_000_000_000;
  path = { lastHandshakeAt: null, rxBytes: 0, txBytes: 0 };
  done = [];
  const record = (name: string) => vi.fn(async () => void done.push(name));
  host = {
    protect: record('protect'),
    startEngine: record('start-engine'),
    point: record('point'),
    applyNetwork: record('apply-network'),
    pause: record('pause'),
    stop: record('stop'),
    path: vi.fn(async () => path),
  };
  shell = new TunnelShell(host, LOG, () => undefined, { now: () => wall, uptime: () => uptime });
});
afterEach(async () => {
  await shell.close();
  vi.useRealTimers();
});

test('it goes up by itself once the gateway answers, and down when that is wanted', async () => {
  shell.begin('on', CONFIG);
  await pass(500);
  path = { lastHandshakeAt: wall, rxBytes: 0, txBytes: 0 };
  await pass(500);

  expect(shell.state.kind).toBe('on');
  shell.send({ kind: 'want-off' });
  await pass(0);
  expect(shell.state.kind).toBe('off');
  expect(done).toEqual(['protect', 'start-engine', 'point', 'apply-network', 'stop']);
});

test('a handshake that the engine tells of brings the routes at once, without waiting for the next look', async () => {
  shell.begin('on', CONFIG);
  await pass(300);
  path = { lastHandshakeAt: wall, rxBytes: 0, txBytes: 0 };

  shell.lookNow();
  await pass(0);

  expect(shell.state.kind).toBe('on');
});

test('a session that an adopted engine holds already is seen at once', async () => {
  path = { lastHandshakeAt: wall - 1000, rxBytes: 0, txBytes: 0 };

  shell.begin('on', CONFIG);
  await pass(0);

  expect(shell.state.kind).toBe('on');
});

test('it goes on after hours without anything to do', async () => {
  shell.begin('off', null);
  await pass(10_000);

  shell.send({ kind: 'want-on' });
  await pass(5000);
  shell.send({ kind: 'want-off' });
  await pass(0);

  expect(shell.state.kind).toBe('off');
});

test('a start without its protection starts no engine', async () => {
  host.protect.mockRejectedValue(new Fault('network-refused', { reason: 'no nft' }));

  shell.begin('on', CONFIG);
  await pass(100);

  expect(shell.state).toMatchObject({ kind: 'failed', problem: { code: 'network-refused' } });
  expect(done).toEqual([]);
});

test('waking up, which is a jump of the wall clock, asks for a handshake at once', async () => {
  await goOn();

  wall += 600_000;
  await pass(1000);

  expect(done.slice(4)).toEqual(['apply-network', 'point']);
});

test('an engine that died is started again', async () => {
  await goOn();

  path = null;
  host.startEngine.mockImplementation(async () => {
    done.push('start-engine');
    path = { lastHandshakeAt: wall, rxBytes: 0, txBytes: 0 };
  });
  await pass(2000);

  expect(done.slice(4)).toEqual(['start-engine', 'point', 'apply-network']);
  expect(shell.state.kind).toBe('on');
});

test('an engine that goes on dying is started ever more seldom, and the protection stays', async () => {
  await goOn();
  done.length = 0;

  path = null;
  await pass(60_000);

  const starts = done.filter((each) => each === 'start-engine').length;
  expect(starts).toBeGreaterThan(4);
  expect(starts).toBeLessThan(12);
  expect(done).not.toContain('stop');
});

test('closing leaves the host as it is', async () => {
  await goOn();

  await shell.close();
  await pass(60_000);

  expect(done).toHaveLength(4);
});

async function goOn(): Promise<void> {
  shell.begin('on', CONFIG);
  await pass(300);
  path = { lastHandshakeAt: wall, rxBytes: 0, txBytes: 0 };
  await pass(1000);
  expect(shell.state.kind).toBe('on');
}

async function pass(ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= 50) {
    uptime += 50;
    wall += 50;
    await vi.advanceTimersByTimeAsync(50);
  }
  await vi.advanceTimersByTimeAsync(0);
}
