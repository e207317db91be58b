import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type FakeEngine, startFakeEngine } from '../../native/client/fake-engine.ts';
import type { DevicePeer, GatewayEngineConfig } from '../../native/client/protocol.ts';
import { DataPlane, type DeniedFlow } from './data-plane.ts';
import { Traffic } from './traffic.ts';

let folder: string;
let fake: FakeEngine;
let plane: DataPlane;
let denied: DeniedFlow[];
let peerChanges: number;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'culvert-dataplane-'));
  fake = await startFakeEngine(join(folder, 'engine.sock'), 'gateway');
  fake.status.peers = [
    { id: 'dev-1', publicKey: 'k', endpoint: null, lastHandshakeAt: null, rxBytes: 0, txBytes: 0 },
  ];
  denied = [];
  peerChanges = 0;
  plane = new DataPlane({
    folder,
    binary: '/bin/false',
    onDenied: (flow) => denied.push(flow),
    onPeers: () => {
      peerChanges += 1;
    },
  });
  await plane.ready;
});
afterEach(async () => {
  await plane.stop();
  rmSync(folder, { recursive: true, force: true });
});

test('of many configurations at once the last one ends up in the engine', async () => {
  await Promise.all([1280, 1300, 1400, 1420].map((mtu) => plane.apply(config(mtu))));

  expect(fake.configured.at(-1)).toMatchObject(config(1420));
  expect(fake.configured.length).toBeLessThan(4);
});

test('a refused configuration is tried again, for what stood in its way may be gone', async () => {
  fake.refuse = 'UDP port 51820 is taken';
  await expect(plane.apply(config(1300))).rejects.toThrow('UDP port 51820 is taken');
  expect(plane.refusal).toBe('UDP port 51820 is taken');

  fake.refuse = null;

  await vi.waitFor(() => expect(fake.configured.at(-1)).toMatchObject(config(1300)), 15_000);
  await vi.waitFor(() => expect(plane.refusal).toBeNull(), 15_000);
});

test('an engine that was configured again is told where its peers were heard', async () => {
  await plane.apply({ ...config(1300), peers: [device('dev-1')] });
  fake.emit({ kind: 'peer-handshake', id: 'dev-1', at: LATER, endpoint: '192.0.2.1:7' });
  await vi.waitFor(() => expect(plane.peer('dev-1')?.isUp).toBe(true), 15_000);

  await plane.apply({ ...config(1400), peers: [device('dev-1')] });

  expect(fake.configured.at(-1)).toMatchObject({ lastEndpoints: { 'dev-1': '192.0.2.1:7' } });
});

test('a handshake is told at once, and a repeated one is no news', async () => {
  fake.emit({ kind: 'peer-handshake', id: 'dev-1', at: LATER, endpoint: '192.0.2.1:7' });
  fake.emit({ kind: 'peer-handshake', id: 'dev-1', at: LATER + 1, endpoint: '192.0.2.1:7' });

  await vi.waitFor(() => expect(plane.peer('dev-1')?.lastHandshakeAt).toBe(LATER + 1), 15_000);
  expect(plane.peer('dev-1')).toMatchObject({ isUp: true, endpoint: '192.0.2.1:7' });
  expect(peerChanges).toBe(1);
});

test('a refused flow is handed on', async () => {
  const flow: DeniedFlow = {
    kind: 'flow-denied',
    deviceId: 'dev-1',
    destination: '10.0.0.5',
    protocol: 'tcp',
    port: 22,
    ruleId: null,
    at: 7,
  };

  fake.emit(flow);

  await vi.waitFor(() => expect(denied).toEqual([flow]), 15_000);
});

test('when the engine goes, every tunnel counts as down', async () => {
  fake.emit({ kind: 'peer-handshake', id: 'dev-1', at: LATER, endpoint: null });
  await vi.waitFor(() => expect(plane.peer('dev-1')?.isUp).toBe(true), 15_000);

  await fake.crash();

  await vi.waitFor(() => expect(plane.peer('dev-1')?.isUp).toBe(false), 15_000);
});

test('traffic is the difference of counters over time, and never negative', () => {
  const traffic = new Traffic();

  traffic.take({ at: 1000, fromDevices: 100, toDevices: 0 });
  traffic.take({ at: 2000, fromDevices: 300, toDevices: 50 });
  traffic.take({ at: 4000, fromDevices: 0, toDevices: 150 });

  expect(traffic.points).toEqual([
    { at: 2000, fromDevices: 200, toDevices: 50 },
    { at: 4000, fromDevices: 0, toDevices: 50 },
  ]);
});

/** After every status that the fake gives. */
const LATER = Date.now() + 60_000;

function device(id: string): DevicePeer {
  return { kind: 'device', id, publicKey: 'k', addresses: [], subjects: [], expiresAt: null };
}

function config(mtu: number): GatewayEngineConfig {
  return { privateKey: 'k', listenPort: 0, mtu, peers: [], networks: [], rules: [] };
}
