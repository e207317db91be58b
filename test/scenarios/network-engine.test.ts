/**
 * One namespace, two engines: the device's, driven by the backend, and one that plays the gateway.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { TunnelPeer } from '../../app/daemon/engine/backend.ts';
import { EngineBackend } from '../../app/daemon/engine/engine-backend.ts';
import { findEngine } from '../../native/client/binary.ts';
import { Engine } from '../../native/client/engine.ts';
import { generateKeyPair } from '../../native/wg/keys.ts';
import { setInterface, uapiPath } from '../../native/wg/uapi-socket.ts';
import { Namespace } from './network-namespace.ts';

const suffix = process.pid.toString(36);
const device = `cvd${suffix}`;
const gatewayDevice = `cvg${suffix}`;
const keys = { device: generateKeyPair(), gateway: generateKeyPair() };
const settings = { privateKey: keys.device.privateKey, mtu: 1400, mark: 0x4300_0000 };

let namespace: Namespace;
let folder: string;
let gateway: EngineBackend;
let backends: EngineBackend[];

beforeEach(async () => {
  backends = [];
  namespace = await Namespace.create('engine');
  folder = mkdtempSync(join(tmpdir(), 'culvert-engine-'));
  writeFileSync(
    join(folder, 'engine'),
    `#!/bin/sh\nexec nsenter --net=/run/netns/${namespace.name} ${findEngine()} "$@"\n`,
    { mode: 0o755 },
  );
  gateway = backend(gatewayDevice);
  await gateway.start({ privateKey: keys.gateway.privateKey, mtu: 1400, mark: 0 });
  const peers = [{ publicKey: keys.device.publicKey, allowedIps: ['100.96.0.5/32'] }];
  await setInterface(uapiPath(gatewayDevice), { listenPort: 51820, peers });
});
afterEach(async () => {
  await Promise.allSettled(backends.map((one) => one.stop()));
  await namespace.remove();
  rmSync(folder, { recursive: true });
});

test('a handshake comes by itself, the device is ours alone, and stopping leaves nothing', async () => {
  const engine = backend(device);

  let told = 0;
  engine.onHandshake(() => told++);

  expect(await engine.start(settings)).toBe('started');
  await engine.configure(peer());

  await expect.poll(() => told).toBe(1);
  const state = await handshake(engine);
  expect(state).toMatchObject({ publicKey: keys.device.publicKey, endpoint: '127.0.0.1:51820' });
  expect(state.rttMs).toBeGreaterThan(0);
  // The machine may pause meanwhile.
  expect(state.rttMs).toBeLessThan(10_000);
  expect(await namespace.sh(`ip link show ${device}`)).toContain('mtu 1400');
  await engine.stop();
  expect((await namespace.try(`ip link show ${device}`)).status).not.toBe(0);
  expect(existsSync(uapiPath(device))).toBe(false);
  expect(await engine.state()).toBeNull();
});

test('a daemon that is killed leaves the engine running, and the next one keeps its session', async () => {
  const daemon = spawn(process.execPath, [daemonScript()], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(daemon.stdout, 'data');
  daemon.kill('SIGKILL');
  await once(daemon, 'exit');
  const engine = backend(device);

  expect(await engine.start(settings)).toBe('adopted');
  await engine.configure(peer());
  const before = await handshake(engine);
  await engine.configure(peer());
  await pause(1_200);

  expect((await engine.state())?.lastHandshakeAt).toBe(before.lastHandshakeAt);
});

test('asked for a fresh handshake, a new one comes although a session lives', async () => {
  const engine = backend(device);
  await engine.start(settings);
  await engine.configure(peer());
  const first = await handshake(engine);
  await pause(1_100);

  await engine.configure(peer({ isFresh: true }));

  expect((await handshake(engine)).lastHandshakeAt).toBeGreaterThan(first.lastHandshakeAt ?? 0);
});

test('an engine that is killed is told once, and started again beside what it left behind', async () => {
  const engine = backend(device);
  await engine.start(settings);
  let told = 0;
  engine.onGone(() => told++);
  const { hello } = await Engine.open(join(folder, `${device}.sock`));

  process.kill(hello.pid, 'SIGKILL');
  await expect.poll(() => told).toBe(1);

  expect(await engine.state()).toBeNull();
  expect(await engine.start(settings)).toBe('started');
  await engine.configure(peer());
  await handshake(engine);
  await engine.stop();
  expect(told).toBe(1);
});

test('what keeps an engine from starting is one sentence', async () => {
  await namespace.sh(`ip tuntap add ${device} mode tap`);

  await expect(backend(device).start(settings)).rejects.toMatchObject({
    code: 'engine-failed',
    detail: { reason: expect.stringContaining(device) },
  });
  await expect(
    new EngineBackend({ ...places(device), binary: '/nowhere/culvert-engine' }).start(settings),
  ).rejects.toMatchObject({ code: 'engine-missing', detail: { path: '/nowhere/culvert-engine' } });
});

function backend(name: string): EngineBackend {
  const made = new EngineBackend(places(name));
  backends.push(made);
  return made;
}

function places(name: string) {
  return {
    device: name,
    binary: join(folder, 'engine'),
    controlPath: join(folder, `${name}.sock`),
    logPath: join(folder, `${name}.log`),
  };
}

function peer(parts: Partial<TunnelPeer> = {}): TunnelPeer {
  return {
    publicKey: keys.gateway.publicKey,
    endpoint: '127.0.0.1:51820',
    allowedIps: ['10.0.0.0/8'],
    keepaliveSeconds: 25,
    isFresh: false,
    ...parts,
  };
}

async function handshake(engine: EngineBackend) {
  const shaken = async () => {
    const state = await engine.state();
    return state?.lastHandshakeAt ? state : null;
  };
  await expect.poll(shaken).not.toBeNull();
  const state = await shaken();
  if (!state) throw new Error('the engine went away');
  return state;
}

/** A daemon as small as can be: starts the engine, says so, and waits to be killed. */
function daemonScript(): string {
  const module = fileURLToPath(
    new URL('../../app/daemon/engine/engine-backend.ts', import.meta.url),
  );
  const path = join(folder, 'daemon.mjs');
  writeFileSync(
    path,
    `import { EngineBackend } from ${JSON.stringify(module)};
const engine = new EngineBackend(${JSON.stringify(places(device))});
await engine.start(${JSON.stringify(settings)});
await engine.configure(${JSON.stringify(peer())});
console.log('up');
setInterval(() => {}, 1000);
`,
  );
  return path;
}
